#include "job_log.h"

#include "core/clock.h"
#include "model/detail.h"
#include "model/event.h"
#include "undo/hooks.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *detail, const char *member)
{
    const char *text = json_string_value(json_object_get(detail, member));
    return text == NULL ? "" : text;
}

static void log_warnings(struct job_log *log, const json_t *details)
{
    for (; log->warnings < json_array_size(details); log->warnings++) {
        const json_t *detail = json_array_get(details, log->warnings);
        log_event(LOG_LEVEL_WARNING, EVENT_WARNING,
                  LOG_TEXT("code", detail_code(text_of(detail, "type"))),
                  LOG_TEXT("title", text_of(detail, "title")),
                  LOG_TEXT("reason", text_of(detail, "detail")));
    }
}

/* Which driver it is decides what the backup is worth: "auto" is chosen anew each time. */
static void log_volumes(struct job_log *log, const struct work_report *report)
{
    if (log->has_volumes || report->volume_count == 0)
        return;
    log->has_volumes = true;
    for (size_t i = 0; i < report->volume_count; i++) {
        const struct snapshot_plan *plan = &report->volumes[i];
        log_event(LOG_LEVEL_INFO, EVENT_SNAPSHOT_PLANNED, LOG_TEXT("volume", plan->volume),
                  LOG_TEXT("driver", app_snapshot_driver_name(plan->driver)));
    }
}

static void end_stage(struct job_log *log)
{
    if (log->stage[0] == '\0')
        return;
    log_event(LOG_LEVEL_INFO, EVENT_STAGE_ENDED,
              LOG_NUMBER("took_ms", clock_mono_ms() - log->since_ms));
    log_set_context("stage", NULL);
    log->stage[0] = '\0';
}

void job_log_report(struct job_log *log, const struct work_report *report)
{
    log_warnings(log, report->state_details);
    log_volumes(log, report);
    if (report->stage == NULL || strcmp(report->stage, log->stage) == 0)
        return;
    end_stage(log);
    (void)snprintf(log->stage, sizeof(log->stage), "%s", report->stage);
    log->since_ms = clock_mono_ms();
    log_set_context("stage", log->stage);
    log_write_message(LOG_LEVEL_INFO, event_message(EVENT_STAGE_STARTED), NULL, 0);
}

void job_log_end(struct job_log *log, const json_t *state_details)
{
    log_warnings(log, state_details);
    end_stage(log);
}

static void on_hook(const struct hook_news *news)
{
    const struct log_field hook = LOG_TEXT("hook", news->hook);
    const struct log_field stage = LOG_TEXT("hook_stage", hook_stage_name(news->stage));
    const struct log_field why = LOG_TEXT("why", news->undo ? "undo" : "job");
    const struct log_field backup = LOG_TEXT("backup", news->backup);
    int64_t took_ms = news->child == NULL ? 0 : news->child->duration_ms;
    if (news->failure == NULL) {
        log_event(LOG_LEVEL_INFO, EVENT_HOOK_ENDED, backup, hook, stage, why,
                  LOG_NUMBER("took_ms", took_ms));
        return;
    }
    char how[96];
    if (news->child != NULL)
        child_describe(news->child, how, sizeof(how));
    log_event(LOG_LEVEL_WARNING, EVENT_HOOK_FAILED, backup, hook, stage, why,
              LOG_NUMBER("took_ms", took_ms), LOG_TEXT("code", news->failure->reason),
              LOG_TEXT("reason", news->child == NULL ? news->failure->text : how));
}

void job_log_hooks(void)
{
    hooks_listen(on_hook);
}

void job_log_begin_unwinding(const struct job *job)
{
    char attempt[24];
    (void)snprintf(attempt, sizeof(attempt), "%lld", (long long)job->attempt);
    log_set_context("job", job->id);
    log_set_context("kind", job_kind_name(job->kind));
    log_set_context(job_subject_name(job->kind), job->subject);
    log_set_context("app", job->app);
    log_set_context("attempt", attempt);
    job_log_hooks();
}

void job_log_begin(const struct job *job, const char *app_name, const char *backup)
{
    job_log_begin_unwinding(job);
    log_set_context("app_name", app_name);
    if (backup[0] != '\0')
        log_set_context("backup", backup);
}
