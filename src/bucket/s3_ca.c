#include "bucket/s3_ca.h"

#include "core/cleanup.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <string.h>

DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)

/* The first one: the later ones only say who had to give up for it. */
static const char *reason(void)
{
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char *text = ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code))
                                              : ERR_reason_error_string(code);
    return text == NULL ? "no certificate in it" : text;
}

enum status s3_ca_check(const char *path, struct error *err)
{
    ERR_clear_error();
    CLEANUP(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    if (store == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "certificates '%s'", path);
    if (X509_STORE_load_file(store, path) != 1)
        return FAIL(err, STATUS_INVALID, "certificates '%s': %s", path, reason());
    return STATUS_OK;
}
