#include "tls.h"

#include "core/cleanup.h"
#include "core/openssl.h"

#include <openssl/err.h>

#include <string.h>

DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)

/* Without one OpenSSL asks on the terminal and waits. */
static int no_passphrase(char *text, int size, int writing, void *context)
{
    (void)writing;
    (void)context;
    if (size > 0)
        text[0] = '\0';
    return 0;
}

static enum status use_certificate(SSL_CTX *context, const char *certificate, struct error *err)
{
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return FAIL(err, STATUS_INVALID, "certificate '%s': %s", certificate,
                    openssl_reason("unknown reason"));
    return STATUS_OK;
}

static enum status use_key(SSL_CTX *context, const char *certificate, const char *key,
                           struct error *err)
{
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return FAIL(err, STATUS_INVALID, "key '%s' for certificate '%s': %s", key, certificate,
                    openssl_reason("unknown reason"));
    return STATUS_OK;
}

static enum status new_context(SSL_CTX **ret_context, struct error *err)
{
    ERR_clear_error();
    CLEANUP(SSL_CTX_freep) SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "TLS context: %s", openssl_reason("unknown reason"));
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return FAIL(err, STATUS_INTERNAL, "TLS versions and ciphers: %s",
                    openssl_reason("unknown reason"));

    /* An end without close_notify is an end: a message says itself how long it is. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* an idle connection costs little */
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);

    *ret_context = STEAL(context);
    return STATUS_OK;
}

enum status tls_context_new(const char *certificate, const char *key, SSL_CTX **ret_context,
                            struct error *err)
{
    CLEANUP(SSL_CTX_freep) SSL_CTX *context = NULL;
    if (new_context(&context, err) != STATUS_OK ||
        use_certificate(context, certificate, err) != STATUS_OK)
        return error_status(err);
    if (key != NULL && use_key(context, certificate, key, err) != STATUS_OK)
        return error_status(err);
    *ret_context = STEAL(context);
    return STATUS_OK;
}
