-- What holds everywhere ------------------------------------------------------------------------------------------------

-- Of the library as a whole.
local Library = {
    VERSION = "@VERSION@", -- becomes a hash of this text when a program loads it
    SCHEMA = "1",
}

local Limits = {
    ID_MAX = 36, NAME_MAX = 63, NODE_MAX = 253, REASON_MAX = 511, UNREADY_MAX = 127,
    SENTENCE_MAX = 4096,             -- bytes of a reason as it comes, before it is cut
    JSON_MAX = 1024 * 1024,          -- bytes of one JSON argument
    APPS_JSON_MAX = 4 * 1024 * 1024, -- all apps of a node
    APPS_MAX = 10000,                -- apps of a node
    LIST_MAX = 1000,                 -- records in one reply
    LEASE_MAX_MS = 3600 * 1000,
    DELAY_MAX_MS = 7 * 24 * 3600 * 1000,
    NODE_ALIVE_MS = 15000,           -- as include/model/node.h
    JOB_KEPT_S = 24 * 3600,          -- how long a job that is done can still be looked at
    CREATE_KEY_KEPT_S = 24 * 3600,   -- how long a create with a key is remembered
    JOURNAL_MAX = 100000,
    SWEEP_MAX = 100,                 -- jobs per sweep and kind: keeps one call short
    BYTES_MAX = 2 ^ 53,
}
