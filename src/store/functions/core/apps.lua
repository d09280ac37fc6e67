-- Apps ----------------------------------------------------------------------------------------------------------------

local Apps = {}

function Apps.accounts()
    return redis.call("SMEMBERS", Keys.ACCOUNTS)
end

function Apps.find(account, id)
    local app = Hash.read(Keys.app(id))
    if not app or (account ~= "" and app.account ~= account) then
        Call.refuse("UNKNOWN_APP", "there is no app %s here", id)
    end
    return app
end

-- Makes of an app what callers see: one whose node has no living worker is unavailable.
function Apps.visible(app, now)
    if not Nodes.is_alive(app.node, now) then
        app.state = "unavailable"
    end
    return app
end

-- The node of an app today, or `otherwise` when the app is no longer defined.
function Apps.node_of(app, otherwise)
    return redis.call("HGET", Keys.app(app), "node") or otherwise
end

function Apps.check_snapshot(app, id)
    if id == "" then
        return
    end
    local owner = redis.call("HGET", Keys.snapshot(id), "app")
    if not owner then
        Call.refuse("UNKNOWN_SNAPSHOT", "there is no snapshot %s", id)
    elseif owner ~= app then
        Call.refuse("FOREIGN_SNAPSHOT", "snapshot %s belongs to another app", id)
    end
end
