/* restic and we, on the same repository, in both directions. */
#include "tests/integration/repository/fixture.h"
#include "tests/support/tree_compare.h"

#include <signal.h>

static struct fixture f;

static void open_fixture(void)
{
    fixture_open(&f);
}

static void close_fixture(void)
{
    fixture_close(&f);
}

TestSuite(restic, .init = open_fixture, .fini = close_fixture);

/* Every kind of entry, names that are none of Unicode's, content of every size that matters. */
static const char make_source[] =
    "cd source; "
    "mkdir -p a/b/c 'sp ace' empty; echo hello >a/hello; echo deep >a/b/c/deep; : >empty.txt; "
    "for n in 1 524287 524288 524289 600000 1048576 9000000; do"
    " head -c $n /dev/urandom >random.$n; done; "
    "head -c 20000000 /dev/zero >zeros; seq 1 400000 >numbers; "
    "python3 -c '\n"
    "import os\n"
    "names = [bytes([c]) for c in range(1, 256) if c not in b\"/.\"]\n"
    "names += [s.encode() for s in (\"\\u00e4\", \"\\u20ac\", \"\\U0001f600\", \"\\u2028\", "
    "\"\\u00a0\", \"\\u00ad\", \"\\u200b\", \"\\ufeff\", \"\\ue000\", \"\\U000e0001\", "
    "\"\\ufffd\", "
    "\"e\\u0301\", \"a\\\"b\\\\c<>&\", \"new\\nline\")]\n"
    "names += [b\"\\xed\\xa0\\x80\", b\"\\xc0\\xaf\", b\"\\xff\\xfe\", b\"a\\xc3\", b\"n\" * 255]\n"
    "os.mkdir(b\"names\")\n"
    "for n in names:\n"
    "    with open(b\"names/\" + n, \"wb\") as f: f.write(n)\n"
    "' && "
    "ln -s a/hello link; ln -s /no/where dangling; ln -s 't<&>\"\\t' quoted; "
    "ln a/hello hardlink1; ln a/hello hardlink2; mkfifo fifo; mknod null c 1 3; mknod disk b 7 "
    "200; "
    "setfattr -n user.text -v value a/hello; setfattr -n user.binary -v 0x00ff0a a/hello; "
    "setfattr -n user.empty a/b; setfacl -m u:33:rw,g:34:r random.1 2>/dev/null; "
    "chown 33:34 numbers; chown 12345:54321 zeros; chmod 4755 numbers; chmod 1777 empty; "
    "chmod 2750 a/b; chmod 000 random.1; touch -d '1969-07-20 20:17:40.123456789 UTC' a/hello; "
    "touch -h -d '2001-09-09 01:46:40.000000001 UTC' dangling; touch -d '2038-01-20 UTC' empty";

Test(restic, accepts_an_empty_repository_of_ours)
{
    MUST(&f, repository_create(f.store, PASSPHRASE, &f.repository, &f.err));
    fixture_end(&f);
    char *config = restic_output(&f, "cat config");
    cr_expect(strstr(config, "\"version\": 2") != NULL, "%s", config);
    free(config);
    restic(&f, "snapshots");
    restic(&f, "check --read-data");
}

Test(restic, restores_what_we_back_up)
{
    scratch_shell(&f.scratch, "%s", make_source);
    (void)fixture_backup(&f);
    fixture_check(&f);
    restic(&f, "restore latest --target restored");
    cr_expect(lt(sz, (size_t)280,
                 tree_compare(scratch_path(&f.scratch, "source"),
                              scratch_path(&f.scratch, "restored/source"))));
}

Test(restic, is_restored_by_us)
{
    scratch_shell(&f.scratch, "%s", make_source);
    restic(&f, "init");
    restic(&f, "backup source");
    fixture_restore(&f);
    cr_expect(lt(sz, (size_t)280,
                 tree_compare(scratch_path(&f.scratch, "source"),
                              scratch_path(&f.scratch, "restored/source"))));
}

/* What a backup of restic's on top of ours had to add: its summary, as JSON. */
static void expect_nothing_new(const char *zone, const char *option)
{
    char *summary = scratch_output(
        &f.scratch,
        "TZ=%s " RESTIC "backup --json %s source >log; tail -1 log | jq -c"
        " '[.files_new, .files_changed, .dirs_new, .dirs_changed, .data_blobs, .tree_blobs]'",
        zone, f.scratch.path, option);
    const char *forced = "0,0]"; /* with --force all files are new, but no blob */
    size_t len = strlen(summary);
    cr_expect(len > 4 && strcmp(summary + len - 4, forced) == 0, "%s", summary);
    cr_expect(option[0] != '\0' || strcmp(summary, "[0,0,0,0,0,0]") == 0, "%s", summary);
    free(summary);
}

Test(restic, finds_nothing_new_after_our_backup)
{
    scratch_shell(&f.scratch, "%s", make_source);
    (void)fixture_backup(&f);
    expect_nothing_new("UTC", "");
    expect_nothing_new("UTC", "--force");
    fixture_check(&f);
}

Test(restic, finds_nothing_new_in_another_zone)
{
    (void)setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    scratch_shell(&f.scratch, "%s", make_source);
    (void)fixture_backup(&f);
    expect_nothing_new("Asia/Kolkata", "--force");
}

Test(restic, leaves_us_nothing_to_store)
{
    scratch_shell(&f.scratch, "%s", make_source);
    restic(&f, "init");
    restic(&f, "backup source");
    scratch_shell(&f.scratch, "find bucket/shop/data -type f | sort >before");
    (void)setenv("TZ", "UTC", 1);
    (void)fixture_backup(&f);
    scratch_shell(&f.scratch, "find bucket/shop/data -type f | sort | cmp - before");
    fixture_check(&f);
}

Test(restic, prunes_beside_our_snapshots)
{
    scratch_shell(&f.scratch, "%s", make_source);
    (void)fixture_backup(&f);
    scratch_shell(&f.scratch, "cd source; rm random.9000000 zeros; head -c 3000000 /dev/urandom "
                              ">more; echo changed >a/b/c/deep");
    (void)fixture_backup(&f);
    restic(&f, "forget --keep-last 1 --prune --max-unused 0");
    fixture_check(&f);
    (void)fixture_backup(&f);
    fixture_check(&f);
    fixture_restore(&f);
    (void)tree_compare(scratch_path(&f.scratch, "source"),
                       scratch_path(&f.scratch, "restored/source"));
}

Test(restic, reads_many_small_files_of_ours)
{
    scratch_shell(&f.scratch, "cd source && seq 1 6000 | split -l 1 -a 4 - f");
    (void)fixture_backup(&f);
    fixture_check(&f);
    restic(&f, "restore latest --target restored");
    cr_expect(lt(sz, (size_t)6000,
                 tree_compare(scratch_path(&f.scratch, "source"),
                              scratch_path(&f.scratch, "restored/source"))));
}

Test(restic, made_repository_of_format_1_is_read_and_not_written)
{
    struct blob_id id;
    bool known = false;
    scratch_shell(&f.scratch, "%s", make_source);
    restic(&f, "init --repository-version 1");
    restic(&f, "backup source");
    fixture_restore(&f);
    (void)tree_compare(scratch_path(&f.scratch, "source"),
                       scratch_path(&f.scratch, "restored/source"));
    fixture_begin(&f);
    cr_expect(eq(int,
                 (int)repository_save_blob(f.repository, BLOB_DATA, "new", 3, &id, &known, &f.err),
                 (int)STATUS_UNSUPPORTED),
              "%s", f.err.text);
    fixture_end(&f);
}

Test(restic, opens_it_with_any_of_its_keys)
{
    restic(&f, "init");
    scratch_shell(&f.scratch, "printf second >new; " RESTIC "key add --new-password-file new",
                  f.scratch.path);
    MUST(&f, repository_open(f.store, "second", &f.repository, &f.err));
    fixture_end(&f);
    MUST(&f, repository_open(f.store, PASSPHRASE, &f.repository, &f.err));
    fixture_end(&f);
    struct repository *none = NULL;
    cr_expect(
        eq(int, (int)repository_open(f.store, "third", &none, &f.err), (int)STATUS_FORBIDDEN));
}

Test(restic, stays_out_while_we_hold_a_lock)
{
    (void)signal(SIGHUP, SIG_IGN); /* `unlock` sends one to see whether we live */
    scratch_shell(&f.scratch, "echo x >source/x");
    (void)fixture_backup(&f);
    fixture_begin(&f);
    scratch_shell(&f.scratch, "! " RESTIC "prune >log 2>&1; grep -q 'locked' log", f.scratch.path);
    restic(&f, "backup source"); /* a shared one is welcome */
    restic(&f, "unlock");        /* we live, so ours stays */
    MUST(&f, repository_refresh_lock(f.repository, &f.err));
    scratch_shell(&f.scratch, "test $(ls bucket/shop/locks | wc -l) = 1");
    fixture_end(&f);
    restic(&f, "prune");
}

/* restic, stopped in the middle of a check: it lives, and holds an exclusive lock. */
static void stop_restic_in_check(void)
{
    scratch_shell(&f.scratch, "head -c 60000000 /dev/urandom >source/x");
    (void)fixture_backup(&f);
    scratch_shell(&f.scratch,
                  "RESTIC_PASSWORD='" PASSPHRASE "' setsid restic --no-cache -r bucket/shop check"
                  " --read-data >log 2>&1 </dev/null & pid=$!; echo $pid >pid; n=0; "
                  "until ls bucket/shop/locks | grep -Eqx '[0-9a-f]{64}'; do n=$((n+1)); test $n "
                  "-lt 1000 || exit 1;"
                  " sleep 0.01; done; kill -STOP $pid");
}

Test(restic, keeps_us_out_while_it_holds_an_exclusive_lock)
{
    stop_restic_in_check();
    MUST(&f, repository_open(f.store, PASSPHRASE, &f.repository, &f.err));

    enum status status = repository_lock(f.repository, false, NULL, &f.err);

    scratch_shell(&f.scratch, "test $(ls bucket/shop/locks | wc -l) = 1; kill -KILL $(cat pid); "
                              "n=0; while kill -0 $(cat pid) 2>/dev/null; do n=$((n+1)); "
                              "test $n -lt 1000 || exit 1; sleep 0.01; done");
    cr_expect(eq(int, (int)status, (int)STATUS_LOCKED), "%s", f.err.text);
    cr_expect(strstr(f.err.text, "locked exclusively by root@") != NULL, "%s", f.err.text);

    /* Killed, it leaves its lock; restic itself would not go on without `unlock`. */
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    scratch_shell(&f.scratch, "test $(ls bucket/shop/locks | wc -l) = 1");
    fixture_end(&f);
    fixture_check(&f);
}
