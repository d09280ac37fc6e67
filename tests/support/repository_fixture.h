/* A repository in a scratch directory, for the tests of what works on one. */
#ifndef TESTS_SUPPORT_REPOSITORY_FIXTURE_H
#define TESTS_SUPPORT_REPOSITORY_FIXTURE_H

#include "repository/repository.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define PASSPHRASE "open sesame"

struct fixture {
    struct scratch scratch; /* the bucket is its directory "bucket", the repository "bucket/shop" */
    struct object_store *store;
    struct repository *repository;
    struct error err;
};

#define MUST(fixture, call)                                                                   \
    do {                                                                                      \
        enum status must_ = (call);                                                           \
        cr_assert(eq(int, (int)must_, (int)STATUS_OK), "%s: %s", #call, (fixture)->err.text); \
    } while (0)

#define EXPECT_STATUS(fixture, call, wanted)                                                \
    do {                                                                                    \
        enum status got_ = (call);                                                          \
        cr_expect(eq(int, (int)got_, (int)(wanted)), "%s: %s", #call, (fixture)->err.text); \
    } while (0)

void fixture_open_store(struct fixture *f);

void fixture_open(struct fixture *f);

/* As another process would find it. */
void fixture_reopen(struct fixture *f);

void fixture_close(struct fixture *f);

#endif
