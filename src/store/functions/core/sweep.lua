-- Jobs that are due ----------------------------------------------------------------------------------------------------

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
        Subject.of_job(job):bury(job, {
            evidence = string.format(worker_is == "dead" and "lease ended at %s without a word from %s"
                or "lease ended at %s, not renewed by %s, which lives", Time.text(job.lease_until_ms), job.worker),
            kills_max = kills_max, delay_ms = 0, spared = worker_is == "alive",
        })
    end)
end
