-- Tasks ---------------------------------------------------------------------------------------------------------------

function Doctor.guess_for_task(place, task, job)
    local app = Doctor.app(rawget(task, "app") or (job and job.app) or "")
    return function(field)
        local of_job = job and ({ kind = job.kind, account = job.account, app = job.app, bucket = job.bucket,
            node = job.node, created_ms = job.created_ms, job = job.id })[field]
        if of_job and Doctor.FIELDS.task[field](of_job) then
            return of_job
        end
        local of_app = app and ({ account = app.account, app = app.id, app_name = app.name, node = app.node })[field]
        local score = Doctor.score(Keys.tasks(rawget(task, "app") or ""), place.id)
        return of_app or ({ id = place.id, kind = "verify", state = "failed", job = Ids.derived("doctor" .. place.id),
            created_ms = Text.int(score and score >= 1 and score <= Limits.BYTES_MAX and score or place.now),
            modified_ms = Text.int(place.now), bucket = Doctor.likely_bucket(task) })[field] or Doctor.UNKNOWN[field]
    end
end

-- Waiting or at work, or has it ended? One sign may be wrong.
function Doctor.is_active(place, task)
    local signs = 0
    local function sign(is)
        signs = signs + (is and 1 or 0)
    end
    sign(Doctor.kept_for_ever(place.key))
    sign(Doctor.has(Keys.active_tasks(rawget(task, "app") or ""), place.id))
    sign(place.live)
    sign(task.state == "pending" or task.state == "running")
    return signs >= 2
end

function Doctor.task_state(place, task, job)
    if not Doctor.is_active(place, task) then
        if task.state == "completed" or task.state == "failed" then
            return task.state
        end
        return task.percent_done == "100" and "completed" or "failed"
    end
    if not place.live then
        return "failed" -- what it was to do may be asked for again
    elseif job.state ~= "claimed" then
        return "pending"
    elseif task.state == "pending" or task.state == "running" then
        return task.state
    end
    return (job.stage == "claimed" or job.stage == "") and "pending" or "running"
end

function Doctor.check_task_indexes(place, task)
    local active = task.state == "pending" or task.state == "running"
    Doctor.entry(place, Keys.tasks(task.app), place.id, task.created_ms)
    Doctor.member_of(place, Keys.active_tasks(task.app), place.id, active)
    Doctor.life(place, active, Tasks.KEPT_S)
end

function Doctor.whole_task(place, task)
    local job = rawget(task, "job") and Doctor.job(task.job)
    if not job or not Doctor.is_sound_job(job, place.id) then
        job = nil
    end
    place.live = job ~= nil and job.state ~= "done" and job.state ~= "quarantined"
    local guess = Doctor.guess_for_task(place, task, job)
    local state = Doctor.task_state(place, task, job)
    Doctor.check_fields(place, "task", task, function(field)
        return field == "state" and state or guess(field)
    end)
    Doctor.check_own_id(place, task)
    if state ~= task.state then
        Doctor.mend(place, task, "state", state, "not as its job and the indexes have it")
    end
    Doctor.check_app_of(place, task)
    if place.live and job.node ~= task.node then
        Doctor.mend(place, task, "node", job.node, "not as its job has it")
    end
    local by_index = Doctor.score(Keys.tasks(task.app), place.id)
    if place.live and by_index and Text.int(by_index) == job.created_ms and job.created_ms ~= task.created_ms then
        Doctor.mend(place, task, "created_ms", job.created_ms, "not as its job and the index have it")
    end
    Doctor.check_progress(place, task)
    Doctor.check_task_indexes(place, task)
end
