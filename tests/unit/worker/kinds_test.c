#include "src/worker/kinds.h"

#include "src/worker/backups.h"
#include "src/worker/run.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

ParameterizedTestParameters(kinds, have_a_complete_row_each)
{
    static int all[JOB_KIND_COUNT - 1];
    for (int kind = 1; kind < JOB_KIND_COUNT; kind++)
        all[kind - 1] = kind;
    return cr_make_param_array(int, all, JOB_KIND_COUNT - 1);
}

ParameterizedTest(const int *number, kinds, have_a_complete_row_each)
{
    enum job_kind job = (enum job_kind) * number;
    const char *name = job_kind_name(job);
    const struct kind *kind = kind_of(job);

    cr_assert(kind != NULL, "%s", name);
    cr_expect(kind->run != NULL, "%s", name);
    cr_assert(kind->subject != NULL, "%s", name);
    cr_expect(kind->subject->fetch != NULL, "%s", name);
    cr_expect(kind->subject->done != NULL, "%s", name);
    cr_expect(kind->subject->app_name != NULL, "%s", name);
    cr_expect(kind->subject->backup != NULL, "%s", name);
    cr_expect(kind->subject->read_bytes != NULL, "%s", name);
    for (int other = 1; other < *number; other++)
        cr_expect(kind != kind_of((enum job_kind)other), "%s is as %s", name,
                  job_kind_name((enum job_kind)other));
}

/* The record of the subject is read by the functions of one, and found by the name of the other. */
ParameterizedTestParameters(kinds, agree_with_their_facts)
{
    static int all[JOB_KIND_COUNT - 1];
    for (int kind = 1; kind < JOB_KIND_COUNT; kind++)
        all[kind - 1] = kind;
    return cr_make_param_array(int, all, JOB_KIND_COUNT - 1);
}

ParameterizedTest(const int *number, kinds, agree_with_their_facts)
{
    enum job_kind job = (enum job_kind) * number;
    const char *name = job_kind_name(job);
    const struct kind *kind = kind_of(job);
    const struct job_kind_facts *facts = &job_kind_table[job];

    if (facts->subject == JOB_SUBJECT_BACKUP)
        cr_expect(kind->subject == &subject_backup, "%s", name);
    else if (facts->subject == JOB_SUBJECT_TASK)
        cr_expect(kind->subject == &subject_task, "%s", name);
    else
        cr_expect(kind->subject != &subject_backup && kind->subject != &subject_task, "%s", name);
    cr_expect(eq(int, facts->holds_app, kind->settles_count > 0),
              "%s: what holds an app pays what is owed to it, and settles that by its hooks", name);
    cr_expect(not(kind->may_lack_bucket && facts->writes_bucket), "%s", name);
}

Test(kinds, are_none_of_other_numbers)
{
    cr_assert(kind_of(JOB_KIND_UNSET) == NULL);
    cr_assert(kind_of(JOB_KIND_COUNT) == NULL);
    kind_give_up(NULL, &(struct job){.kind = JOB_KIND_UNSET}); /* nothing is known of it */
}

/* A delete that fails must leave the record of a completed backup completed. */
Test(kinds, leave_the_record_of_a_backup_that_is_deleted_as_it_is)
{
    cr_assert(eq(int, (int)kind_of(JOB_DELETE)->first_state, BACKUP_STATE_UNSET));
    cr_assert(eq(int, (int)kind_of(JOB_BACKUP)->first_state, BACKUP_DISCOVERING));
    cr_assert(eq(int, (int)kind_of(JOB_PRUNE)->first_state, BACKUP_RUNNING));
}

/* What only some kinds keep for another attempt is given up by these alone. */
Test(kinds, give_up_what_a_restore_has_kept_and_nothing_else)
{
    for (int kind = 1; kind < JOB_KIND_COUNT; kind++)
        cr_expect(eq(int, kind_of((enum job_kind)kind)->give_up != NULL, kind == JOB_RESTORE));
}

/* The connection to Redis is NULL: whoever touched it would not come back. */
Test(kinds, tell_nothing_of_what_was_not_looked_at)
{
    struct error err = {0};
    struct error cause = {.status = STATUS_CANCELED};
    json_auto_t *findings = json_pack("[{s:s}]", "backup", "one");
    struct run run = {.findings = findings};

    cr_assert(eq(int, (int)kind_verify.tell(&run, STATUS_CANCELED, &cause, &err), STATUS_OK));
    cr_assert(eq(int, (int)kind_catalog.tell(&run, STATUS_CANCELED, &cause, &err), STATUS_OK));
    cr_assert(eq(int, (int)kind_catalog.tell(&run, STATUS_LOST, &cause, &err), STATUS_OK));
    run.findings = NULL;
    cr_assert(eq(int, (int)kind_catalog.tell(&run, STATUS_UNAVAILABLE, &cause, &err), STATUS_OK));
}

Test(backups_have, finds_a_backup_by_its_id)
{
    json_auto_t *entries =
        json_pack("[{s:s}, {s:s, s:s}]", "backup", "one", "backup", "two", "problem", "three");

    cr_assert(backups_have(entries, "one"));
    cr_assert(backups_have(entries, "two"));
    cr_assert(not(backups_have(entries, "three")));
    cr_assert(not(backups_have(NULL, "one")));
}
