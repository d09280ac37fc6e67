"""Random corruptions of what is in Redis: those that can be noticed. docs/redis.md names those that cannot."""

from doctor_world import DIGEST, PREFIX

GARBAGE = "\x01 garbage!"
INDEXES = ("backups", "account-backups", "names", "state", "queue", "leases", "delayed", "quarantine", "app-busy",
           "bucket-jobs", "tasks", "active-tasks", "apps", "buckets", "default-buckets", "node-apps", "nodes",
           "accounts", "paused")
PLACED = ("queued", "delayed", "claimed", "quarantined")
RECORDS = ("backup", "job", "task", "app", "bucket", "node")
NEEDED = {
    "backup": "id account app app_name name state bucket node job version created_by created_ms",
    "job": "id kind subject account app bucket node created_ms state",
    "task": "id kind account app app_name bucket node job state created_by created_ms modified_ms",
    "app": "id account name node concurrent_backups state created_ms modified_ms",
    "bucket": "id account name provider server_url bucket_name state state_details is_default jobs_max created_ms "
              "modified_ms",
    "node": "name version slots running started_ms heartbeat_ms",
    "create-key": "account backup request",
}
LATE = "9007199254740000"  # a time that is to come


def kind_of(key):
    return key[len(PREFIX):].split(":")[0]


def rest_of(key):
    return key[len(PREFIX):].split(":", 1)[1]


class Corruptor:
    """world: key -> (type, content); random: seeded. Each corruption is a list of commands and a sentence."""

    def __init__(self, random, world):
        self.random = random
        self.world = world
        self.keys = sorted(world)
        self.makers = [self.delete_key, self.delete_field, self.spoil_field, self.change_field, self.remove_member,
                       self.add_member, self.change_score, self.change_type, self.add_key, self.change_life,
                       self.change_hash_member]

    def make(self):
        while True:
            maker = self.random.choice(self.makers)
            commands = maker()
            if commands:
                return maker.__name__, commands

    # --- what is there ---

    def pick(self, *kinds):
        keys = [key for key in self.keys if kind_of(key) in kinds]
        return self.random.choice(keys) if keys else None

    def record(self, kind, id_):
        return self.world.get(f"{PREFIX}{kind}:{id_}", ("none", {}))[1]

    def is_registered(self, app):
        return f"{PREFIX}app:{app}" in self.world

    def is_live(self, record, id_):
        job = self.record("job", record.get("job"))
        return job.get("subject") == id_ and job.get("state") not in (None, "done", "quarantined")

    def some_id(self):
        return f"{self.random.getrandbits(32):08x}-0000-4000-8000-{self.random.getrandbits(48):012x}"

    def other(self, kind, id_):
        ids = [rest_of(key) for key in self.keys if kind_of(key) == kind and rest_of(key) != id_]
        return self.random.choice(ids)

    # --- corruptions ---

    def delete_key(self):
        key = self.random.choice(self.keys)
        kind = kind_of(key)
        value = self.world[key][1]
        if kind in ("counters", "journal", "create-key", "snapshot", "repository", "unreferenced", "paused"):
            return None
        if kind == "job" and value["state"] == "done":
            return None
        if kind == "verified" and not any(self.keeps_verified(member) for member in value):
            return None
        return [("DEL", key)]

    def keeps_verified(self, member):
        bucket, app = member.split(":")
        return self.is_registered(app) and any(
            kind_of(key) == "backup" and self.world[key][1]["state"] == "completed"
            and self.world[key][1]["app"] == app and self.world[key][1]["bucket"] == bucket for key in self.keys)

    def delete_field(self):
        key = self.pick(*RECORDS, "create-key", "repository")
        kind, record = kind_of(key), self.world[key][1]
        fields = NEEDED.get(kind, "").split()
        if kind == "backup":
            fields += [field for field in ("bytes_done", "bytes_total", "percent_done", "modified_ms", "revision")
                       if field in record and record["state"] != "pending"]
            if record["state"] == "completed" and self.is_registered(record["app"]):
                fields += ["repository_snapshot"] * 3
        elif kind == "job" and record["state"] == "claimed":
            fields += ["epoch", "attempt", "worker", "lease_until_ms"]
        elif kind == "repository":
            fields += [field for field in record if field.endswith(("_ms", "_state"))]
        return [("HDEL", key, self.random.choice(fields))]

    def spoil_field(self):
        key = self.pick(*RECORDS, "create-key", "repository", "snapshot", "counters", "schema")
        if kind_of(key) == "schema":
            return [("SET", key, GARBAGE)]
        return [("HSET", key, self.random.choice(sorted(self.world[key][1]) + ["surprise"]), GARBAGE)]

    def change_field(self):
        key = self.pick(*RECORDS)
        kind, record = kind_of(key), self.world[key][1]
        changes = getattr(self, "changes_of_" + kind)(rest_of(key), record)
        changes = [(field, value) for field, value in changes if record.get(field) != value]
        return [("HSET", key, *self.random.choice(changes))] if changes else None

    def changes_of_backup(self, id_, record):
        changes = [("id", self.some_id()), ("account", self.some_id()), ("name", "renamed"),
                   ("app", self.other("app", record["app"])), ("created_ms", "1600000000000"),
                   ("state", self.random.choice(["pending", "discovering", "running", "completed", "failed", "deleting",
                                                 "removed", "unknown"]))]
        if "percent_done" in record:
            changes += [("percent_done", "50"), ("bytes_done", "99999999"), ("bytes_total", "7")]
        if self.is_registered(record["app"]):
            changes += [("app_name", "renamed")]
        if self.is_live(record, id_):
            changes += [("job", self.some_id())]
            if self.record("job", record["job"])["kind"] == "backup":
                changes += [("node", "node9"), ("bucket", self.other("bucket", record["bucket"]))]
        return changes

    def changes_of_job(self, id_, record):
        if record["state"] == "done":
            return [("id", self.some_id()), ("state", self.random.choice(PLACED)),
                    ("worker", "node1:1:1")]
        changes = [("id", self.some_id()), ("subject", self.some_id()), ("account", self.some_id()),
                   ("app", self.other("app", record["app"])), ("bucket", self.other("bucket", record["bucket"])),
                   ("state", self.random.choice([*PLACED, "done"]))]
        if record["state"] == "claimed":
            changes += [("lease_until_ms", "1700000000000"), ("epoch", "0"), ("attempt", "9"), ("worker", "")]
        if record["state"] in ("queued", "delayed"):
            changes += [("node", "node9"), ("worker", "node1:1:1"), ("lease_until_ms", "1700000000000")]
        if record["state"] == "queued":
            changes += [("created_ms", "1600000000000"), ("kind", "restore")]
        return changes

    def changes_of_task(self, id_, record):
        changes = [("id", self.some_id()), ("app", self.other("app", record["app"])), ("created_ms", "1600000000000"),
                   ("account", self.some_id())]
        if self.is_live(record, id_):
            changes += [("state", "completed"), ("state", "failed"), ("job", self.some_id()), ("node", "node9")]
        else:
            changes += [("state", "pending"), ("state", "running")]
        return changes

    def changes_of_app(self, id_, record):
        return [("id", self.some_id()), ("account", self.some_id()), ("node", "node9"), ("created_ms", "1600000000000"),
                ("state", "restoring"), ("created_ms", LATE)]

    def changes_of_bucket(self, id_, record):
        return [("id", self.some_id()), ("account", self.some_id()), ("created_ms", "1600000000000"),
                ("is_default", str(1 - int(record["is_default"])))]

    @staticmethod
    def changes_of_node(name, record):
        return [("name", "node9"), ("heartbeat_ms", "1600000000000"), ("heartbeat_ms", LATE)]

    def remove_member(self):
        key = self.pick(*INDEXES, "verified", "damaged")
        type_, content = self.world[key]
        member = self.random.choice(sorted(content))
        if kind_of(key) == "paused":
            return None
        if kind_of(key) == "verified" and not self.keeps_verified(member):
            return None
        return [({"hash": "HDEL", "set": "SREM", "zset": "ZREM"}[type_], key, member)]

    def add_member(self):
        key = self.pick(*INDEXES, "verified", "unreferenced", "damaged", "counters")
        type_, content = self.world[key]
        kind = kind_of(key)
        member = self.random.choice([self.some_id(), self.some_member(type_)])
        if kind in ("accounts", "verified", "unreferenced", "counters"):
            member = "surprise"
        if member in content:
            return None
        if type_ == "hash":
            return [("HSET", key, member, self.some_id())]
        if type_ == "set":
            return [("SADD", key, member)]
        scores = [LATE] if kind == "tasks" else ["1", "1700000000000", LATE]
        return [("ZADD", key, self.random.choice(scores), member)]

    def some_member(self, type_):
        """Something that is a member elsewhere."""
        keys = [key for key in self.keys if self.world[key][0] == type_ and kind_of(key) in INDEXES]
        return self.random.choice(sorted(self.world[self.random.choice(keys)][1]))

    def change_score(self):
        key = self.pick("backups", "account-backups", "state", "queue", "leases", "delayed", "quarantine", "tasks",
                        "apps", "buckets", "nodes", "verified", "unreferenced")
        member = self.random.choice(sorted(self.world[key][1]))
        return [("ZADD", key, self.random.choice(["-5", LATE, "0.5"]), member)]

    def change_hash_member(self):
        key = self.pick("names", "app-busy", "default-buckets", "paused")
        member = self.random.choice(sorted(self.world[key][1]))
        value = self.random.choice([self.some_id(), GARBAGE, self.some_member("hash")])
        return [("HSET", key, member, value)]

    def change_type(self):
        key = self.random.choice(self.keys)
        if kind_of(key) == "journal":
            return None  # each repair writes into it: not to be undone
        others = [("SET", key, "surprise"), ("HSET", key, "surprise", "1"), ("SADD", key, "surprise"),
                  ("ZADD", key, "1", "surprise"), ("RPUSH", key, "surprise")]
        types = ["string", "hash", "set", "zset", "list"]
        command = self.random.choice([c for c, type_ in zip(others, types) if type_ != self.world[key][0]])
        return [("DEL", key), command]

    def add_key(self):
        name = self.random.choice(["surprise", "backup:surprise", "state:idle", "job:", f"queue:{GARBAGE}", "schema:2",
                                   f"names:{self.some_id()}:x", f"create-key:{DIGEST}", f"Backup:{self.some_id()}",
                                   f"backups:{self.some_id()}", f"job:{self.some_id()}", f"names:{self.some_id()}"])
        kind, id_ = name.split(":")[0], self.some_id()
        if kind in ("backups", "queue"):
            return [("ZADD", PREFIX + name, "1", id_)]
        return [("HSET", PREFIX + name, "x", id_)]

    def change_life(self):
        key = self.pick(*RECORDS, "create-key", *INDEXES)
        kind, record = kind_of(key), self.world[key][1]
        ended = kind == "job" and record["state"] == "done" or \
            kind == "task" and record["state"] in ("completed", "failed")
        if kind == "create-key" or ended:
            return [("PERSIST", key)]
        return [("EXPIRE", key, "5000")]
