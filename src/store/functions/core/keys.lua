-- Keys of Redis -------------------------------------------------------------------------------------------------------

local Keys = { PREFIX = "appbackup:" }

Keys.SCHEMA = "appbackup:schema"
Keys.ACCOUNTS = "appbackup:accounts"
Keys.NODES = "appbackup:nodes"
Keys.DEFAULT_BUCKETS = "appbackup:default-buckets"
Keys.APP_BUSY = "appbackup:app-busy"
Keys.DELAYED = "appbackup:delayed"
Keys.LEASES = "appbackup:leases"
Keys.QUARANTINE = "appbackup:quarantine"
Keys.COUNTERS = "appbackup:counters"
Keys.JOURNAL = "appbackup:journal"
Keys.PAUSED = "appbackup:paused"

function Keys.app(id)
    return "appbackup:app:" .. id
end

function Keys.backup(id)
    return "appbackup:backup:" .. id
end

function Keys.bucket(id)
    return "appbackup:bucket:" .. id
end

function Keys.job(id)
    return "appbackup:job:" .. id
end

function Keys.snapshot(id)
    return "appbackup:snapshot:" .. id
end

function Keys.task(id)
    return "appbackup:task:" .. id
end

function Keys.node(name)
    return "appbackup:node:" .. name
end

function Keys.node_apps(node)
    return "appbackup:node-apps:" .. node
end

function Keys.apps(account)
    return "appbackup:apps:" .. account
end

function Keys.bucket_jobs(bucket)
    return "appbackup:bucket-jobs:" .. bucket
end

function Keys.buckets(owner)
    return "appbackup:buckets:" .. owner
end

function Keys.backups(app)
    return "appbackup:backups:" .. app
end

function Keys.account_backups(account)
    return "appbackup:account-backups:" .. account
end

function Keys.names(app)
    return "appbackup:names:" .. app
end

function Keys.state(state)
    return "appbackup:state:" .. state
end

function Keys.tasks(app)
    return "appbackup:tasks:" .. app
end

function Keys.active_tasks(app)
    return "appbackup:active-tasks:" .. app
end

function Keys.verified(node)
    return "appbackup:verified:" .. node
end

function Keys.unreferenced(node)
    return "appbackup:unreferenced:" .. node
end

function Keys.damaged(bucket)
    return "appbackup:damaged:" .. bucket
end

function Keys.queue(node)
    return "appbackup:queue:" .. node
end

function Keys.wake(node)
    return "appbackup:wake:" .. node
end

function Keys.create_key(app, digest)
    return "appbackup:create-key:" .. app .. ":" .. digest
end

function Keys.repository(bucket, app)
    return "appbackup:repository:" .. bucket .. ":" .. app
end

