/* What is unchanged since the earlier backup is not read again. */
#include "tests/support/backup_steps.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(backup_again, .init = backup_steps_set_up, .fini = backup_steps_tear_down);

Test(backup_again, compares_with_the_parent)
{
    char first[65];
    make_files("volume");
    expect_backup();
    expect_summary("6/0/0/4/0/0", "");
    snprintf(first, sizeof(first), "%s", result.repository_snapshot);

    next_backup();
    expect_summary("0/0/6/0/0/4", first);
    cr_expect(lt(sz, 0, expect_restore("target", fixture.volumes[0])));

    snprintf(first, sizeof(first), "%s", result.repository_snapshot);
    scratch_shell(&fixture.scratch,
                  "cd volume && rm a/1 && touch -r a/2 mark && printf 9 | dd of=a/2 conv=notrunc "
                  "status=none && touch -r mark a/2 && rm mark && echo 0 >a/0 && echo new >z && "
                  "rm -r b/c && echo file >b/c");
    next_backup();
    /* a/2 has the mtime and the size that it had: its ctime tells. b/hard lost a link. */
    expect_summary("3/2/2/0/3/0", first);
    cr_expect(lt(sz, 0, expect_restore("target2", fixture.volumes[0])));
    backup_fixture_check(&fixture);
}

Test(backup_again, sees_changed_attributes_of_an_unchanged_file)
{
    make_files("volume");
    expect_backup();
    scratch_shell(&fixture.scratch, "cd volume && chmod 600 a/2 && chown 12:34 empty && "
                                    "setfattr -n user.note -v changed large");
    next_backup();
    cr_expect(lt(sz, 0, expect_restore("target", fixture.volumes[0])));
}

/* So many packs hold trees only, or data only; removes one kind as a faulty disk would. */
static void lose_packs(const char *type)
{
    free(backup_fixture_restic(&fixture, "list blobs"));
    scratch_shell(&fixture.scratch,
                  "cd bucket/%s && for pack in $(RESTIC_PASSWORD='a passphrase for tests' restic "
                  "--no-cache -r . list blobs >/dev/null; find data -type f); do "
                  "case $(RESTIC_PASSWORD='a passphrase for tests' restic --no-cache -r . cat "
                  "index $(ls index | head -n 1) | jq -r --arg id $(basename $pack) "
                  "'.packs[]|select(.id==$id)|.blobs[0].type') in %s) rm -f $pack ;; esac; done",
                  FIXTURE_APP, type);
    free(backup_fixture_restic(&fixture, "rebuild-index"));
}

Test(backup_again, reads_again_what_the_repository_has_lost)
{
    make_files("volume");
    expect_backup();
    char first[65];
    snprintf(first, sizeof(first), "%s", result.repository_snapshot);
    lose_packs("data");
    next_backup();
    expect_summary("0/5/1/0/0/4", first); /* an empty file has lost nothing */
    backup_fixture_check(&fixture);
}

Test(backup_again, goes_on_beside_a_snapshot_that_cannot_be_read)
{
    make_files("volume");
    expect_backup();
    char first[65];
    snprintf(first, sizeof(first), "%s", result.repository_snapshot);
    next_backup();
    scratch_shell(&fixture.scratch, "cd bucket/*/snapshots && chmod 600 %s && : >%s",
                  result.repository_snapshot, result.repository_snapshot);
    char damaged[96];
    snprintf(damaged, sizeof(damaged), "snapshots/%s", result.repository_snapshot);

    next_backup();

    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, json_array_size(result.state_details), 1), "%s", details);
    cr_expect(strstr(details, "/snapshot_unreadable") != NULL, "%s", details);
    cr_expect(strstr(details, damaged) != NULL, "%s", details);
    cr_expect(lt(sz, 0, expect_restore("target", fixture.volumes[0])));
    scratch_shell(&fixture.scratch, "rm bucket/*/%s", damaged);
    expect_summary("0/0/6/0/0/4", first); /* the one before was the parent */
    backup_fixture_check(&fixture);
}

Test(backup_again, goes_on_without_a_parent_that_is_damaged)
{
    make_files("volume");
    expect_backup();
    lose_packs("tree");
    next_backup();
    char *details = json_dumps(result.state_details, 0);
    cr_expect(strstr(details, "Earlier backup is damaged") != NULL, "%s", details);
    free(details);
    cr_expect(lt(sz, 0, expect_restore("target", fixture.volumes[0])));
}
