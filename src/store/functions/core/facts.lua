-- Facts that C shares -------------------------------------------------------------------------------------------------

local Facts = {}

-- Kinds of jobs: what each works on, and what each outcome of a job does to that. The smallest priority is handed out
-- first.
Facts.kinds = {
    backup = { priority = 4, subject = "backup",
        outcomes = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" } },
    delete = { priority = 6, subject = "backup",
        outcomes = { completed = "purge", failed = "keep", canceled = "keep", retry = "requeue", released = "requeue" } },
    restore = { priority = 2, subject = "task",
        outcomes = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" } },
    prune = { priority = 8, subject = "task",
        outcomes = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" } },
    verify = { priority = 8, subject = "task",
        outcomes = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" } },
    catalog = { priority = 3, subject = "task",
        outcomes = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" } },
}

-- kinds: those of jobs that work on it. transitions: from a state by an event to the next; what is not here is refused.
-- "none" is before the first record, "gone" after the last.
Facts.subjects = {
    backup = {
        states = { "pending", "discovering", "running", "deleting", "completed", "failed", "removed", "unknown" },
        kinds = { backup = true, delete = true },
        transitions = {
            none = { create = "pending", found = "completed" }, -- found: in a bucket, by a task that rebuilds the catalogue
            pending = {
                discover = "discovering", requeue = "pending", fail = "failed", cancel = "failed",
                withdraw = "gone",   -- DELETE before any worker had it
                delete = "deleting", -- DELETE afterwards: an attempt may have left data
            },
            discovering = { run = "running", requeue = "pending", fail = "failed", cancel = "failed", delete = "deleting" },
            running = { complete = "completed", requeue = "pending", fail = "failed", cancel = "failed", delete = "deleting" },
            completed = { delete = "deleting", lose = "removed" }, -- a verification found data gone or damaged
            failed = { delete = "deleting", retry = "pending" },
            removed = { delete = "deleting", find = "completed" }, -- another one has read all of it
            unknown = { delete = "deleting" },
            deleting = {
                complete = "deleting", requeue = "deleting", -- data may exist: a delete job follows
                fail = "gone", cancel = "gone", -- of the first attempt, which has left none
                purge = "gone",   -- the delete job has removed the data
                keep = "failed",  -- the delete job has failed for good
            },
        },
    },
    task = {
        states = { "pending", "running", "completed", "failed" },
        kinds = { restore = true, prune = true, verify = true, catalog = true },
        transitions = {
            none = { create = "pending" },
            pending = { run = "running", requeue = "pending", fail = "failed", cancel = "failed" },
            running = { complete = "completed", requeue = "pending", fail = "failed", cancel = "failed" },
            completed = {},
            failed = { retry = "pending" },
        },
    },
}
