-- History -------------------------------------------------------------------------------------------------------------

-- The id by which entries of the journal are found: a backup's own, but that of the job of a task.
function Reports.history_key(id)
    local record, subject = Subject.locate(id)
    return record and subject.told(record, "") ~= id and record.job or id
end

-- Entries of a page of the journal, the newest first, and where to go on, "" at its beginning. A page at a time keeps
-- each call short.
function Reports.history_page(id, before)
    local entries, last = {}, ""
    local raw = redis.call("XREVRANGE", Keys.JOURNAL, before, "-", "COUNT", Reports.JOURNAL_PAGE)
    for _, item in ipairs(raw) do
        local fields = item[2]
        if fields[2] == id or fields[4] == id then -- backup and job: Journal.write() has them in front
            local entry = Hash.unflatten(fields)
            entry.at = item[1]
            entries[#entries + 1] = entry
        end
        last = item[1]
    end
    return entries, #raw == Reports.JOURNAL_PAGE and "(" .. last or ""
end

function Reports.entry_json(entry)
    return Json.object({ { "time_ms", tonumber(entry.at:match("^%d+")) }, { "backup", entry.backup },
        { "job", entry.job }, { "from", entry.from }, { "to", entry.to }, { "epoch", tonumber(entry.epoch) },
        { "who", entry.who }, { "why", entry.why } })
end

Call.define("history", function(args)
    local before = args.before
    if before ~= "+" and not before:find("^%(%d+%-%d+$") then
        Call.refuse("INVALID_ARGUMENT", "before must be + or where an earlier answer ended")
    end
    local entries, next_before = Reports.history_page(Reports.history_key(args.id), before)
    if args.form == "json" then
        local list = {}
        for i, entry in ipairs(entries) do
            list[i] = Reports.entry_json(entry)
        end
        return Json.object({ { "entries", Json.list(list) }, { "before", next_before } }).json
    end
    local lines, say = Reports.lines()
    for _, entry in ipairs(entries) do
        say("%s  %s -> %s  epoch %s  %s  %s", Time.text(entry.at:match("^%d+")), entry.from, entry.to, entry.epoch,
            entry.who, entry.why)
    end
    if next_before ~= "" then
        say("older: FCALL_RO appbackup_history 0 %s '%s'", args.id, next_before)
    end
    return lines
end)
