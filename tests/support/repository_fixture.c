#include "repository_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

void fixture_open_store(struct fixture *f)
{
    scratch_open(&f->scratch);
    scratch_shell(&f->scratch, "mkdir bucket");
    MUST(f, object_store_open_directory("nightly", scratch_path(&f->scratch, "bucket"), "shop",
                                        &f->store, &f->err));
}

void fixture_open(struct fixture *f)
{
    fixture_open_store(f);
    MUST(f, repository_create(f->store, PASSPHRASE, &f->repository, &f->err));
}

void fixture_reopen(struct fixture *f)
{
    repository_close(f->repository);
    f->repository = NULL;
    MUST(f, repository_open(f->store, PASSPHRASE, &f->repository, &f->err));
    MUST(f, repository_load_index(f->repository, NULL, &f->err));
}

void fixture_close(struct fixture *f)
{
    repository_close(f->repository);
    object_store_close(f->store);
    scratch_close(&f->scratch);
}
