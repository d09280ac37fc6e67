/* A file system that is really full: a tmpfs of one MiB. */
#include "bucket/object_store.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

Test(object_store_put, leaves_nothing_on_a_full_file_system)
{
    struct scratch scratch;
    struct object_store *store = NULL;
    struct error err = {0};
    struct object_part part = {.bytes = calloc(1, 2 << 20), .len = 2 << 20};
    struct object_part small = {.bytes = "still fits", .len = 10};
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir bucket && mount -t tmpfs -o size=1m none bucket");
    cr_assert(eq(int,
                 (int)object_store_open_directory("full", scratch_path(&scratch, "bucket"), "",
                                                  &store, &err),
                 (int)STATUS_OK));

    enum status status = object_store_put(store, "data/00/x", &part, 1, &err);

    cr_expect(eq(int, (int)status, (int)STATUS_NO_SPACE), "%s", err.text);
    cr_expect(status_is_transient(status));
    scratch_shell(&scratch, "test -z \"$(find bucket -type f)\"");
    cr_expect(eq(int, (int)object_store_put(store, "data/00/y", &small, 1, &err), (int)STATUS_OK),
              "%s", err.text);
    free((void *)part.bytes);
    object_store_close(store);
    scratch_close(&scratch);
}
