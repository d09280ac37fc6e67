/* What every copying driver must do, each on the file systems that it is for. */
#include "core/cleanup.h"
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Every kind of file that a file system has, with everything that a file can have. */
static const char make_tree[] =
    "umask 022\n"
    "echo text >plain; : >empty; head -c 3000000 /dev/urandom >big\n"
    "truncate -s 64M sparse; printf middle | dd of=sparse bs=1 seek=30000000 conv=notrunc 2>&1\n"
    "mkdir -p dir/below/deeper; echo a >dir/below/deeper/file; mkdir dir/none; chmod 000 dir/none\n"
    "echo s >setuid; chown games:games setuid; chmod 6755 setuid\n"
    "cp /bin/true capable; setcap cap_net_raw+ep capable\n"
    "ln -s plain link; ln -s /etc/passwd outside; ln -s missing dangling; chown -h games link\n"
    "echo h >hard1; ln hard1 hard2; ln hard1 dir/hard3; mkfifo fifo; ln fifo dir/fifo2\n"
    "ln link dir/link2\n"
    "mknod char c 1 3; mknod block b 7 250; chmod 640 char; chown games:disk block\n"
    "printf x >\"$(printf 'odd \\n name \\377\\376')\"; : >' '; : >-rf; mkdir \"$(printf "
    "'d\\001')\"\n"
    ": >\"$(printf '%%0255d' 7)\"\n"
    "setfattr -n user.comment -v 'some words' plain; setfattr -n user.empty dir\n"
    "setfattr -n user.large -v \"$(head -c 3000 /dev/zero | tr '\\0' v)\" plain\n"
    "setfattr -h -n trusted.mark -v 1 link; setfattr -n trusted.mark -v 2 fifo\n"
    "setfacl -m u:games:rw,g:disk:r plain; setfacl -m u:games:rwx,d:u:games:rw,d:g:disk:r dir\n"
    "chmod 1777 dir/below; chmod 2755 dir/below/deeper\n"
    "touch -h -d '1999-12-31 23:59:59.123456789' plain link fifo char\n"
    "touch -a -d '2001-02-03 04:05:06.000000007' big\n"
    "touch -d '2040-01-01 00:00:00.5' dir dir/below; touch -d '1969-01-01' empty\n"
    "touch -d '2020-02-02 02:02:02.020202020' .\n";

/* All that a backup would see: no inode numbers, no sizes of directories, no ctime, no sockets,
 * no origins. */
static char *fingerprint(const struct place *place, const char *directory)
{
    return scratch_output(
        &place->device.scratch,
        "cd '%s'; export LC_ALL=C; set -f; seen='. -name .appbackup-* -prune -o'\n"
        "find $seen -type d -printf '%%p|%%y|%%m|%%U|%%G|%%T@\\n' | sort\n"
        "find $seen ! -type d ! -type s -printf '%%p|%%y|%%m|%%U|%%G|%%T@|%%s|%%n|%%l\\n' | sort\n"
        "find $seen \\( -type b -o -type c \\) -print | sort | xargs -r stat -c '%%n %%t:%%T'\n"
        "find $seen -type f -print0 | sort -z | xargs -0 sha256sum\n"
        "find $seen ! -type s -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex -- |"
        " awk 'BEGIN { RS = \"\"; ORS = \"\\n\\n\" }"
        " { gsub(/\\ntrusted[.]appbackup[.]origin=[^\\n]*/, \"\") } /\\n/'\n"
        "find $seen -links +1 ! -type d -printf '%%i %%p\\n' | sort -k2 |"
        " awk '!($1 in first) { first[$1] = $2 } { print first[$1], $2 }'\n",
        directory);
}

ParameterizedTestParameters(snapshot_take, preserves_everything)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, preserves_everything)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch, "cd mnt/app/data\n%s", make_tree);

    take(&place);
    char *atime = scratch_output(&place.device.scratch, "stat -c %%x '%s/big'", place.plan.path);
    char *source = fingerprint(&place, place.volume);
    char *copy = fingerprint(&place, place.plan.path);

    cr_expect(strstr(atime, "2001-02-03 04:05:06.000000007") == atime, "%s", atime);
    cr_expect(lt(sz, 5000, strlen(source)));
    cr_expect(eq(str, copy, source));
    struct stat sparse;
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/sparse", place.plan.path);
    cr_assert(stat(path, &sparse) == 0);
    cr_expect(lt(i64, (int64_t)sparse.st_blocks * 512, 1 << 20), "the holes are still holes");
    free(atime);
    free(source);
    free(copy);
    discard(&place);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_take, does_not_change_with_its_source)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, does_not_change_with_its_source)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch, "cd mnt/app/data; mkdir d; head -c 500000 /dev/urandom >f;"
                                         " echo 1 >d/kept; echo 1 >removed; ln -s f l");
    char *before = fingerprint(&place, place.volume);

    take(&place);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app/data; echo more >>f; dd if=/dev/zero of=f bs=4k count=9 conv=notrunc;"
                  " rm removed; echo 2 >d/kept; echo 3 >new; rm l; ln -s new l; chmod 700 d; sync");

    char *copy = fingerprint(&place, place.plan.path);
    char *after = fingerprint(&place, place.volume);
    cr_expect(eq(str, copy, before));
    cr_expect(ne(str, after, before));
    free(before);
    free(copy);
    free(after);
    discard(&place);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_take, leaves_no_trace_in_the_directory_around_it)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, leaves_no_trace_in_the_directory_around_it)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch, "echo 1 >mnt/app/data/f; echo 2 >mnt/app/other");
    char *before = fingerprint(&place, place.device.path);

    take(&place);
    char *during = fingerprint(&place, place.device.path);
    discard(&place);
    char *after = fingerprint(&place, place.device.path);

    cr_expect(eq(str, during, before));
    cr_expect(eq(str, after, before));
    free(before);
    free(during);
    free(after);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_take, shuts_others_out)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, shuts_others_out)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app; echo open >data/f; chmod 777 . data; chmod 666 data/f; chmod g+s .;"
                  " setfacl -m d:u:nobody:rwx,d:o::rwx ..  . ; setfacl -m u:nobody:rwx .. .");
    char *source = fingerprint(&place, place.volume);

    take(&place);

    char *place_is =
        scratch_output(&place.device.scratch,
                       "stat -c '%%a %%u' '%s'; getfacl -cp '%s' | grep -c nobody; "
                       "setpriv --reuid nobody --clear-groups cat '%s/f' >/dev/null && "
                       "echo LET IN; true",
                       place.plan.root, place.plan.root, place.plan.path);
    char *copy = fingerprint(&place, place.plan.path);
    cr_expect(strstr(place_is, "700 0\n0\n") == place_is, "%s", place_is);
    cr_expect(strstr(place_is, "Permission denied") != NULL, "%s", place_is);
    cr_expect(strstr(place_is, "LET IN") == NULL);
    cr_expect(eq(str, copy, source), "no ACL is inherited from the directory around");
    free(place_is);
    free(copy);
    free(source);
    discard(&place);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_take, is_planned_in_the_volume_if_that_is_a_mount_point)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, is_planned_in_the_volume_if_that_is_a_mount_point)
{
    struct place place;
    set_up(&place, *index);
    (void)snprintf(place.volume, sizeof(place.volume), "%s", place.device.path);
    scratch_shell(&place.device.scratch,
                  "rmdir mnt/app/data; echo 1 >mnt/app/f; touch -d 2001-01-01 mnt");
    char *before = fingerprint(&place, place.volume);

    take(&place);
    char *copy = fingerprint(&place, place.plan.path);
    char *during = fingerprint(&place, place.volume);
    struct place second = place;
    cr_expect(eq(int,
                 (int)snapshot_plan(place.volume, place.kind->driver,
                                    "6b3f1a52-8c70-4d1e-9f2a-0123456789ab-1", &second.plan, &err),
                 STATUS_OK),
              "the first one is no obstacle: %s", err.text);
    cr_expect(eq(int, (int)snapshot_take(&second.plan, NULL, &gaps, &err), STATUS_OK), "%s",
              err.text);
    char *copy_of_both = fingerprint(&second, second.plan.path);
    cr_expect(eq(int, (int)snapshot_remove(&second.plan, &err), STATUS_OK), "%s", err.text);
    discard(&place);
    char *after = fingerprint(&place, place.volume);

    cr_expect(strncmp(place.plan.root, place.volume, strlen(place.volume)) == 0);
    cr_expect(eq(str, copy, before));
    cr_expect(eq(str, copy_of_both, before));
    cr_expect(eq(str, during, before));
    cr_expect(eq(str, after, before));
    free(before);
    free(copy);
    free(copy_of_both);
    free(during);
    free(after);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_take, keeps_a_mount_point_as_an_empty_directory)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, keeps_a_mount_point_as_an_empty_directory)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch,
                  "mkdir -p mnt/app/data/d/m; mount -t tmpfs none mnt/app/data/d/m;"
                  " echo no >mnt/app/data/d/m/foreign; echo 1 >mnt/app/data/d/f");

    take(&place);

    char *found = scratch_output(&place.device.scratch, "cd '%s'; find . | sort", place.plan.path);
    cr_expect(eq(str, found, ".\n./d\n./d/f\n./d/m"));
    free(found);
    discard(&place);
    char *kept = scratch_output(&place.device.scratch, "cat mnt/app/data/d/m/foreign");
    cr_expect(eq(str, kept, "no"));
    free(kept);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_take, refuses_a_place_that_is_taken)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_take, refuses_a_place_that_is_taken)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch, "echo 1 >mnt/app/data/f");
    take(&place);

    cr_expect(eq(int, (int)snapshot_take(&place.plan, NULL, &gaps, &err), STATUS_CONFLICT), "%s",
              err.text);

    char *kept = scratch_output(&place.device.scratch, "cat '%s/f'", place.plan.path);
    cr_expect(eq(str, kept, "1"), "the first snapshot is what it was");
    free(kept);
    discard(&place);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_remove, takes_what_is_there_and_is_content_with_nothing)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_remove, takes_what_is_there_and_is_content_with_nothing)
{
    struct place place;
    set_up(&place, *index);
    plan(&place);
    struct snapshot_plan *planned = &place.plan;

    cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_OK), "nothing: %s", err.text);

    scratch_shell(&place.device.scratch, "mkdir -m 700 '%s'", planned->root);
    cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_OK), "only the place: %s",
              err.text);

    scratch_shell(&place.device.scratch,
                  "umask 077; mkdir -p '%s/snapshot/a/b'; cd '%s/snapshot'; echo 1 >a/b/half;"
                  " mkfifo p; ln -s /etc e; chmod 0 a/b; ln -s ../.. a/up; touch ../.appbackup-" ID,
                  planned->root, planned->root);
    cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_OK), "half a copy: %s", err.text);
    cr_expect(access(planned->root, F_OK) != 0);
    cr_expect(access("/etc/passwd", F_OK) == 0);

    scratch_shell(&place.device.scratch, "rm -rf mnt/app");
    cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_OK), "not even a volume: %s",
              err.text);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_remove, leaves_alone_what_others_put_in_its_place)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_remove, leaves_alone_what_others_put_in_its_place)
{
    struct place place;
    set_up(&place, *index);
    plan(&place);
    struct snapshot_plan *planned = &place.plan;
    struct scratch *scratch = &place.device.scratch;
    scratch_shell(scratch,
                  "mkdir -p precious/snapshot; chmod 700 precious; echo 1 >precious/snapshot/f");

    scratch_shell(scratch, "ln -s \"$PWD/precious\" '%s'", planned->root);
    cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_FORBIDDEN), "%s", err.text);
    cr_expect(eq(int, (int)snapshot_take(planned, NULL, &gaps, &err), STATUS_CONFLICT), "%s",
              err.text);

    scratch_shell(scratch, "rm '%s'; mkdir -m 700 -p '%s/snapshot/d'; chown -R games '%s'",
                  planned->root, planned->root, planned->root);
    cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_FORBIDDEN), "%s", err.text);
    cr_expect(access(planned->root, F_OK) == 0);

    scratch_shell(scratch, "rm -r '%s'; mkdir -m 700 '%s'; echo 1 >'%s/of-somebody'", planned->root,
                  planned->root, planned->root);
    cr_expect(ne(int, (int)snapshot_remove(planned, &err), STATUS_OK));
    cr_expect(access(planned->root, F_OK) == 0);

    scratch_shell(scratch, "rm -r '%s'; mv mnt/app mnt/moved; ln -s \"$PWD/precious\" mnt/app",
                  planned->root);
    cr_expect(eq(int, (int)snapshot_take(planned, NULL, &gaps, &err), STATUS_INVALID), "%s",
              err.text);
    if (strstr(planned->root, "/app/") != NULL) {
        scratch_shell(scratch, "mkdir -m 700 '%s'; mkdir '%s/snapshot'", planned->root,
                      planned->root);
        cr_expect(eq(int, (int)snapshot_remove(planned, &err), STATUS_INVALID), "%s", err.text);
        cr_expect(access(planned->root, F_OK) == 0);
    }

    char *kept = scratch_output(scratch, "cat precious/snapshot/f");
    cr_expect(eq(str, kept, "1"));
    free(kept);
    tear_down(&place);
}

ParameterizedTestParameters(snapshot_open, does_not_follow_what_was_put_in_the_way)
{
    return each_kind();
}

ParameterizedTest(size_t *index, snapshot_open, does_not_follow_what_was_put_in_the_way)
{
    struct place place;
    set_up(&place, *index);
    scratch_shell(&place.device.scratch, "echo 1 >mnt/app/data/f");
    take(&place);
    CLEANUP(fd_closep) int fd = -1, other_fd = -1;

    cr_assert(eq(int, (int)snapshot_open(&place.plan, &fd, &err), STATUS_OK), "%s", err.text);
    cr_expect(faccessat(fd, "f", F_OK, 0) == 0);

    scratch_shell(&place.device.scratch, "mv '%s' mnt/aside; ln -s / '%s'", place.plan.root,
                  place.plan.root);
    cr_expect(eq(int, (int)snapshot_open(&place.plan, &other_fd, &err), STATUS_INVALID));
    scratch_shell(&place.device.scratch, "rm '%s'; mv mnt/aside '%s'", place.plan.root,
                  place.plan.root);
    discard(&place);
    tear_down(&place);
}
