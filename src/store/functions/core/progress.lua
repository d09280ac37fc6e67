-- Progress ------------------------------------------------------------------------------------------------------------

local Progress = {}

Progress.READERS = {
    stage = function(a) return Text.clean(a:text("stage", 31), 31) end,
    bytes_done = function(a) return a:number("bytes_done", 0, Limits.BYTES_MAX) end,
    bytes_total = function(a) return a:number("bytes_total", 0, Limits.BYTES_MAX) end,
    taken_ms = function(a) return Text.int(a:number("taken_ms", 0, Limits.BYTES_MAX)) end,
    snapshot = function(a) return a:id("snapshot") end,
    repository_snapshot = function(a) return a:digest("repository_snapshot") end,
    hook_state = function(a) return a:choice("hook_state", { success = true, failed = true }) end,
    hook_state_details = function(a) return (a:json_array("hook_state_details", Limits.JSON_MAX)) end,
    state_details = function(a) return (a:json_array("state_details", Limits.JSON_MAX)) end,
}

-- The rest of the arguments: field value field value ...
function Progress.read(a)
    local report = {}
    while a:has_more() do
        local field = a:choice("field", Progress.READERS)
        report[field] = Progress.READERS[field](a)
    end
    return report
end

function Progress.percent(done, total)
    if total <= 0 or done <= 0 then
        return 0
    end
    return math.min(99, math.floor(100 * done / total))
end

-- The fields of the backup that a report changes: done never falls, total is never below it.
function Progress.changes(backup, report)
    local old_done, old_total = tonumber(backup.bytes_done), tonumber(backup.bytes_total)
    local done = math.max(old_done, report.bytes_done or -1)
    local total = math.max(report.bytes_total or old_total, done)
    local wanted = {
        taken_ms = report.taken_ms, snapshot = report.snapshot, repository_snapshot = report.repository_snapshot,
        hook_state = report.hook_state, hook_state_details = report.hook_state_details,
        state_details = report.state_details,
    }
    if total >= 0 then -- from here on the record shows its progress, also while it is 0
        wanted.bytes_done, wanted.bytes_total = Text.int(done), Text.int(total)
        wanted.percent_done = Text.int(Progress.percent(done, total))
    end
    local changes = {}
    for field, value in pairs(wanted) do
        if rawget(backup, field) ~= value then
            changes[field] = value
        end
    end
    return changes
end
