/* The certificates that a server's is checked against, where the system's will not do. */
#ifndef BUCKET_S3_CA_H
#define BUCKET_S3_CA_H

#include "core/error.h"

/* Could a connection use the PEM file? Errors: INVALID, with the path, and what the system or
 * OpenSSL says. */
enum status s3_ca_check(const char *path, struct error *err) MUST_CHECK;

#endif
