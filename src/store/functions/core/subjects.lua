-- Subjects ------------------------------------------------------------------------------------------------------------

--[[
A subject is what callers see and what jobs work on: a backup, or a task. Its record is a hash which names its job, the
one that works on it now or did last. Which states a subject has, and which event leads from one to the next, stands in
Facts.subjects; what the outcome of a job means for it, in Facts.kinds. All that subjects have in common is written here
once. Subject.define() makes one of what it has of its own:

  key(id)        the key of its record
  defaults       metatable of a record: what a field is when the hash does not have it. Where `revision` is among them,
                 each change of the record is counted.
  unknown        code of the refusal when there is no such record
  canceled       title of the detail that tells that somebody has canceled it
  name_field     field of the record that has the name by which people know it
  noun(of)       what sentences call it; of: its record, or a job of it
  work(job)      what a job does with it, for people
  busy(kind, id) why others of its app wait while a job of this kind works on it
  told(record, why) what the journal has of a change: the backup that it is about, and why
  moved(record, from, to, event, now) after the state has changed, before the journal is told: keeps indexes
  each_waiting(app, see) shows the ids of those of an app that may have a job in a queue
  explain(say, record, now) tells a person all that is known of it
  check_retry(record) refuses to have one tried again that cannot be
  retry_kind(record), retry_seed(record) the kind of the job that does, and what its id is made of

and, where it differs from what is usual:

  forget(record) removes the record, for events that lead to "gone"
  waits_in(job)  the state in which it waits for this job; usually "pending"
  is_reported_by(job) whether the progress that this job reports is its own; usually yes
  failure(job, record, why, changes) adds what the record tells of a job that has failed for good; returns the event
  yields(job, record, event) whether a successor does what this end of the job is about; usually no
  leave(job, record, why, changes) queues that successor
  settle(job, record, event) after a job has completed: what depends on it
  release(record, note) goes back to the state in which it waits for a job that is no retry of it

What a worker says at the end of a claim is an outcome, see finish(); a claim without a worker ends in bury(). Both check
first, and write only when nothing can be refused any more.
]]
local Subject = {
    all = {},     -- in the order of their definition
    by_name = {}, -- as Facts names them
    METHODS = { "load", "find", "of", "allows", "require_event", "update", "transition", "is_wanted", "renew", "advance",
        "requeue", "cancel", "finish", "bury" },
}

-- While a library is loaded, Redis has no metatables for it: so each subject gets the functions themselves.
function Subject.define(name, own)
    local facts = Facts.subjects[name]
    own.name, own.transitions, own.kinds = name, facts.transitions, facts.kinds
    for i = 1, #Subject.METHODS do
        own[Subject.METHODS[i]] = Subject[Subject.METHODS[i]]
    end
    Subject.all[#Subject.all + 1], Subject.by_name[name] = own, own
    return own
end

-- The subject that jobs of this kind work on; a kind that nobody knows counts as one of backups.
function Subject.of_kind(kind)
    local facts = Facts.kinds[kind]
    return Subject.by_name[facts and facts.subject or "backup"]
end

function Subject.of_job(job)
    return Subject.of_kind(job.kind)
end

-- The record with this id, and which subject it is; nil: there is none.
function Subject.locate(id)
    for _, subject in ipairs(Subject.all) do
        local record = subject:load(id)
        if record then
            return record, subject
        end
    end
    return nil
end

-- Records -------------------------------------------------------------------------------------------------------------

function Subject:load(id)
    return Hash.read(self.key(id), self.defaults)
end

-- account and app: "" stands for any.
function Subject:find(account, app, id)
    local record = self:load(id)
    if not record or (account ~= "" and record.account ~= account) or (app ~= "" and record.app ~= app) then
        Call.refuse(self.unknown, "there is no %s %s here", self.name, id)
    end
    return record
end

-- The record that a claimed job works on. It goes only after the job's end, so where it is missing the lease is lost.
function Subject:of(job)
    local record = self:load(job.subject)
    if not record then
        Call.refuse("LEASE_LOST", "job %s: its %s %s is gone", job.id, self.noun(job), job.subject)
    end
    return record
end

-- Writes fields of a record whose state stays; nothing to write is no change.
function Subject:update(record, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = Text.int(now)
    if record.revision then
        changes.revision = Text.int(record.revision + 1)
    end
    for field, value in pairs(changes) do
        record[field] = value
    end
    Hash.write(self.key(record.id), changes)
end

-- The state that an event leads to; nil: the record is in no state for it.
function Subject:allows(record, event)
    local events = self.transitions[record.state]
    return events and events[event]
end

-- Refuses an event for which the record is in no state. It is called before the first write.
function Subject:require_event(record, event)
    if not self:allows(record, event) then
        Call.refuse("ILLEGAL_TRANSITION", "%s %s: cannot %s while %s", self.noun(record), record.id, event, record.state)
    end
end

-- The one place where a record changes its state. note: {job, epoch, who, why}; changes: other fields of the record.
function Subject:transition(record, event, note, changes)
    self:require_event(record, event)
    local from, to, now = record.state, self:allows(record, event), Time.now_ms()
    if to == "gone" then
        self.forget(record)
    else
        changes.state = to
        self:update(record, changes, now)
    end
    record.state = to
    self.moved(record, from, to, event, now)
    local backup, why = self.told(record, note.why)
    Journal.write({ backup = backup, job = note.job, app = record.app, account = record.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = why })
end

-- Claims that go on ---------------------------------------------------------------------------------------------------

-- Does the record of this queued job still wait for it?
function Subject:is_wanted(job)
    local record = self:load(job.subject)
    return record ~= nil and record.job == job.id and record.state == (self.waits_in and self.waits_in(job) or "pending")
end

-- The fields of the record that a report changes.
function Subject.reported(subject, job, record, report)
    if subject.is_reported_by and not subject.is_reported_by(job) then
        return {}
    end
    return Progress.changes(record, report)
end

function Subject:renew(job, lease_ms, report)
    local record, now = self:of(job), Time.now_ms()
    Jobs.extend_lease(job, lease_ms, now, report.stage)
    self:update(record, Subject.reported(self, job, record, report), now)
    return Jobs.answer(job, now)
end

function Subject:advance(job, event, lease_ms, report)
    local record, now = self:of(job), Time.now_ms()
    local answer = Jobs.answer(job, now)
    if answer == "ok" then
        self:require_event(record, event)
    end
    Jobs.extend_lease(job, lease_ms, now, report.stage)
    if answer ~= "ok" then
        return answer
    end
    local changes = Progress.changes(record, report)
    changes.state_unready = "[]"
    self:transition(record, event, Jobs.note(job, report.stage and "stage " .. report.stage or ""), changes)
    return "ok"
end

-- Claims that end -----------------------------------------------------------------------------------------------------

-- The end of a job for good.
function Subject.conclude(subject, job, record, event, why, changes)
    subject:transition(record, event, Jobs.note(job, why), changes)
    Jobs.close(job, why)
end

-- Adds to the changes what a record tells of a job that has failed for good; returns the event that this is.
function Subject.failed(subject, job, record, why, changes)
    if subject.failure then
        return subject.failure(job, record, why, changes)
    end
    changes.state_unready = Reasons.of(why)
    return Jobs.event(job, "failed")
end

function Subject.is_left(subject, job, record, event)
    return subject.yields ~= nil and subject.yields(job, record, event)
end

-- Puts the job back into its queue, at once or at a time; after its deadline a job is not tried again. end_of_try: why,
-- unready, delay_ms, kills and perhaps failures.
function Subject:requeue(job, record, end_of_try, changes)
    local now, why, is_left = Time.now_ms(), end_of_try.why, Subject.is_left(self, job, record, "requeue")
    if is_left then
        return self.leave(job, record, why, changes)
    elseif Jobs.is_late(job, now) then
        why = Jobs.late_why(job, why)
        changes.state_details = Reasons.with_detail(changes.state_details or record.state_details, "job_timeout",
            "Deadline of the job has passed", why)
        return Subject.conclude(self, job, record, Subject.failed(self, job, record, why, changes), why, changes)
    end
    changes.state_unready = Reasons.of(end_of_try.unready)
    changes.node = Apps.node_of(job.app, job.node) -- the app may have moved meanwhile
    self:transition(record, "requeue", Jobs.note(job, why), changes)
    local fields = { reason = Text.clean(why, Limits.REASON_MAX), kills = end_of_try.kills,
        failures = end_of_try.failures, node = changes.node }
    if end_of_try.delay_ms > 0 then
        Jobs.move(job, "delayed", Text.int(now + end_of_try.delay_ms), fields)
    else
        Jobs.queue(job, fields)
    end
end

-- Ends a record because somebody has asked for that. job: its job, or nil when there is none any more.
function Subject:cancel(record, job, note, changes)
    changes.state_unready = Reasons.of(note.why)
    changes.state_details = Reasons.with_detail(changes.state_details or record.state_details, "canceled", self.canceled,
        note.why)
    self:transition(record, "cancel", note, changes)
    if job and job.state ~= "done" then
        Jobs.close(job, note.why)
    end
end

-- A job that was asked to stop ends there, whatever made its worker stop, unless a successor does that.
function Subject.is_to_end(subject, job, record)
    return job.cancel == "1" and Jobs.event(job, "canceled") == "cancel"
        and not Subject.is_left(subject, job, record, "requeue")
end

Subject.OUTCOMES = {}

function Subject.OUTCOMES.completed(subject, job, record, finish, changes)
    local event = Jobs.event(job, "completed")
    if event == "complete" then
        local total = math.max(tonumber(changes.bytes_total or record.bytes_total), 0)
        changes.bytes_total, changes.bytes_done, changes.percent_done = Text.int(total), Text.int(total), "100"
        changes.state_unready = "[]"
    end
    Subject.conclude(subject, job, record, event, finish.reason, changes)
    if subject.settle then
        subject.settle(job, record, event)
    end
end

function Subject.OUTCOMES.failed(subject, job, record, finish, changes)
    local why = finish.reason
    if Subject.is_left(subject, job, record, "fail") then
        return subject.leave(job, record, why, changes)
    end
    Subject.conclude(subject, job, record, Subject.failed(subject, job, record, why, changes), why, changes)
end

function Subject.OUTCOMES.canceled(subject, job, record, finish, changes)
    if Jobs.event(job, "canceled") ~= "cancel" then
        return Subject.OUTCOMES.failed(subject, job, record, finish, changes)
    elseif Subject.is_left(subject, job, record, "cancel") then
        return subject.leave(job, record, finish.reason, changes)
    end
    subject:cancel(record, job, Jobs.cancel_note(job, finish.reason), changes)
end

function Subject.OUTCOMES.retry(subject, job, record, finish, changes)
    redis.call("HINCRBY", Keys.COUNTERS, "retries", 1)
    subject:requeue(job, record, {
        why = finish.reason, delay_ms = finish.delay_ms, kills = job.kills, failures = Text.int(job.failures + 1),
        unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
            Time.text(Time.now_ms() + finish.delay_ms), finish.reason),
    }, changes)
end

-- The job comes back through no fault of its own, so that does not count as a failure.
function Subject.OUTCOMES.released(subject, job, record, finish, changes)
    local why = finish.reason ~= "" and finish.reason or "the worker stopped"
    subject:requeue(job, record, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
        unready = "queued again: " .. why }, changes)
end

-- finish: delay_ms and reason.
function Subject:finish(job, outcome, finish, report)
    local record = self:of(job)
    if (outcome == "retry" or outcome == "released") and Subject.is_to_end(self, job, record) then
        outcome = "canceled"
    end
    self:require_event(record, Jobs.event(job, outcome))
    Subject.OUTCOMES[outcome](self, job, record, finish, Subject.reported(self, job, record, report))
end

-- Workers that are gone -----------------------------------------------------------------------------------------------

-- death: evidence, kills_max and delay_ms; spared: the worker lives, and has lost its lease all the same.
function Subject.kills_after(job, death)
    return tonumber(job.kills) + (death.spared and 0 or 1)
end

function Subject.end_of_try(job, death)
    return { why = death.evidence, delay_ms = death.delay_ms, kills = Text.int(Subject.kills_after(job, death)),
        unready = death.spared and "queued again: " .. death.evidence
            or string.format("attempt %s died, queued again: %s", job.attempt, death.evidence) }
end

function Subject.quarantine(subject, job, record, death)
    local kills = Text.int(Subject.kills_after(job, death))
    local why = string.format("given up, its worker died %s times, at last: %s", kills, death.evidence)
    local changes = { state_details = Reasons.with_detail(record.state_details, "quarantined", "Job in quarantine", why) }
    local event = Subject.failed(subject, job, record, why, changes)
    subject:transition(record, event, Jobs.note(job, why), changes)
    redis.call("HINCRBY", Keys.COUNTERS, "quarantined", 1)
    Jobs.move(job, "quarantined", Text.int(Time.now_ms()), { reason = Text.clean(why, Limits.REASON_MAX), kills = kills })
end

-- Ends the claim of a job whose worker is gone. Returns "retry", "quarantined", "canceled" if that had been asked for,
-- "failed" after its deadline, or "none" if there was nothing left to do.
function Subject:bury(job, death)
    local record = self:load(job.subject)
    local again = death.spared or Subject.kills_after(job, death) < death.kills_max
        or (record ~= nil and Subject.is_left(self, job, record, "requeue"))
    if not record or not self:allows(record, again and "requeue" or Jobs.event(job, "failed")) then
        Jobs.close(job, string.format("leftover: its %s is %s", self.name, record and record.state or "gone"))
        return "none"
    end
    if not death.spared then
        redis.call("HINCRBY", Keys.COUNTERS, "kills", 1)
    end
    if Subject.is_to_end(self, job, record) then
        self:cancel(record, job, Jobs.cancel_note(job, ""), {})
        return "canceled"
    elseif again then
        self:requeue(job, record, Subject.end_of_try(job, death), {})
        return Jobs.is_late(job, Time.now_ms()) and "failed" or "retry"
    end
    Subject.quarantine(self, job, record, death)
    return "quarantined"
end
