/*
 * Bucket files: what this host has for a bucket, loaded as a job would load it, without a word to
 * the server.
 *
 * Errors    those of s3_credentials_read() and s3_ca_check(), with the path
 */
#ifndef STAGE_BUCKET_FILES_H
#define STAGE_BUCKET_FILES_H

#include "core/error.h"

enum status stage_bucket_check_credentials(const char *path, struct error *err) MUST_CHECK;
enum status stage_bucket_check_ca(const char *path, struct error *err) MUST_CHECK;

#endif
