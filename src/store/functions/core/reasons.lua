-- Reasons and details -------------------------------------------------------------------------------------------------

local Reasons = {}

Reasons.TYPE_PREFIX = "https://appbackup.invalid/reasons/" -- as include/model/detail.h

function Reasons.of(text)
    if text == "" then
        return "[]"
    end
    return cjson.encode({ Text.clean(text, Limits.UNREADY_MAX) })
end

-- The array's text with one more reason.
function Reasons.with_reason(unready, reason)
    if reason == "" then
        return unready
    elseif unready == "[]" then
        return Reasons.of(reason)
    end
    return unready:sub(1, -2) .. "," .. cjson.encode(Text.clean(reason, Limits.UNREADY_MAX)) .. "]"
end

-- The array's text with one more entry. It is not decoded: empty arrays inside would not survive that.
function Reasons.with_detail(details, reason, title, text)
    local entry = string.format('{"type":%s,"title":%s,"detail":%s}', cjson.encode(Reasons.TYPE_PREFIX .. reason),
        cjson.encode(title), cjson.encode(text ~= "" and Text.clean(text, Limits.REASON_MAX) or title))
    if details:find(entry, 1, true) or #details + #entry >= Limits.JSON_MAX then
        return details
    end
    if details == "[]" then
        return "[" .. entry .. "]"
    end
    return details:sub(1, -2) .. "," .. entry .. "]"
end
