-- Progress ------------------------------------------------------------------------------------------------------------

local Progress = {}

function Progress.percent(done, total)
    if total <= 0 or done <= 0 then
        return 0
    end
    return math.min(99, math.floor(100 * done / total))
end

-- The fields of a record that a report changes: done never falls, total is never below it.
function Progress.changes(record, report)
    local old_done, old_total = tonumber(record.bytes_done), tonumber(record.bytes_total)
    local done = math.max(old_done, report.bytes_done or -1)
    local total = math.max(report.bytes_total or old_total, done)
    local wanted = {
        taken_ms = report.taken_ms and Text.int(report.taken_ms), snapshot = report.snapshot,
        repository_snapshot = report.repository_snapshot, hook_state = report.hook_state,
        hook_state_details = report.hook_state_details, state_details = report.state_details,
    }
    if total >= 0 then -- from here on the record shows its progress, also while it is 0
        wanted.bytes_done, wanted.bytes_total = Text.int(done), Text.int(total)
        wanted.percent_done = Text.int(Progress.percent(done, total))
    end
    local changes = {}
    for field, value in pairs(wanted) do
        if rawget(record, field) ~= value then
            changes[field] = value
        end
    end
    return changes
end
