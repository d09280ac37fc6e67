#include "bucket/full.h"

#include <stddef.h>
#include <string.h>

/* All words of a line must be there: codes and messages of servers, and what the kernel says, which
 * some servers pass on. */
static const struct {
    const char *one, *other; /* other NULL: one is enough */
} signs[] = {
    {"quota", "exceed"},  /* Ceph, MinIO, NooBaa, Swift; EDQUOT */
    {"quota", "reached"}, /* Garage */
    {"quota", "used up"}, /* and other ways to say it */
    {"quota", "over"},
    {"storage cap", "exceed"}, /* Backblaze B2 */
    {"storage limit", NULL},
    {"storagelimit", NULL},
    {"storagefull", NULL},         /* MinIO: XMinioStorageFull */
    {"minimum free", "threshold"}, /* MinIO, in its message */
    {"storage full", NULL},
    {"insufficientstorage", NULL}, /* RFC 4918, 11.5, as a code */
    {"insufficient storage", NULL},
    {"insufficientcapacity", NULL},
    {"insufficient capacity", NULL},
    {"no space left", NULL}, /* ENOSPC */
    {"not enough space", NULL},
    {"disk full", NULL},
    {"bucket is full", NULL},
};

bool bucket_full_is_said(const char *text)
{
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strcasestr(text, signs[i].one) != NULL &&
            (signs[i].other == NULL || strcasestr(text, signs[i].other) != NULL))
            return true;
    }
    return false;
}
