-- Jobs whose worker is gone -------------------------------------------------------------------------------------------

-- death: evidence, kills_max and delay_ms; spared: the worker lives, and has lost its lease all the same.
function Jobs.kills_after(job, death)
    return tonumber(job.kills) + (death.spared and 0 or 1)
end

function Jobs.count_kill(death)
    if not death.spared then
        redis.call("HINCRBY", Keys.COUNTERS, "kills", 1)
    end
end

function Jobs.end_of_try(job, death)
    return { why = death.evidence, delay_ms = death.delay_ms, kills = Text.int(Jobs.kills_after(job, death)),
        unready = death.spared and "queued again: " .. death.evidence
            or string.format("attempt %s died, queued again: %s", job.attempt, death.evidence) }
end

-- A claimed job without its worker. Returns "retry", "quarantined", "canceled" if that had been asked for, "failed" after
-- its deadline, or "none" if there was nothing left to do.
function Jobs.bury(job, death)
    if Tasks.owns(job) then
        return Tasks.bury(job, death)
    end
    local backup = Backups.load(job.subject)
    local kills = Jobs.kills_after(job, death)
    local superseded = backup and backup.state == "deleting" and job.kind == "backup"
    local again = death.spared or kills < death.kills_max or superseded
    local event = again and "requeue" or (job.kind == "delete" and "keep" or "fail")
    if not backup or not Backups.allows(backup, event) then
        Jobs.close(job, "leftover: its backup is " .. (backup and backup.state or "gone"))
        return "none"
    end
    Jobs.count_kill(death)
    if Backups.is_to_end(job, backup) then
        Backups.cancel(backup, job, Jobs.cancel_note(job, ""), {})
        return "canceled"
    end
    if again then
        Backups.requeue(job, backup, Jobs.end_of_try(job, death), {})
        return Jobs.is_late(job, Time.now_ms()) and "failed" or "retry"
    end
    local why = string.format("given up, its worker died %s times, at last: %s", Text.int(kills), death.evidence)
    local changes = { state_details = Reasons.with_detail(backup.state_details, "quarantined", "Job in quarantine", why) }
    Backups.transition(backup, Backups.failure_event(job, backup, why, changes), Jobs.note(job, why), changes)
    redis.call("HINCRBY", Keys.COUNTERS, "quarantined", 1)
    Jobs.move(job, "quarantined", Text.int(Time.now_ms()),
        { reason = Text.clean(why, Limits.REASON_MAX), kills = Text.int(kills) })
    return "quarantined"
end

function Jobs.each_due(place, now, act)
    for _, id in ipairs(redis.call("ZRANGEBYSCORE", place, "-inf", Text.int(now), "LIMIT", 0, Limits.SWEEP_MAX)) do
        local job = Jobs.load(id)
        if job and Jobs.place_of(job) == place then
            act(job)
        else
            redis.call("ZREM", place, id) -- nothing stands behind it
        end
    end
end

function Jobs.sweep(kills_max)
    local now = Time.now_ms()
    Jobs.each_due(Keys.DELAYED, now, function(job)
        Jobs.queue(job, {})
    end)
    Jobs.each_due(Keys.LEASES, now, function(job)
        local worker_is = Contact.judge(job, now)
        if not worker_is then
            return
        end
        redis.call("HINCRBY", Keys.COUNTERS, "expired_leases", 1)
        Jobs.bury(job, {
            evidence = string.format(worker_is == "dead" and "lease ended at %s without a word from %s"
                or "lease ended at %s, not renewed by %s, which lives", Time.text(job.lease_until_ms), job.worker),
            kills_max = kills_max, delay_ms = 0, spared = worker_is == "alive",
        })
    end)
end
