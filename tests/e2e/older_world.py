"""Makes data/older_world.jsonl: what a Redis holds that another version of the library has written.

    git archive b927a40 src/store/functions | tar -x -C /tmp/older
    python3 -B tests/e2e/older_world.py /tmp/older/src/store/functions >tests/e2e/data/older_world.jsonl

The library that is given plays a scenario with every kind of record in every state: backups, jobs that wait, run, are
delayed or in quarantine, tasks, pauses, two nodes, four apps. Its clock is ours, so that the same library makes the same
lines. A line is a command of Redis as a JSON array; together they make the keys again, with the times they live.
takeover_test.py begins with them; their ids and names are here.
"""

import json
import pathlib
import sys
import uuid

from resp import Connection, ErrorReply, pairs
from support import Redis, Scratch
from worker_support import ACCOUNT

DATA = pathlib.Path(__file__).parent / "data/older_world.jsonl"
NIL = uuid.UUID(int=0)
APPS = {name: str(uuid.uuid5(uuid.UUID(ACCOUNT), "app/" + name)) for name in ("shop", "wiki", "docs", "solo", "mail")}
LOCAL = str(uuid.uuid5(NIL, "bucket/local"))
OTHER = str(uuid.uuid5(uuid.UUID(ACCOUNT), "bucket/other"))
TOKEN = "dddddddd-0000-4000-8000-000000000001"
START_MS = 1_764_000_000_000
TIME = """    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
"""
CLOCK = """    return tonumber(redis.call("GET", "clock"))
"""
DIGEST = "0123456789abcdef" * 4


def id_of(kind, name):
    """The id of a backup, task or job of the scenario."""
    return str(uuid.uuid5(NIL, f"{kind}/{name}"))


class Writer:
    def __init__(self, path, library):
        self.connection = Connection(path)
        self.now = START_MS
        assert library.count(TIME) == 1, "the library's clock is elsewhere"
        self.send("FUNCTION", "LOAD", library.replace(TIME, CLOCK).replace("@VERSION@", "000000000"))

    def send(self, *words):
        reply = self.connection.send(words)[0]
        assert not isinstance(reply, ErrorReply), f"{words}: {reply}"
        return reply

    def call(self, function, *arguments):
        """Each call is 1 s after the one before."""
        self.now += 1000
        self.send("SET", "clock", self.now)
        return self.send("FCALL", "appbackup_" + function, 0, *arguments)

    def create(self, app, name, bucket=LOCAL):
        self.call("backup_create", id_of("backup", name), id_of("job", name), ACCOUNT, APPS[app], TOKEN, "1.2", name,
                  bucket, "", '[{"name":"tier","value":"gold"}]')

    def task(self, kind, app, name, backup="", target="", bucket=LOCAL):
        self.call("task_create", id_of("task", name), id_of("job", name), kind, ACCOUNT, APPS[app], bucket,
                  id_of("backup", backup) if backup else "", "appbackupctl:uid=0", target, "[]", 5)

    def claim(self, name, node="node1"):
        """The next job of the node, which is the one of that name."""
        claimed = self.call("job_claim", node, f"{node}:100:1", 15000, 1, 0)
        job = pairs(claimed)
        assert job["id"] == id_of("job", name), f"{job} is not that of {name}"
        return job["id"], job["epoch"]

    def run(self, name, node="node1"):
        job = self.claim(name, node)
        self.call("job_advance", *job, "discovering", 15000, "stage", "discover")
        self.call("job_advance", *job, "running", 15000, "stage", "upload", "bytes_total", 4000, "bytes_done", 1000)
        return job

    def work(self, name):
        job = self.claim(name)
        self.call("job_advance", *job, "running", 15000)
        return job

    def finish(self, job, outcome, reason="", delay_ms=0, *progress):
        self.call("job_finish", *job, outcome, delay_ms, reason, *progress)

    def complete(self, name):
        self.finish(self.run(name), "completed", "", 0, "repository_snapshot", DIGEST, "taken_ms", self.now,
                    "hook_state", "success")


def play(writer):
    register(writer)
    ended_backups(writer)
    tasks(writer)
    under_way(writer)


def register(writer):
    for node, names in (("node1", ("shop", "wiki", "docs", "solo")), ("node2", ("mail",))):
        writer.call("node_register", node, "0.1.0", 4, 4, f"{node}:100:1")
        writer.call("apps_register", node, json.dumps([
            {"id": APPS[name], "account": ACCOUNT, "name": name,
             "concurrent_backups": "refuse" if name == "solo" else "queue"} for name in names]))
    writer.call("bucket_register", LOCAL, "", "local", "directory", "file:///", "local", "available", "[]", 1)
    writer.call("bucket_register", OTHER, ACCOUNT, "other", "aws", "https://s3", "other", "failed", "[]", 0, 1)


def ended_backups(writer):
    for name in ("completed", "removed", "found-again"):
        writer.create("shop", name)
        writer.complete(name)
    writer.create("shop", "failed")
    writer.finish(writer.run("failed"), "failed", "no space", 0, "state_details",
                  '[{"type":"https://appbackup.invalid/reasons/no_space","title":"No space","detail":"full"}]')
    writer.create("shop", "canceled")
    writer.call("backup_cancel", ACCOUNT, APPS["shop"], id_of("backup", "canceled"), TOKEN, "not needed")
    writer.create("shop", "withdrawn")
    writer.call("backup_delete", ACCOUNT, "", id_of("backup", "withdrawn"), TOKEN)
    writer.create("shop", "deleted")
    writer.complete("deleted")
    writer.call("backup_delete", ACCOUNT, "", id_of("backup", "deleted"), TOKEN)
    job = pairs(writer.call("job_claim", "node1", "node1:100:1", 15000, 1, 0))
    writer.finish((job["id"], job["epoch"]), "completed")
    writer.create("wiki", "kept")
    writer.complete("kept")
    writer.call("backup_delete", ACCOUNT, "", id_of("backup", "kept"), TOKEN)
    job = pairs(writer.call("job_claim", "node1", "node1:100:1", 15000, 1, 0))
    writer.finish((job["id"], job["epoch"]), "failed", "the bucket refuses it")


def tasks(writer):
    writer.task("verify", "shop", "verify")
    job = writer.work("verify")
    found = [{"backup": id_of("backup", name), "problem": "its data is gone"} for name in ("removed", "found-again")]
    writer.call("verify_report", *job, 1, json.dumps(found), 1, "2 packs are missing")
    writer.finish(job, "completed")
    writer.task("verify", "shop", "verify-all")
    job = writer.work("verify-all")
    writer.call("verify_report", *job, 1, json.dumps([{"backup": id_of("backup", "found-again"), "problem": ""}]), 1, "")
    writer.finish(job, "completed")
    writer.task("catalog", "docs", "catalog")
    job = writer.work("catalog")
    writer.call("catalog_report", *job, json.dumps([
        {"backup": id_of("backup", "rebuilt"), "name": "rebuilt", "taken_ms": START_MS, "bytes": 10, "snapshot": DIGEST}]))
    writer.finish(job, "completed")
    writer.task("prune", "docs", "prune-failed")
    writer.finish(writer.work("prune-failed"), "failed", "the repository is locked")
    writer.task("prune", "shop", "prune-canceled")
    writer.call("task_cancel", ACCOUNT, id_of("task", "prune-canceled"), "admin", "later")


def under_way(writer):
    writer.create("docs", "quarantined")
    writer.call("job_died", *writer.run("quarantined"), "killed by signal 11 in stage upload", 1, 0)
    writer.create("docs", "delayed")
    writer.finish(writer.run("delayed"), "retry", "the bucket cannot be reached", 60000)
    writer.task("prune", "wiki", "prune-delayed")
    writer.finish(writer.work("prune-delayed"), "retry", "the bucket cannot be reached", 60000)
    writer.create("mail", "discovering")
    writer.call("job_advance", *writer.claim("discovering", "node2"), "discovering", 15000, "stage", "discover")
    writer.create("wiki", "running")
    writer.run("running")
    writer.create("docs", "leaving")
    writer.run("leaving")
    writer.call("backup_delete", ACCOUNT, "", id_of("backup", "leaving"), TOKEN)
    writer.create("solo", "held", OTHER)
    writer.call("pause", "app", "solo", "admin", "stock-taking")
    writer.call("pause", "node", "node2", "admin")
    writer.call("pause", "bucket", "other", "admin", "it moves")
    writer.create("shop", "queued")
    writer.call("backup_create_once", DIGEST, DIGEST[::-1], id_of("backup", "once"), id_of("job", "once"), ACCOUNT,
                APPS["shop"], TOKEN, "1.2", "once", "", "", "[]")
    writer.create("shop", "next")
    writer.claim("queued")
    writer.call("job_died", id_of("job", "queued"), 1, "killed by signal 9", 3, 0)
    writer.call("backup_delete", ACCOUNT, "", id_of("backup", "found-again"), TOKEN)
    writer.task("restore", "shop", "restore", "completed", "/srv/restored")


def commands(connection):
    """What makes the keys again."""
    for key in sorted(connection.send(("KEYS", "appbackup:*"))[0]):
        kind, ttl = connection.send(("TYPE", key), ("TTL", key))
        if kind == "string":
            yield ["SET", key, connection.send(("GET", key))[0]]
        elif kind == "hash":
            fields = pairs(connection.send(("HGETALL", key))[0])
            yield ["HSET", key, *[word for field in sorted(fields) for word in (field, fields[field])]]
        elif kind == "set":
            yield ["SADD", key, *sorted(connection.send(("SMEMBERS", key))[0])]
        elif kind == "zset":
            flat = connection.send(("ZRANGE", key, 0, -1, "WITHSCORES"))[0]
            yield ["ZADD", key, *[word for i in range(0, len(flat), 2) for word in (flat[i + 1], flat[i])]]
        for number, (_, fields) in enumerate(connection.send(("XRANGE", key, "-", "+"))[0] if kind == "stream" else []):
            yield ["XADD", key, f"{START_MS}-{number}", *fields]
        if ttl >= 0:
            yield ["EXPIRE", key, str((ttl + 3599) // 3600 * 3600)]


def main():
    library = "".join(path.read_text() for path in sorted(pathlib.Path(sys.argv[1]).glob("*.lua")))
    scratch = Scratch()
    redis = Redis(scratch)
    redis.start()
    try:
        writer = Writer(redis.socket, library)
        play(writer)
        for command in commands(writer.connection):
            print(json.dumps(command))
    finally:
        redis.stop()
        scratch.remove()


if __name__ == "__main__":
    main()
