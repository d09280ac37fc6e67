-- Reports for people with a bare redis-cli: many records at once ------------------------------------------------------

--[[
Each answers with lines; with a last argument "json", with one JSON text of the same for programs. Nothing here is of one
account only: these are for who looks after all of it.
]]
local Reports = { ROWS_MAX = 1000, PER_STATE_MAX = 100, JOURNAL_PAGE = 2000, OUTCOMES_MAX = 10 }

-- A list, and the function say() that adds lines to it.
function Reports.lines()
    local lines = {}
    return lines, function(text, ...)
        lines[#lines + 1] = string.format(text, ...)
    end
end

Call.define("list", function(args)
    local wanted = args.state ~= "" and { args.state } or Facts.subjects.backup.states
    local lines, say = Reports.lines()
    local now = Time.now_ms()
    for _, state in ipairs(wanted) do
        local key = Keys.state(state)
        for _, id in ipairs(redis.call("ZREVRANGE", key, 0, Reports.PER_STATE_MAX - 1)) do
            local backup = Backups:load(id)
            if backup then
                local unready = backup.state_unready
                if state == "pending" then
                    unready = Reasons.with_reason(unready, Waiting.added(backup, now))
                end
                local reason = table.concat(cjson.decode(unready), "; ")
                say("%-11s %3s %%  %s  %s  app %s  node %s  %s%s", state, backup.percent_done,
                    Time.text(backup.created_ms), backup.name, backup.app_name, backup.node, id,
                    reason ~= "" and "  (" .. reason .. ")" or "")
            end
        end
        local more = redis.call("ZCARD", key) - Reports.PER_STATE_MAX
        if more > 0 then
            say("%-11s and %d older ones: ZREVRANGE %s %d -1", state, more, key, Reports.PER_STATE_MAX)
        end
    end
    return lines
end)
