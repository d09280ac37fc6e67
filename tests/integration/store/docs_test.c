/* docs/redis.md against the truth: a full scenario leaves no key, and the library has no function,
 * that the page does not name; and the lines that it offers work. */
#include "scenario.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>

TestSuite(documentation, .init = start, .fini = stop, .timeout = 60);

enum { PATTERNS_MAX = 64 };

static char page[64 * 1024];
static char patterns[PATTERNS_MAX][80]; /* "appbackup:job:<id>" as "appbackup:job:*" */
static size_t pattern_count;

static void read_page(void)
{
    FILE *file = fopen(TEST_SOURCE_DIR "/docs/redis.md", "re");
    cr_assert(file != NULL);
    size_t len = fread(page, 1, sizeof(page) - 1, file);
    (void)fclose(file);
    page[len] = '\0';
    cr_assert(lt(sz, len, sizeof(page) - 1));
}

/* The first column of the table of keys: lines that begin "| `appbackup:". */
static void read_patterns(void)
{
    for (const char *line = page; (line = strstr(line, "\n| `appbackup:")) != NULL;) {
        line += strlen("\n| `");
        size_t len = strcspn(line, "`");
        char *out = patterns[pattern_count++];
        cr_assert(pattern_count < PATTERNS_MAX && len < sizeof(patterns[0]));
        for (size_t i = 0; i < len; i++) {
            if (line[i] == '<') {
                *out++ = '*';
                i += strcspn(line + i, ">");
            } else {
                *out++ = line[i];
            }
        }
    }
    cr_assert(lt(sz, 20, pattern_count));
}

static bool is_named(const char *key)
{
    for (size_t i = 0; i < pattern_count; i++)
        if (fnmatch(patterns[i], key, 0) == 0)
            return true;
    return false;
}

/* And a backup that is kept. */
static struct job play_tasks(void)
{
    struct job old = run(SHOP, "old");
    MUST(finish(&old, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (old.subject, err));
    struct job purge = claim();
    MUST(finish(&purge, STORE_OUTCOME_COMPLETED, "", err));
    struct job kept = run(SHOP, "kept");
    MUST(finish(&kept, STORE_OUTCOME_COMPLETED, "", err));
    (void)order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job verify = claim();
    MUST(advance(&verify, BACKUP_RUNNING, err));
    const struct store_verdicts verdicts = {.is_last = true, .damage = "data/ab/abcd is gone"};
    MUST(store_verify_report(store, &verify, &verdicts, err));
    MUST(finish(&verify, STORE_OUTCOME_FAILED, "damaged", err));
    return kept;
}

static void make_once(const char *app, const char *name)
{
    static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct made made;
    id_random(made.id);
    id_random(made.job);
    (void)look("FCALL appbackup_backup_create_once 0 %s %s %s %s " ACCOUNT " %s " ACTOR
               " 1.1 %s %s %s []",
               digest, digest, made.id, made.job, app, name, "", "");
}

/* Everything that leaves a key behind. */
static void play(void)
{
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 1}, err));
    struct job done = run(SHOP, "done");
    MUST(finish(&done, STORE_OUTCOME_COMPLETED, "", err));
    struct job failed = run(SHOP, "failed");
    MUST(finish(&failed, STORE_OUTCOME_FAILED, "why", err));
    struct job doomed = run(SHOP, "doomed");
    const struct store_death death = {.evidence = "signal 9", .kills_max = 1};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, &doomed, &death, &verdict, err));
    struct job kept = play_tasks();
    struct job later = run(SHOP, "later");
    const struct store_finish retry = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 60000,
                                       .reason = "why",
                                       .progress = STORE_PROGRESS_NONE};
    MUST(store_job_finish(store, &later, &retry, err));
    struct job stale = run(SHOP, "now");
    stale.epoch--;
    REFUSED(finish(&stale, STORE_OUTCOME_COMPLETED, "", err), STATUS_LOST, "lease_lost");
    MUST(delete (done.subject, err));
    (void)order(&(struct store_task_create){.kind = JOB_RESTORE, .backup = kept.subject});
    (void)make(SHOP, "waiting");
    make_once(WIKI, "waiting");
    struct job discovering = claim();
    MUST(advance(&discovering, BACKUP_DISCOVERING, err));
    (void)look("FCALL appbackup_pause 0 app shop admin why");
}

Test(documentation, names_every_key_that_exists)
{
    read_page();
    read_patterns();
    play();

    CLEANUP(reply_freep) redisReply *keys = redisCommand(redis, "KEYS *");
    cr_assert(lt(sz, 30, keys->elements));
    for (size_t i = 0; i < keys->elements; i++)
        cr_expect(is_named(keys->element[i]->str), "docs/redis.md does not name %s",
                  keys->element[i]->str);

    /* And the other way round: what it names has been there (one is only read so far). */
    (void)look("HSET appbackup:snapshot:x app x");
    for (size_t i = 0; i < pattern_count; i++)
        cr_expect(look("KEYS %s", patterns[i])[0] != '\0', "no key is like %s", patterns[i]);
}

static bool page_names_field(const char *field)
{
    char quoted[80];
    (void)snprintf(quoted, sizeof(quoted), "`%s`", field);
    return strstr(page, quoted) != NULL;
}

Test(documentation, names_every_field_and_counter)
{
    static const char *const kinds[] = {"backup:*", "job:*",        "app:*",
                                        "bucket:*", "node:*",       "counters",
                                        "task:*",   "repository:*", "create-key:*"};
    read_page();
    play();

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        CLEANUP(reply_freep) redisReply *keys = redisCommand(redis, "KEYS appbackup:%s", kinds[i]);
        cr_assert(lt(sz, 0, keys->elements));
        for (size_t k = 0; k < keys->elements; k++) {
            CLEANUP(reply_freep)
            redisReply *fields = redisCommand(redis, "HKEYS %s", keys->element[k]->str);
            for (size_t f = 0; f < fields->elements; f++)
                cr_expect(page_names_field(fields->element[f]->str),
                          "docs/redis.md does not name the field %s of %s", fields->element[f]->str,
                          keys->element[k]->str);
        }
    }
}

Test(documentation, names_every_function)
{
    read_page();
    CLEANUP(reply_freep) redisReply *list = redisCommand(redis, "FUNCTION LIST");
    cr_assert(eq(sz, list->elements, 1));
    const redisReply *functions = list->element[0]->element[5];

    cr_assert(lt(sz, 20, functions->elements));
    for (size_t i = 0; i < functions->elements; i++) {
        char row[80];
        (void)snprintf(row, sizeof(row), "\n| `%s` |", functions->element[i]->element[1]->str);
        cr_expect(strstr(page, row) != NULL, "docs/redis.md does not name %s", row + 1);
    }
}

/* `FCALL_RO name 0 ...` in the table of reading functions, with a real id where it says ID. */
Test(documentation, offers_lines_that_redis_understands)
{
    read_page();
    play();
    char id[ID_SIZE];
    (void)snprintf(id, sizeof(id), "%s", look("ZRANGE appbackup:backups:" SHOP " 0 0"));
    int lines = 0;
    for (const char *line = page; (line = strstr(line, "| `FCALL_RO ")) != NULL; lines++) {
        line += strlen("| `");
        char words[200];
        (void)snprintf(words, sizeof(words), "%.*s", (int)strcspn(line, "`"), line);
        const char *argv[8] = {NULL};
        int argc = 0;
        for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
            if (word[0] == '[') /* a state, or any name */
                word = "failed";
            argv[argc++] = strcmp(word, "\"\"") == 0 ? "" : strcmp(word, "ID") == 0 ? id : word;
        }
        CLEANUP(reply_freep) redisReply *reply = redisCommandArgv(redis, argc, argv, NULL);
        bool understood = reply->type != REDIS_REPLY_ERROR ||
                          strncmp(reply->str, "UNKNOWN_", strlen("UNKNOWN_")) == 0;
        cr_expect(understood, "%s: %s", argv[1], reply->str != NULL ? reply->str : "");
    }
    cr_expect(le(int, 20, lines), "it offers %d", lines);
}

/* What it says, all in one text. */
static const char *explain(const char *id)
{
    return look("FCALL_RO appbackup_explain 0 %s", id);
}

static void expect_said(const char *text, const char *part)
{
    cr_expect(strstr(text, part) != NULL, "'%s' is not in: %s", part, text);
}

Test(documentation, explain_says_why_a_backup_waits)
{
    struct job first = run(SHOP, "first");
    struct made second = make(SHOP, "second");

    struct made third = make(SHOP, "third");
    (void)look("ZINCRBY appbackup:queue:" NODE " -1 %s", second.job); /* both may be of one ms */
    (void)look("FCALL appbackup_pause 0 bucket main admin disks");
    expect_said(explain(third.id), "at place 2 of 2");
    expect_said(explain(third.id), "Ahead of it: backup second of app shop (job");
    expect_said(explain(third.id), "Blocked: bucket main is paused by admin: disks, since 2");
    (void)look("FCALL appbackup_resume 0 bucket main admin");
    MUST(delete (third.id, err));

    const char *text = explain(second.id);
    expect_said(text, "is pending since 2");
    expect_said(text, "waits in appbackup:queue:" NODE ", at place 1 of 1");
    expect_said(text, first.subject);
    expect_said(text, "one job at a time");
    expect_said(explain(second.job), "waits in appbackup:queue:" NODE);

    (void)look("HSET appbackup:node:" NODE " heartbeat_ms 1000");
    (void)look("ZADD appbackup:nodes 1000 " NODE);
    expect_said(explain(second.id),
                "no living worker: the last heartbeat was at 1970-01-01 00:00:01 UTC");
    (void)look("DEL appbackup:job:%s", second.job);
    expect_said(explain(second.id), "does not exist: no worker will pick it up");
}

Test(documentation, explain_knows_every_place_of_a_job)
{
    struct job job = run(SHOP, "nightly");
    expect_said(explain(job.subject), "Worker " WORKER " has its backup job");
    const struct store_finish retry = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 60000,
                                       .reason = "bucket unreachable",
                                       .progress = STORE_PROGRESS_NONE};
    MUST(store_job_finish(store, &job, &retry, err));
    const char *late = explain(job.id);
    expect_said(late, "waits for a retry after attempt 1: bucket unreachable");
    expect_said(late, "Next: retry 1 of 4 at ");
    expect_said(late, "At once: appbackupctl requeue");
    (void)look("ZADD appbackup:delayed 1 %s", job.id);
    job = claim();
    const struct store_death death = {.evidence = "signal 9", .kills_max = 1};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, &job, &death, &verdict, err));
    const char *doomed = explain(job.id);
    expect_said(doomed, "is in quarantine since 2");
    expect_said(doomed, "after 1 kills: given up, its worker died 1 times");
    expect_said(doomed, "appbackupctl quarantine release");
    MUST(delete (job.subject, err));
    expect_said(explain(job.subject), "Its delete job");
    struct job removal = claim();
    MUST(finish(&removal, STORE_OUTCOME_COMPLETED, "", err));
    expect_said(explain(job.id), "is gone");
    CLEANUP(reply_freep)
    redisReply *unknown = redisCommand(redis, "FCALL_RO appbackup_explain 0 " NOBODY);
    cr_expect(strncmp(unknown->str, "UNKNOWN_BACKUP ", 15) == 0);
}

Test(documentation, list_shows_backups_by_state)
{
    struct job job = run(SHOP, "one");
    (void)make(WIKI, "two");

    expect_said(look("FCALL_RO appbackup_list 0"), "running ");
    expect_said(look("FCALL_RO appbackup_list 0"), "pending ");
    const char *running = look("FCALL_RO appbackup_list 0 running");
    expect_said(running, job.subject);
    cr_expect(strstr(running, "two") == NULL);
    CLEANUP(reply_freep) redisReply *wrong = redisCommand(redis, "FCALL_RO appbackup_list 0 idle");
    cr_expect(strncmp(wrong->str, "INVALID_ARGUMENT ", 17) == 0);
}
