-- Calls ---------------------------------------------------------------------------------------------------------------

local Call = { DONE = { ok = "OK" } }

-- Ends the call with an error reply; see Call.define().
function Call.refuse(code, text, ...)
    error({ refusal = code .. " " .. string.format(text, ...) })
end

-- True and the result, or false and an error reply if it was refused.
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
