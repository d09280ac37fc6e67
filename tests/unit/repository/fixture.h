/* A repository in a scratch directory, for the tests of what works on one. */
#ifndef TESTS_UNIT_REPOSITORY_FIXTURE_H
#define TESTS_UNIT_REPOSITORY_FIXTURE_H

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

static inline void fixture_open_store(struct fixture *f)
{
    scratch_open(&f->scratch);
    scratch_shell(&f->scratch, "mkdir bucket");
    MUST(f, object_store_open_directory("nightly", scratch_path(&f->scratch, "bucket"), "shop",
                                        &f->store, &f->err));
}

static inline void fixture_open(struct fixture *f)
{
    fixture_open_store(f);
    MUST(f, repository_create(f->store, PASSPHRASE, &f->repository, &f->err));
}

/* As another process would find it. */
static inline void fixture_reopen(struct fixture *f)
{
    repository_close(f->repository);
    f->repository = NULL;
    MUST(f, repository_open(f->store, PASSPHRASE, &f->repository, &f->err));
    MUST(f, repository_load_index(f->repository, NULL, &f->err));
}

static inline void fixture_close(struct fixture *f)
{
    repository_close(f->repository);
    object_store_close(f->store);
    scratch_close(&f->scratch);
}

#endif
