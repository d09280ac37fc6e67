-- Calls ---------------------------------------------------------------------------------------------------------------

local Call = { DONE = { ok = "OK" } }

-- Ends the call with an error reply; see Call.define().
function Call.refuse(code, text, ...)
    error({ refusal = code .. " " .. string.format(text, ...) })
end

-- Runs the body. Returns true and its result, or false and an error reply when it was refused.
function Call.attempt(body, ...)
    local ok, result = pcall(body, ...)
    if ok then
        return true, result
    end
    if type(result) == "table" and result.refusal then
        return false, redis.error_reply(result.refusal)
    end
    error(result, 0)
end
