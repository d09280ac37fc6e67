"""What the doctor takes out of service comes back from its bucket: real backups in a directory, a real worker."""

import json
import random
import signal
import unittest

from doctor_corruptions import GARBAGE
from support import seed
from worker_support import Node, NodeTest, wait_until

KEPT = ("id", "name", "state", "bucketID", "totalBytes", "bytesDone", "percentDone")
ROUNDS = 4  # each damages the records anew
SEED = seed()


class DoctorCatalogTest(NodeTest):
    def setUp(self):
        self.random = random.Random(SEED)
        print(f"SEED={SEED}", flush=True)

    def test_with_workers_at_work_nothing_is_found_and_what_a_bucket_has_is_never_lost(self):
        with Node() as node:
            worker = node.start_worker()
            backups = [node.create("--name", f"b{i}") for i in range(5)]

            def have_ended():
                looked = node.ctl("doctor", check=False)
                self.assertEqual((0, ""), (looked.returncode, looked.stdout))
                return all(node.get(backup)["state"] == "completed" for backup in backups)
            wait_until(have_ended, 60, "all are completed")
            before = self.backups(node)
            self.assertEqual(5, len(before))
            for _ in range(ROUNDS):
                damage = [command for backup in self.random.sample(backups, 4) for command in self.damage(node, backup)]
                for command in damage:
                    node.redis_cli(*command)
                node.ctl("doctor", "--repair", check=False)
                worker.send_signal(signal.SIGHUP)  # it registers its apps again, and need not be waited for
                wait_until(lambda: "shop" in node.ctl("app", "list").stdout, 30, "the app is there")
                node.ctl("catalog", "rebuild", "--wait", check=False)
                wait_until(lambda: self.backups(node) == before, 30, f"all are there again after {damage}")
                wait_until(lambda: node.ctl("doctor", check=False).stdout == "", 30, "nothing is wrong any more")
            node.restic("check", "--read-data")
            node.ctl("verify", "shop", "--all", "--wait")
            node.ctl("restore", backups[0], "--in-place", "--wait")

    def backups(self, node):
        listed = json.loads(node.ctl("-o", "json", "backup", "list").stdout)
        return {backup["id"]: {name: backup.get(name) for name in KEPT} for backup in listed}

    def damage(self, node, backup):
        """One record of a backup, in one way; sometimes its indexes too, or what it depends on."""
        key, app = "appbackup:backup:" + backup, "appbackup:app:" + node.redis_cli("HGET", "appbackup:backup:" + backup, "app")
        fields = ("account", "app", "app_name", "name", "bucket", "created_by", "labels", "repository_snapshot", "bytes_total")
        field = self.random.choice(fields)
        states = ("pending", "discovering", "running", "failed", "deleting", "removed", "unknown")
        return self.random.choice((
            [("DEL", key)], [("HDEL", key, field)], [("HSET", key, field, GARBAGE)], [("SET", key, "x")],
            [("HSET", key, "state", self.random.choice(states))], [("HSET", key, "name", "renamed")],
            [("HSET", key, "state", "deleting"), ("ZREM", "appbackup:state:completed", backup)],
            [("DEL", key), ("ZREM", "appbackup:state:completed", backup)],
            [("HDEL", key, field), ("HDEL", app, "name")], [("DEL", key, app)],
            [("HSET", key, "bytes_done", "7"), ("DEL", "appbackup:names:" + app.split(":")[-1])],
        ))


if __name__ == "__main__":
    unittest.main()
