#include "tests/support/backup_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char passphrase[] = "a passphrase for tests";

void backup_fixture_open(struct backup_fixture *fixture)
{
    struct error err = {0};
    *fixture = (struct backup_fixture){0};
    scratch_open(&fixture->scratch);
    scratch_shell(&fixture->scratch, "mkdir volume bucket");
    cr_assert(eq(int, (int)cancel_init(&fixture->cancel, &err), STATUS_OK));

    (void)snprintf(fixture->app.app.name, sizeof(fixture->app.app.name), "shop");
    (void)snprintf(fixture->app.app.id, sizeof(fixture->app.app.id), FIXTURE_APP);
    fixture->app.volumes = fixture->volumes;
    fixture->app.excludes = fixture->excludes;
    fixture->app.snapshot = APP_SNAPSHOT_NONE;
    backup_fixture_add_volume(fixture, scratch_path(&fixture->scratch, "volume"));
    (void)snprintf(fixture->bucket.bucket.name, sizeof(fixture->bucket.bucket.name), "nightly");
    fixture->bucket.bucket.provider = BUCKET_DIRECTORY;
    bucket_id("", fixture->bucket.bucket.name, fixture->bucket.bucket.id);
    fixture->bucket.path = strdup(scratch_path(&fixture->scratch, "bucket"));
    fixture->bucket.seen_directory = strdup(scratch_path(&fixture->scratch, "seen-buckets"));
    fixture->plan = (struct backup_plan){
        .work =
            {
                .bucket = &fixture->bucket,
                .app_id = FIXTURE_APP,
                .passphrase = passphrase,
                .cancel = &fixture->cancel,
            },
        .job = FIXTURE_JOB,
        .backup = FIXTURE_BACKUP,
        .backup_name = "shop-1",
        .account = FIXTURE_ACCOUNT,
        .app = &fixture->app,
        .unseen_ms = 1, /* what a test has written lately, it has written out */
        .undo_directory = strdup(scratch_path(&fixture->scratch, "undo")),
    };
}

static void free_hooks(struct backup_fixture *fixture, int stage)
{
    for (size_t i = 0; i < fixture->app.hooks[stage].count; i++) {
        for (char **argument = fixture->hooks[stage][i].command; *argument != NULL; argument++)
            free(*argument);
        free(fixture->hooks[stage][i].command);
        free(fixture->hooks[stage][i].name);
    }
}

void backup_fixture_close(struct backup_fixture *fixture)
{
    for (int stage = 0; stage < HOOK_STAGE_COUNT; stage++)
        free_hooks(fixture, stage);
    for (size_t i = 0; i < FIXTURE_VOLUMES_MAX; i++)
        free(fixture->volumes[i]);
    for (size_t i = 0; i < FIXTURE_EXCLUDES_MAX; i++)
        free(fixture->excludes[i]);
    free(fixture->bucket.path);
    free(fixture->bucket.seen_directory);
    free((char *)(uintptr_t)fixture->plan.undo_directory);
    cancel_done(&fixture->cancel);
    scratch_close(&fixture->scratch);
}

static void append(char **list, size_t max, const char *text)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    cr_assert(count < max);
    list[count] = strdup(text);
}

void backup_fixture_add_volume(struct backup_fixture *fixture, const char *path)
{
    append(fixture->volumes, FIXTURE_VOLUMES_MAX, path);
}

void backup_fixture_add_exclude(struct backup_fixture *fixture, const char *pattern)
{
    append(fixture->excludes, FIXTURE_EXCLUDES_MAX, pattern);
}

void backup_fixture_add_hook(struct backup_fixture *fixture, enum hook_stage stage,
                             const char *name, const char *shell, bool abort_on_failure)
{
    struct app_hooks *hooks = &fixture->app.hooks[stage];
    cr_assert(hooks->count < FIXTURE_HOOKS_MAX);
    hooks->items = fixture->hooks[stage];
    struct app_hook *hook = &hooks->items[hooks->count++];
    char script[2048];
    (void)snprintf(script, sizeof(script),
                   "echo \"$APPBACKUP_STAGE %s $APPBACKUP_REASON\" >>\"$0/log\"\n%s", name, shell);
    *hook = (struct app_hook){
        .name = strdup(name),
        .command = calloc(5, sizeof(char *)),
        .timeout_ms = 20000,
        .abort_on_failure = abort_on_failure,
    };
    hook->command[0] = strdup("/bin/sh");
    hook->command[1] = strdup("-c");
    hook->command[2] = strdup(script);
    hook->command[3] = strdup(fixture->scratch.path);
}

const char *backup_fixture_log(const struct backup_fixture *fixture)
{
    static char log[4096];
    static char joined[2 * sizeof(log)];
    scratch_read(&fixture->scratch, "log", log, sizeof(log));
    char *to = joined;
    for (const char *from = log; *from != '\0'; from++) {
        if (*from != '\n')
            *to++ = *from;
        else if (from[1] != '\0')
            to = stpcpy(to, "; ");
    }
    *to = '\0';
    return joined;
}

char *backup_fixture_restic(const struct backup_fixture *fixture, const char *format, ...)
{
    char arguments[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(arguments, sizeof(arguments), format, args);
    va_end(args);
    return scratch_output(&fixture->scratch,
                          "RESTIC_PASSWORD='%s' restic --no-cache -r bucket/%s %s 2>&1", passphrase,
                          FIXTURE_APP, arguments);
}

void backup_fixture_check(const struct backup_fixture *fixture)
{
    free(backup_fixture_restic(fixture, "check --read-data"));
    char *left =
        scratch_output(&fixture->scratch,
                       "ls undo 2>/dev/null; ls bucket/%s/locks 2>/dev/null; true", FIXTURE_APP);
    cr_assert(eq(str, left, ""), "left behind: %s", left);
    free(left);
}

void backup_fixture_make_every_kind(const struct backup_fixture *fixture)
{
    scratch_shell(
        &fixture->scratch, "%s",
        "cd volume && umask 022 &&"
        "mkdir -p a/b/c 'sp ace' empty && printf hello >a/b/c/small && : >zero &&"
        "head -c 20000000 /dev/urandom >large && head -c 600000 /dev/zero >zeros &&"
        "yes 'a line of text' | head -c 3000000 >text &&"
        "truncate -s 40M sparse && printf middle | dd of=sparse bs=1 seek=20000000 conv=notrunc "
        "2>&1 &&"
        "truncate -s 5M hole &&"
        "printf x >h1 && ln h1 h2 && ln h1 a/h3 &&"
        "ln -s a/b rel && ln -s /nowhere dangling && ln -s \"$(printf 'caf\\351')\" badlink &&"
        "mkfifo -m 0640 fifo && mknod -m 0600 null c 1 3 && mknod -m 0660 disk b 7 200 &&"
        "touch \"$(printf 'caf\\351')\" \"$(printf 'new\\nline')\" 'quo\"te\\back' \"$(printf "
        "'\\342\\200\\250')\" '<&>' &&"
        "touch \"$(printf '%0255d' 0)\" &&"
        "d=deep && for i in $(seq 60); do d=$d/level$i; done && mkdir -p $d && printf end >$d/end "
        "&&"
        "printf s >setuid && chmod 4755 setuid && mkdir -m 1777 sticky && mkdir -m 2770 setgid &&"
        "printf r >readonly && chmod 0000 readonly && chown 1234:5678 readonly && chown -h 77:88 "
        "rel &&"
        "setfattr -n user.one -v 1 a && setfattr -n user.empty text && "
        "setfattr -n user.binary -v 0x00ff0a22 text && setfattr -n trusted.t -v t text &&"
        "setfattr -n trusted.link -v on-a-link -h badlink && setfattr -n trusted.f -v f fifo &&"
        "setfacl -m u:1234:r,g:5678:rw text && setfacl -d -m u:1234:rwx setgid &&"
        "touch -d '1999-12-31 23:59:59.123456789' text && touch -h -d '2001-01-01 "
        "01:01:01.000000001' rel &&"
        "touch -d '1969-12-31 12:00:00.5' zero && touch -d '2106-02-07 06:28:17' large &&"
        "touch -d '2020-02-02 02:02:02.2' a/b a");
}
