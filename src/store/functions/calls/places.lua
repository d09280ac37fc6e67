-- Apps, buckets and nodes for the front end ---------------------------------------------------------------------------

Call.define("app_list", function(args)
    local account = args.account
    local now, apps = Time.now_ms(), {}
    for _, owner in ipairs(account ~= "" and { account } or Apps.accounts()) do
        Lists.collect(Keys.apps(owner), Keys.app, apps, function(app)
            return Apps.visible(app, now)
        end)
    end
    table.sort(apps, Lists.by_name)
    return Lists.reply(apps)
end)

Call.define("app_get", function(args)
    local account, id = args.account, args.app
    return Hash.flatten(Apps.visible(Apps.find(account, id), Time.now_ms()))
end)

Call.define("bucket_list", function(args)
    local account = args.account
    local buckets = {}
    for _, owner in ipairs(account ~= "" and { account } or Apps.accounts()) do
        Lists.collect(Keys.buckets(owner), Keys.bucket, buckets)
    end
    Lists.collect(Keys.buckets("shared"), Keys.bucket, buckets)
    table.sort(buckets, Lists.by_name)
    return Lists.reply(buckets)
end)

Call.define("bucket_get", function(args)
    local account, id = args.account, args.bucket
    return Hash.flatten(Buckets.find(account, id))
end)

Call.define("node_list", function()
    local nodes = {}
    Lists.collect(Keys.NODES, Keys.node, nodes)
    table.sort(nodes, Lists.by_name)
    return Lists.reply(nodes)
end)
