-- JSON whose fields keep their order -----------------------------------------------------------------------------------

--[[
cjson would shuffle the fields, make {} of an empty array, and round what has more than 14 digits. Values are texts,
numbers (whole ones), booleans, what object() and list() return, or nil for a field that is left out.
]]
local Json = {}

function Json.text(value)
    if type(value) == "table" then
        return value.json
    elseif type(value) == "number" then
        return Text.int(value)
    end
    return type(value) == "boolean" and tostring(value) or cjson.encode(value)
end

-- An object of these fields, each { name, value }, in their order.
function Json.object(fields)
    local parts = {}
    for _, field in ipairs(fields) do
        if field[2] ~= nil then
            parts[#parts + 1] = cjson.encode(field[1]) .. ":" .. Json.text(field[2])
        end
    end
    return { json = "{" .. table.concat(parts, ",") .. "}" }
end

function Json.list(values)
    local parts = {}
    for i, value in ipairs(values) do
        parts[i] = Json.text(value)
    end
    return { json = "[" .. table.concat(parts, ",") .. "]" }
end
