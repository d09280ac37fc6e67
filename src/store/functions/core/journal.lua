-- Journal -------------------------------------------------------------------------------------------------------------

local Journal = {}

function Journal.write(entry)
    redis.call("XADD", Keys.JOURNAL, "MAXLEN", "~", Limits.JOURNAL_MAX, "*",
        "backup", entry.backup or "", "job", entry.job or "", "app", entry.app or "", "account", entry.account or "",
        "from", entry.from or "", "to", entry.to or "", "epoch", entry.epoch or "0",
        "who", entry.who or "", "why", Text.clean(entry.why or "", Limits.REASON_MAX))
end
