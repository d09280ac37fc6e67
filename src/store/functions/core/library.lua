-- What holds everywhere ------------------------------------------------------------------------------------------------

-- Facts about the library as a whole.
local Library = {
    VERSION = "@VERSION@", -- becomes a hash of this text when a program loads it
    SCHEMA = "1",
}

-- Those of arguments are in src/store/protocol/functions.yaml, and come on top of these.
local Limits = {
    UNREADY_MAX = 127,
    APPS_MAX = 10000,                -- apps of a node
    NODE_ALIVE_MS = 15000,           -- as include/model/node.h
    JOURNAL_MAX = 100000,
    SWEEP_MAX = 100,                 -- jobs per sweep and kind: keeps one call short
}
