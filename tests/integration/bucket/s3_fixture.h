/* A store in the bucket of the Ceph that tests/support/ceph_rgw.py started for us, or behind a
 * proxy that makes trouble (tests/support/s3_proxy.py). */
#ifndef TESTS_INTEGRATION_BUCKET_S3_FIXTURE_H
#define TESTS_INTEGRATION_BUCKET_S3_FIXTURE_H

#include "bucket/object_store.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define S3_PROXY TEST_SOURCE_DIR "/tests/support/s3_proxy.py"

struct s3_fixture {
    struct scratch scratch;
    struct object_store *store;
    struct error err;
    pid_t proxy; /* 0: none */
    int proxy_stdin;
    char proxy_url[80];
    char credentials[128];
    struct object_store_s3 options;
};

const char *s3_environment(const char *name);

void s3_write_keys(struct s3_fixture *f, const char *access_key, const char *secret_key,
                   const char *token);

/* prefix: the test's own, so that tests do not meet. */
void s3_fixture_init(struct s3_fixture *f, const char *prefix);

/* Without a real service: the proxy keeps the objects, with so many in a page of a listing. */
void s3_fixture_init_memory(struct s3_fixture *f, const char *page, const char *faults);

void s3_fixture_open(struct s3_fixture *f);

/* Puts a proxy with these faults (and options of s3_proxy.py before them) between; it ends when its
 * stdin does, so with us. */
void s3_fixture_proxy(struct s3_fixture *f, const char *options, const char *faults);

void s3_fixture_done(struct s3_fixture *f);

#define MUST(f, call) cr_assert(eq(int, (int)(call), (int)STATUS_OK), "%s", (f)->err.text)

#endif
