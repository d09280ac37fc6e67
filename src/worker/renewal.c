#include "renewal.h"

#include "core/log.h"
#include "model/event.h"

#include <signal.h>
#include <unistd.h>

void renewal_init(struct renewal *renewal, const struct lease_options *options)
{
    *renewal = (struct renewal){.options = *options, .renewed_ms = options->system->now_ms()};
}

int64_t renewal_due_ms(const struct renewal *renewal, bool fresh, bool urgent)
{
    if (urgent && !renewal->away)
        return 0;
    return renewal->sent_ms + (fresh || renewal->away ? LEASE_NEWS_MS : LEASE_RENEW_MS);
}

static enum status call(struct renewal *renewal, const struct lease_news *news,
                        enum store_lease *ret_answer, struct error *err)
{
    const struct lease_options *options = &renewal->options;
    struct store_progress progress = STORE_PROGRESS_NONE;
    progress.stage = news->stage[0] == '\0' ? NULL : news->stage;
    progress.bytes_done = news->bytes_done;
    progress.bytes_total = news->bytes_total;
    progress.taken_ms = news->taken_ms > 0 ? news->taken_ms : -1;
    progress.hook_state = news->hook_state;
    progress.hook_state_details = news->hook_state_details;
    progress.state_details = news->state_details;

    if (news->state <= renewal->announced)
        return options->system->job_renew(options->store, options->job, options->lease_ms,
                                          &progress, ret_answer, err);
    if (options->system->job_advance(options->store, options->job, news->state, options->lease_ms,
                                     &progress, ret_answer, err) != STATUS_OK)
        return error_status(err);
    renewal->announced = news->state;
    return STATUS_OK;
}

/* What is still at work a while later hangs: nothing in this process can end it, and renewing for
 * ever would keep its app and a slot. The supervisor unwinds what is left. */
static void on_late(struct renewal *renewal)
{
    const struct worker_system *system = renewal->options.system;
    cancel_request(renewal->options.cancel, STATUS_TIMEOUT);
    if (renewal->late_kill_ms == 0)
        renewal->late_kill_ms = system->now_ms() + renewal->options.grace_ms;
    if (system->now_ms() < renewal->late_kill_ms)
        return;
    log_event(LOG_LEVEL_ERROR, EVENT_JOB_HANGS, LOG_TEXT("code", reason_code(REASON_JOB_TIMEOUT)));
    (void)system->kill(getpid(), SIGKILL);
}

enum status renewal_send(struct renewal *renewal, const struct lease_news *news, struct error *err)
{
    const struct worker_system *system = renewal->options.system;
    int64_t started_ms = system->now_ms();
    enum store_lease answer = STORE_LEASE_OK;
    enum status status = call(renewal, news, &answer, err);
    renewal->sent_ms = system->now_ms();
    if (status != STATUS_OK)
        return status;
    if (renewal->away)
        log_event(LOG_LEVEL_NOTICE, EVENT_LEASE_RENEWED,
                  LOG_NUMBER("after_ms", started_ms - renewal->renewed_ms));
    renewal->away = false;
    renewal->renewed_ms = started_ms;
    if (answer == STORE_LEASE_CANCEL)
        cancel_request(renewal->options.cancel, STATUS_CANCELED);
    if (answer == STORE_LEASE_LATE)
        on_late(renewal);
    return STATUS_OK;
}

/* It stops with so much of the lease left that the work has ended when it is handed out again. */
static int64_t give_up_ms(const struct renewal *renewal)
{
    return renewal->renewed_ms + renewal->options.lease_ms * 2 / 3;
}

void renewal_on_failure(struct renewal *renewal, const struct error *err)
{
    if (err->status == STATUS_LOST) {
        cancel_request(renewal->options.cancel, STATUS_LOST);
        return;
    }
    if (!renewal->away)
        log_event(LOG_LEVEL_WARNING, EVENT_LEASE_LATE, LOG_TEXT("code", err->reason),
                  LOG_TEXT("reason", err->text));
    renewal->away = true;
    if (renewal->options.system->now_ms() < give_up_ms(renewal))
        return;
    renewal->gave_up = true;
    cancel_request(renewal->options.cancel, STATUS_UNAVAILABLE);
}

int64_t renewal_end_ms(const struct renewal *renewal)
{
    return renewal->renewed_ms + renewal->options.lease_ms;
}
