/*
 * TLS: what a listener needs to speak it. TLS 1.2 and 1.3; forward secrecy and AEAD only; no
 * renegotiation, no compression. A connection keeps the context that it began with (reference
 * counts of OpenSSL), so that a listener may change to another at any time.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "core/error.h"

#include <openssl/ssl.h>

/*
 * PEM files: the certificate with its chain behind it, and its key; NULL: only to see whether the
 * certificate can be used. Caller owns *ret_context: SSL_CTX_free(). Errors: INVALID: unreadable,
 * or the key is not that of the certificate.
 */
enum status tls_context_new(const char *certificate, const char *key, SSL_CTX **ret_context,
                            struct error *err) MUST_CHECK;

#endif
