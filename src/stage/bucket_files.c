#include "stage/bucket_files.h"

#include "bucket/s3_ca.h"
#include "bucket/s3_credentials.h"

enum status stage_bucket_check_credentials(const char *path, struct error *err)
{
    struct s3_credentials credentials = {.secret_key = NULL};
    if (s3_credentials_read(path, &credentials, err) != STATUS_OK)
        return error_status(err);
    s3_credentials_done(&credentials);
    return STATUS_OK;
}

enum status stage_bucket_check_ca(const char *path, struct error *err)
{
    return s3_ca_check(path, err);
}
