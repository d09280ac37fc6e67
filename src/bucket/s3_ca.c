#include "bucket/s3_ca.h"

#include "core/cleanup.h"
#include "core/openssl.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <string.h>

DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)

enum status s3_ca_check(const char *path, struct error *err)
{
    ERR_clear_error();
    CLEANUP(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    if (store == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "certificates '%s'", path);
    if (X509_STORE_load_file(store, path) != 1)
        return FAIL(err, STATUS_INVALID, "certificates '%s': %s", path,
                    openssl_reason("no certificate in it"));
    return STATUS_OK;
}
