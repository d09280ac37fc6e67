"""A populated Redis for the doctor: records in every state that they can have, made by the library itself."""

import hashlib
import itertools
import json
import uuid

from resp import ErrorReply, pairs

PREFIX = "appbackup:"
ACCOUNTS = ("6f8e7a52-3c1d-4b9e-8f27-5d0c9b1a4e63", "0c0ffee0-0000-4000-8000-000000000002")
NODES = ("node1", "node2")
DIGEST = "0123456789abcdef" * 4


def stable(account, kind, name):
    return str(uuid.uuid5(uuid.UUID(account), f"{kind}/{name}"))


class World:
    """Calls the library through a connection; app(n) and bucket(n) are ids."""

    def __init__(self, connection):
        self.connection = connection
        self.numbers = itertools.count(1)
        self.apps = [(ACCOUNTS[0], "shop", "node1"), (ACCOUNTS[0], "wiki", "node1"),
                     (ACCOUNTS[0], "mail", "node2"), (ACCOUNTS[1], "blog", "node2"),
                     (ACCOUNTS[0], "lost", "node1"), (ACCOUNTS[0], "ruin", "node1")]
        self.shared = stable("0" * 8 + "-0000-0000-0000-" + "0" * 12, "bucket", "main")
        self.own = stable(ACCOUNTS[0], "bucket", "own")

    def must(self, *words):
        reply, = self.connection.send(words)
        assert not isinstance(reply, ErrorReply), (words, reply)
        return reply

    def call(self, function, *arguments):
        return self.must("FCALL", "appbackup_" + function, "0", *arguments)

    def new_id(self):
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(next(self.numbers))))[:14] + "4" + \
            str(uuid.uuid5(uuid.NAMESPACE_OID, str(next(self.numbers))))[15:]

    def app(self, name):
        account, name, _ = next(app for app in self.apps if app[1] == name)
        return stable(account, "app", name)

    def account(self, name):
        return next(app for app in self.apps if app[1] == name)[0]

    # --- steps ---

    def register(self):
        for node in NODES:
            self.call("node_register", node, "0.1.0", 4)
            self.call("apps_register", node, json.dumps([
                {"id": self.app(name), "account": account, "name": name} for account, name, at in self.apps
                if at == node]))
        self.call("bucket_register", self.shared, "", "main", "directory", "", "", "available", "[]", "1")
        self.call("bucket_register", self.own, ACCOUNTS[0], "own", "directory", "", "", "available", "[]", "0", "9")

    def create(self, app, name, bucket=""):
        """A pending backup: (its id, its job's)."""
        id_, job = self.new_id(), self.new_id()
        self.call("backup_create", id_, job, self.account(app), self.app(app), ACCOUNTS[1], "1.2", name, bucket, "",
                  json.dumps([{"name": "k", "value": name}]) if name.endswith("1") else "[]")
        return id_, job

    def claim(self, job, node="node1"):
        """Claims until it is this one, which must be what is next for its app."""
        claimed = pairs(self.call("job_claim", node, f"{node}:77:1", 3600000, 3) or [])
        assert claimed.get("id") == job, (job, claimed)
        return job, claimed["epoch"]

    def advance(self, claim, state):
        self.call("job_advance", *claim, state, 3600000, "stage", "upload", "bytes_done", 10, "bytes_total", 1000)

    def finish(self, claim, outcome, *fields, delay=0, why=""):
        self.call("job_finish", *claim, outcome, delay, why, *fields)

    def run(self, app, name, node="node1", **options):
        id_, job = self.create(app, name, **options)
        claim = self.claim(job, node)
        self.advance(claim, "discovering")
        self.advance(claim, "running")
        return id_, claim

    def complete(self, app, name, node="node1", **options):
        id_, claim = self.run(app, name, node, **options)
        self.finish(claim, "completed", "repository_snapshot", hashlib.sha256(name.encode()).hexdigest(), "taken_ms",
                    1700000000000)
        return id_

    def task(self, kind, app, backup="", target=""):
        id_, job = self.new_id(), self.new_id()
        self.call("task_create", id_, job, kind, self.account(app), self.app(app), "", backup, "appbackupctl:uid=0",
                  target, "[]", 5 if kind == "verify" else 0)
        return id_, job

    def populate(self):
        self.register()
        kept = [self.complete("shop", f"kept{i}") for i in range(4)]
        self.complete("shop", "apart", bucket=self.own)
        for node, app in (("node2", "mail"), ("node2", "blog")):
            self.complete(app, "first", node)
        for name in ("failed1", "failed2"):
            _, claim = self.run("shop", name)
            self.finish(claim, "failed", why="the disk is on fire")
        gone = self.complete("shop", "gone")
        self.call("backup_delete", "", "", gone, "admin")
        deletion = self.must("HGET", PREFIX + "backup:" + gone, "job")
        self.finish(self.claim(deletion), "completed")
        self.keep_failed_delete()
        self.damage(kept)
        self.restore(kept)
        self.leave_waiting()
        self.call("backup_create_once", DIGEST, DIGEST, self.new_id(), self.new_id(), ACCOUNTS[0], self.app("mail"),
                  ACCOUNTS[1], "1.2", "once", "", "", "[]")
        reply, = self.connection.send(("FCALL", "appbackup_job_renew", "0", self.new_id(), "1", "1000"))
        assert reply.code == "LEASE_LOST"
        self.must("HSET", PREFIX + "snapshot:" + self.new_id(), "app", self.app("shop"))
        self.call("apps_register", "node1", json.dumps([
            {"id": self.app(name), "account": account, "name": name} for account, name, at in self.apps
            if at == "node1" and name != "lost"]))
        self.call("pause", "app", self.app("wiki"), "appbackupctl:uid=0", "kernel update")
        self.call("pause", "node", "node2", "appbackupctl:uid=0")

    def keep_failed_delete(self):
        kept = self.complete("lost", "undeletable")
        self.complete("lost", "good")
        self.call("backup_delete", "", "", kept, "admin")
        deletion = self.must("HGET", PREFIX + "backup:" + kept, "job")
        self.finish(self.claim(deletion), "failed", why="the bucket refuses")
        killed, claim = self.run("ruin", "killer")
        verdict = self.call("job_died", *claim, "signal 9", 1, 0)
        assert verdict == "quarantined", verdict
        return killed

    def damage(self, kept):
        task, job = self.task("verify", "shop")
        claim = self.claim(job)
        self.call("job_advance", *claim, "running", 3600000)
        self.call("verify_report", *claim, "1", json.dumps([{"backup": kept[0], "problem": "pack ab is gone"}]), "1",
                  "pack ab is gone")
        self.finish(claim, "failed", why="pack ab is gone")
        for kind, outcome in (("prune", "completed"), ("catalog", "completed")):
            task, job = self.task(kind, "wiki")
            claim = self.claim(job)
            self.call("job_advance", *claim, "running", 3600000)
            self.finish(claim, outcome)
        return task

    def restore(self, kept):
        task, job = self.task("restore", "shop", kept[1], "/tmp/somewhere")
        claim = self.claim(job)
        self.call("job_advance", *claim, "running", 3600000, "bytes_done", 1, "bytes_total", 3)
        self.finish(claim, "completed")

    def leave_waiting(self):
        """Last, since it leaves claimed jobs behind: their apps are busy from then on."""
        doomed = self.complete("wiki", "doomed")
        self.task("restore", "shop", self.must("HGET", PREFIX + "names:" + self.app("shop"), "kept2"))
        self.claim(self.must("ZRANGE", PREFIX + "queue:node1", 0, 0)[0])
        for name in ("waits1", "waits2"):
            self.create("shop", name)
        _, claim = self.run("wiki", "delayed")
        self.finish(claim, "retry", delay=3600000, why="the bucket is away")
        self.call("backup_delete", "", "", doomed, "admin")
        self.task("prune", "wiki")
        _, running = self.run("mail", "running", "node2")
        stopped, _ = self.run("blog", "stopped", "node2")
        self.call("backup_delete", "", "", stopped, "admin")
        self.create("blog", "behind")
        assert running
