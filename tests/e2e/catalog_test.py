"""Records that Redis has lost, made again from what lies in the bucket."""

import json
import os
import unittest

from redis_node import RedisNode
from support import BACKUP, Client
from worker_support import ACCOUNT, Node, NodeTest, wait_until

KEPT = ("id", "name", "bucketID", "state", "totalBytes", "bytesDone", "percentDone",
        "backupCreationTimestamp")


class CatalogTest(NodeTest):
    def backups(self, node):
        listed = json.loads(node.ctl("-o", "json", "backup", "list").stdout)
        return {backup["id"]: {name: backup.get(name) for name in KEPT} for backup in listed}

    def make(self, node, *names):
        """These backups, completed, and one that is deleted again."""
        gone = node.create("--name", "gone")
        node.follow(gone)
        for name in names:
            node.write("data/" + name, os.urandom(5000))
            record, _ = node.follow(node.create("--name", name))
            self.assertEqual("completed", record["state"], record)
        node.ctl("backup", "delete", gone)
        wait_until(lambda: node.get(gone) is None, 20, "it is gone")
        return self.backups(node)

    def forget_everything(self, node):
        node.redis_cli("FLUSHALL")
        node.redis_cli("FUNCTION", "FLUSH")

    def wait_for(self, node, expected):
        def is_there():
            if '"shop"' not in node.ctl("-o", "json", "app", "list", check=False).stdout:
                return False
            return self.backups(node) == expected
        wait_until(is_there, 30, "the records are back")

    def test_a_worker_brings_everything_back_by_itself(self):
        with Node() as node:
            node.start_worker()
            known = self.make(node, "one", "two")
            self.assertEqual(2, len(known))
            self.forget_everything(node)
            self.wait_for(node, known)
            record = node.get(next(iter(known)))
            self.assertTrue(record["stateDetails"][0]["type"].endswith("/record_rebuilt"), record)

            # They are backups like all others: a new one has its own name, they are verified and deleted.
            record, _ = node.follow(node.create("--name", "three"))
            self.assertEqual("completed", record["state"], record)
            node.ctl("verify", "shop", "--all", "--wait")
            self.assert_restorable(node, 3)
            for backup in known:
                node.ctl("backup", "delete", backup)
            wait_until(lambda: list(self.backups(node)) == [record["id"]], 20, "the others are deleted")
            self.assertEqual(1, len(json.loads(node.restic("snapshots", "--json"))))

    def test_labels_and_who_asked_come_back_too(self):
        with RedisNode() as node:
            node.start_worker()
            node.start_daemon()
            app = json.loads(node.ctl("-o", "json", "app", "list").stdout)[0]["id"]
            path = f"/accounts/{ACCOUNT}/k8s/v1/apps/{app}/appBackups"
            labels = [{"name": f"{number:03}" + "\U0001f600" * 252, "value": "\U0001f600" * 255}
                      for number in range(64)]
            known = {}
            with Client(node.port, "token") as client:
                for _ in range(4):  # more than go in one call
                    body = {"type": BACKUP, "version": "1.1", "metadata": {"labels": labels}}
                    backup = client.request("POST", path, body).json["id"]
                    record, _ = node.follow(backup)
                    self.assertEqual("completed", record["state"], record)
                    known[backup] = client.get(f"{path}/{backup}").json
                self.forget_everything(node)
                wait_until(lambda: len(node.ask().json.get("items", [])) == len(known), 30, "they are back")
                for backup, before in known.items():
                    after = client.get(f"{path}/{backup}").json
                    for name in ("version", "name"):
                        self.assertEqual(before[name], after[name])
                    for name in ("labels", "createdBy"):
                        self.assertEqual(before["metadata"][name], after["metadata"][name], name)

    def test_a_worker_that_starts_finds_them_too(self):
        with Node() as node:
            worker = node.start_worker()
            known = self.make(node, "one")
            worker.terminate()
            self.assertEqual(0, worker.wait(20))
            self.forget_everything(node)
            node.start_worker()
            self.wait_for(node, known)

    def test_an_admin_rebuilds_it_at_any_time(self):
        with Node() as node:
            node.start_worker()
            known = self.make(node, "one", "two")
            lost = next(iter(known))
            app = node.redis_cli("HGET", "appbackup:backup:" + lost, "app")
            node.redis_cli("DEL", "appbackup:backup:" + lost)
            node.redis_cli("ZREM", "appbackup:backups:" + app, lost)
            self.assertEqual(1, len(self.backups(node)))
            for _ in range(2):
                output = node.ctl("catalog", "rebuild", "--wait").stdout
                self.assertIn(" of shop in bucket local: pending", output)
                self.assertEqual(known, self.backups(node))
            tasks = json.loads(node.ctl("-o", "json", "task", "list").stdout)
            self.assertEqual(["2 backups are in the bucket, 0 had no record",
                              "2 backups are in the bucket, 1 had no record"],
                             [task["stateDetails"][0]["detail"] for task in tasks if task["kind"] == "catalog"])

            # One that was deleted stays so.
            node.ctl("backup", "delete", lost)
            wait_until(lambda: node.get(lost) is None, 20, "it is gone")
            node.ctl("catalog", "rebuild", "shop", "--bucket", "local", "--wait")
            self.assertEqual(known.keys() - {lost}, self.backups(node).keys())

    def test_a_new_installation_is_not_bothered(self):
        with Node() as node:
            node.start_worker()
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assertEqual([], json.loads(node.ctl("-o", "json", "task", "list").stdout))
            self.assertEqual(0, node.ctl("catalog", "rebuild", "--wait").returncode)
            self.assertEqual([record["id"]], list(self.backups(node)))


if __name__ == "__main__":
    unittest.main()
