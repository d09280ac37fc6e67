-- Apps, buckets and nodes for the front end ---------------------------------------------------------------------------

Call.reads("app_list", function(a)
    local account = a:optional_id("account")
    a:finish()
    local now, apps = Time.now_ms(), {}
    for _, owner in ipairs(account ~= "" and { account } or Apps.accounts()) do
        Lists.collect(Keys.apps(owner), Keys.app, apps, function(app)
            return Apps.visible(app, now)
        end)
    end
    table.sort(apps, Lists.by_name)
    return Lists.reply(apps)
end)

Call.reads("app_get", function(a)
    local account, id = a:optional_id("account"), a:id("app")
    a:finish()
    return Hash.flatten(Apps.visible(Apps.find(account, id), Time.now_ms()))
end)

Call.reads("bucket_list", function(a)
    local account = a:optional_id("account")
    a:finish()
    local buckets = {}
    for _, owner in ipairs(account ~= "" and { account } or Apps.accounts()) do
        Lists.collect(Keys.buckets(owner), Keys.bucket, buckets)
    end
    Lists.collect(Keys.buckets("shared"), Keys.bucket, buckets)
    table.sort(buckets, Lists.by_name)
    return Lists.reply(buckets)
end)

Call.reads("bucket_get", function(a)
    local account, id = a:optional_id("account"), a:id("bucket")
    a:finish()
    return Hash.flatten(Buckets.find(account, id))
end)

Call.reads("node_list", function(a)
    a:finish()
    local nodes = {}
    Lists.collect(Keys.NODES, Keys.node, nodes)
    table.sort(nodes, Lists.by_name)
    return Lists.reply(nodes)
end)
