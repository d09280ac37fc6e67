#include "bucket/full.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(bucket_full_is_said, knows_the_words_of_many_makers)
{
    static const char *const full[] = {
        "QuotaExceeded",
        "XMinioAdminBucketQuotaExceeded",
        "Bucket quota exceeded",
        "XMinioStorageFull",
        "Storage backend has reached its minimum free drive threshold. Please delete a few objects "
        "to proceed.",
        "Forbidden: Bucket size quota is reached, maximum total size of objects for this bucket: "
        "53",
        "Cannot upload files, storage cap exceeded. See the Caps & Alerts page.",
        "InsufficientStorage",
        "ObjectQuotaExceeded",
        "Upload exceeds quota.",
        "StorageLimitExceeded",
        "write /data/x: no space left on device",
        "disk quota exceeded",
    };
    for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++)
        cr_expect(bucket_full_is_said(full[i]), "%s", full[i]);
}

Test(bucket_full_is_said, takes_nothing_else_for_it)
{
    static const char *const other[] = {
        "",
        "AccessDenied",
        "Access Denied by a policy.",
        "Please reduce your request rate.",
        "Your proposed upload exceeds the maximum allowed object size.",
        "Storage resources are insufficient for the write operation",
        "s3:https://s3.example.com/quota-backups: connection refused",
    };
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        cr_expect(not(bucket_full_is_said(other[i])), "%s", other[i]);
}
