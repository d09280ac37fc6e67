-- Buckets -------------------------------------------------------------------------------------------------------------

local Buckets = {}

function Buckets.find(account, id)
    local bucket = Hash.read(Keys.bucket(id))
    if not bucket or (account ~= "" and bucket.account ~= "" and bucket.account ~= account) then
        Call.refuse("UNKNOWN_BUCKET", "there is no bucket %s here", id)
    end
    return bucket
end

-- An installation-wide bucket belongs to "shared".
function Buckets.owner(account)
    return account ~= "" and account or "shared"
end

function Buckets.choose(account, id)
    if id ~= "" then
        return Buckets.find(account, id).id
    end
    local default = redis.call("HGET", Keys.DEFAULT_BUCKETS, account)
        or redis.call("HGET", Keys.DEFAULT_BUCKETS, "shared")
    if not default then
        Call.refuse("NO_BUCKET", "account %s has no default bucket, and there is none for all accounts", account)
    end
    return default
end

-- The reason why a bucket takes no further job now; "" when it does take one. Whatever the set says, only a claimed job
-- counts.
function Buckets.wait(bucket)
    local known = redis.call("HMGET", Keys.bucket(bucket), "jobs_max", "name")
    local max, count = tonumber(known[1] or "0"), 0
    if max == 0 then
        return ""
    end
    for _, id in ipairs(redis.call("SMEMBERS", Keys.bucket_jobs(bucket))) do
        if redis.call("HGET", Keys.job(id), "state") == "claimed" then
            count = count + 1
        end
    end
    return count < max and "" or string.format("waiting for bucket %s: %d jobs work on it, at most %d may", known[2],
        count, max)
end
