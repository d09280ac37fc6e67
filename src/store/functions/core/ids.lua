-- Ids -----------------------------------------------------------------------------------------------------------------

local Ids = {}

Ids.NIL = "00000000-0000-0000-0000-000000000000"

Ids.PATTERN = "^" .. ("[0-9a-f]"):rep(8) .. ("%-" .. ("[0-9a-f]"):rep(4)):rep(3) .. "%-" .. ("[0-9a-f]"):rep(12) .. "$"

-- An id for a job that the library itself makes; the shape of a UUID version 5.
function Ids.derived(seed)
    local hex = redis.sha1hex(seed)
    local variant = string.format("%x", 8 + tonumber(hex:sub(17, 17), 16) % 4)
    return table.concat({ hex:sub(1, 8), hex:sub(9, 12), "5" .. hex:sub(14, 16), variant .. hex:sub(18, 20),
        hex:sub(21, 32) }, "-")
end
