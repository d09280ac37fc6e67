#!lua name=appbackup
--[[
The only writer of everything below "appbackup:" (docs/redis.md shows each key and function).

A call is atomic but is not rolled back: every function first reads and checks, and writes only when nothing can be
refused any more. A refusal is an error reply "<CODE> <text>"; include/store/store.h lists the codes.

Three records make the state of the world:
  backup   what callers see. Its state changes in transition() only, by the table TRANSITIONS.
  task     a restore, prune or verify; its state changes in Tasks.transition() only.
  job      one unit of work on a backup or a task. It stands in exactly one place at a time (a node's queue, delayed,
           leases, quarantine, or none when it is done); move_job() is the only function that moves it.

A claim gets a new epoch. Every later write of the worker carries it, so a worker that has lost its lease changes
nothing (fence()). All times are those of Redis, in ms since the epoch; all values are plain text.
]]

local VERSION = "@VERSION@" -- becomes a hash of this text when a program loads it
local SCHEMA = "1"

local ID_MAX, NAME_MAX, NODE_MAX, REASON_MAX, UNREADY_MAX = 36, 63, 253, 511, 127
local SENTENCE_MAX = 4096             -- bytes of a reason as it comes, before it is cut
local JSON_MAX = 1024 * 1024          -- bytes of one JSON argument
local APPS_JSON_MAX = 4 * 1024 * 1024 -- all apps of a node
local APPS_MAX = 10000                -- apps of a node
local LIST_MAX = 1000                 -- records in one reply
local LEASE_MAX_MS = 3600 * 1000
local DELAY_MAX_MS = 7 * 24 * 3600 * 1000
local NODE_ALIVE_MS = 15000           -- as include/model/node.h
local JOB_KEPT_S = 24 * 3600          -- how long a job that is done can still be looked at
local CREATE_KEY_KEPT_S = 24 * 3600   -- how long a create with a key is remembered
local JOURNAL_MAX = 100000
local SWEEP_MAX = 100                 -- jobs per sweep and kind: keeps one call short
local CLAIM_PAGE, CLAIM_PAGES = 64, 16
local BYTES_MAX = 2 ^ 53
local PRIORITY_WEIGHT = 1e13          -- above any time in ms, so that priority sorts first
local PRIORITY = { restore = 2, catalog = 3, backup = 4, delete = 6, prune = 8, verify = 8 }
local DETAIL_TYPE_PREFIX = "https://appbackup.invalid/reasons/" -- as include/model/detail.h

local PREFIX = "appbackup:"
local SCHEMA_KEY = PREFIX .. "schema"
local ACCOUNTS = PREFIX .. "accounts"
local NODES = PREFIX .. "nodes"
local DEFAULT_BUCKETS = PREFIX .. "default-buckets"
local APP_BUSY = PREFIX .. "app-busy"
local DELAYED = PREFIX .. "delayed"
local LEASES = PREFIX .. "leases"
local QUARANTINE = PREFIX .. "quarantine"
local COUNTERS = PREFIX .. "counters"
local JOURNAL = PREFIX .. "journal"

local NIL_ID = "00000000-0000-0000-0000-000000000000"

local STATES = { "pending", "discovering", "running", "deleting", "completed", "failed", "removed", "unknown" }

-- {from, event} -> to. What is not here is refused. "none" is before the first record, "gone" after the last.
local TRANSITIONS = {
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
}
