-- Time ----------------------------------------------------------------------------------------------------------------

local Time = {}

function Time.read_ms()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The time of this call: all that it does happens at one moment, and Redis is asked for it once.
function Time.now_ms()
    if not Time.of_call then
        Time.of_call = Time.read_ms()
    end
    return Time.of_call
end

-- The parts of a time, by days since 0000-03-01: leap days are at the end of that year.
function Time.utc(ms, format)
    local seconds = math.floor(ms / 1000)
    local days = math.floor(seconds / 86400) + 719468
    local of_day = seconds % 86400
    local era = math.floor(days / 146097)
    local of_era = days % 146097
    local years = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
        - math.floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * years + math.floor(years / 4) - math.floor(years / 100))
    local month_from_march = math.floor((5 * of_year + 2) / 153)
    local day = of_year - math.floor((153 * month_from_march + 2) / 5) + 1
    local month = month_from_march < 10 and month_from_march + 3 or month_from_march - 9
    local year = years + era * 400 + (month <= 2 and 1 or 0)
    return string.format(format, year, month, day, math.floor(of_day / 3600), math.floor(of_day / 60) % 60, of_day % 60)
end

function Time.text(ms)
    return Time.utc(tonumber(ms), "%04d-%02d-%02d %02d:%02d:%02d UTC")
end

function Time.clock(ms)
    return Time.utc(tonumber(ms), "%04d-%02d-%02d %02d:%02d:%02d UTC"):sub(12)
end

function Time.seconds_from(now, ms)
    return string.format("%.1f s", (tonumber(ms) - now) / 1000)
end
