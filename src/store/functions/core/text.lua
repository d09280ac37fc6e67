-- Text ----------------------------------------------------------------------------------------------------------------

local Text = {}

function Text.int(number)
    return string.format("%.0f", number)
end

-- The range of the second byte and the length of a UTF-8 character, by its first byte; nil: none starts with it.
function Text.character_shape(first)
    if first < 0xC2 or first > 0xF4 then
        return nil
    end
    local length = first < 0xE0 and 2 or (first < 0xF0 and 3 or 4)
    local low = first == 0xE0 and 0xA0 or (first == 0xF0 and 0x90 or 0x80)
    local high = first == 0xED and 0x9F or (first == 0xF4 and 0x8F or 0xBF)
    return length, low, high
end

-- Is it a character that a terminal would obey: a C1 control, or one that turns the direction of writing?
function Text.is_control(character)
    return character:find("^\194[\128-\159]$") or character:find("^\226\128[\170-\174]$")
        or character:find("^\226\129[\166-\169]$")
end

function Text.character_at(text, at)
    local length, low, high = Text.character_shape(text:byte(at))
    local second = length and text:byte(at + 1)
    if not second or second < low or second > high then
        return nil
    end
    local character = text:sub(at, at + length - 1)
    local whole = character:find("^.[\128-\191]+$") and #character == length
    return whole and not Text.is_control(character) and character or nil
end

-- Makes a text of at most max bytes that is fit for JSON: what is not a character becomes '?', what is not printable
-- becomes a space.
function Text.clean(text, max)
    if #text <= max and text:find("^[ -~]*$") then
        return text
    end
    text = text:gsub("%c", " ")
    if #text <= max and not text:find("[\128-\255]") then
        return text
    end
    local parts, size, at = {}, 0, 1
    while at <= #text do
        local byte = text:byte(at)
        local character = byte < 0x80 and string.char(byte) or Text.character_at(text, at)
        local part = character or "?"
        if size + #part > max then
            break
        end
        parts[#parts + 1] = part
        size = size + #part
        at = at + #part
    end
    return table.concat(parts)
end
