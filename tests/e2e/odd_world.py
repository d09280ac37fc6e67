"""A repository with backups of ours, into which somebody writes who has its key, and a Redis that is lost."""

import json
import os
import re
import uuid

from sealed import Key
from support import wait_until

MORE = re.compile(r"(\d+) more snapshots")


def backups(node):
    return {backup["id"]: backup for backup in json.loads(node.ctl("-o", "json", "backup", "list").stdout)}


def facts(backup):
    return {name: backup.get(name) for name in ("name", "state", "totalBytes", "bytesDone", "backupCreationTimestamp")}


class World:
    """A repository with two backups of ours, into which others can write."""

    def __init__(self, node):
        self.node = node
        self.worker = node.start_worker()
        records = [node.follow(node.create("--name", name))[0] for name in ("one", "two")]
        self.own = {record["id"]: facts(record) for record in records}
        self.repository, = node.repositories()
        self.snapshots = os.path.join(self.repository, "snapshots")
        self.own_snapshots = set(os.listdir(self.snapshots))
        self.key = Key(node.restic("cat", "masterkey"))
        self.sample = json.loads(node.restic("cat", "snapshot", min(self.own_snapshots)))

    def save(self, tags, **changes):
        """A snapshot with these tags. A change of None takes a member away, bytes stand for themselves."""
        members = {**self.sample, "tags": tags, **changes}
        parts = [json.dumps(name).encode() + b":" + (value if isinstance(value, bytes) else json.dumps(value).encode())
                 for name, value in members.items() if value is not None]
        return self.key.save(self.snapshots, b"{" + b",".join(parts) + b"}")

    def rebuild(self):
        """The task after its end."""
        self.node.ctl("catalog", "rebuild", "shop", "--wait")
        return self.ended_task()

    def lose_all(self):
        """Redis is emptied; the worker finds its backups by itself. Returns the task that has found them."""
        self.node.redis_cli("FLUSHALL")
        self.node.redis_cli("FUNCTION", "FLUSH")
        return wait_until(self.ended_task, 40, "the catalogue has ended")

    def ended_task(self):
        listed = self.node.ctl("-o", "json", "task", "list", check=False).stdout
        for task in json.loads(listed or "[]"):
            if task["kind"] == "catalog" and task["state"] in ("completed", "failed"):
                return task
        return None


def warnings(task):
    """What a task says of snapshots, and of how many it only gives the number."""
    texts = [detail["detail"] for detail in task["stateDetails"] if detail["type"].endswith("/snapshot_unreadable")]
    return texts, sum(int(match[1]) for match in map(MORE.match, texts) if match)


def new_id():
    return str(uuid.uuid4())
