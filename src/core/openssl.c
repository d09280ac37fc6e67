#include "core/openssl.h"

#include <openssl/err.h>

#include <string.h>

const char *openssl_reason(const char *otherwise)
{
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char *text = ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code))
                                              : ERR_reason_error_string(code);
    return text == NULL ? otherwise : text;
}
