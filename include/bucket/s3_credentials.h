/*
 * S3 credentials: read from a file like the one that other S3 tools use,
 *
 *     [default]                      may be left out
 *     aws_access_key_id = …          or access_key_id
 *     aws_secret_access_key = …      or secret_access_key
 *     aws_session_token = …          or session_token; only of temporary credentials (STS)
 *
 * with "#" and ";" beginning a remark. An error names file and line, never a value.
 */
#ifndef BUCKET_S3_CREDENTIALS_H
#define BUCKET_S3_CREDENTIALS_H

#include "core/error.h"
#include "core/secret.h"

#include <stdbool.h>

enum { S3_ACCESS_KEY_MAX = 128 };

struct s3_credentials {
    char access_key[S3_ACCESS_KEY_MAX + 1]; /* no secret, but nobody's business either */
    struct secret *secret_key;
    struct secret *session_token; /* NULL: none */
};

/* Errors: those of secret_read(); INVALID for what stands in it; NOT_FOUND also when the path
 * begins with "$CREDENTIALS_DIRECTORY/" (systemd.exec(5), LoadCredential=) and there is none.
 * Caller owns *ret_credentials. */
enum status s3_credentials_read(const char *path, struct s3_credentials *ret_credentials,
                                struct error *err) MUST_CHECK;
enum status s3_credentials_parse(const char *text, struct s3_credentials *ret_credentials,
                                 struct error *err) MUST_CHECK;
bool s3_credentials_equal(const struct s3_credentials *one, const struct s3_credentials *other);
void s3_credentials_done(struct s3_credentials *credentials); /* all zeros is fine */

#endif
