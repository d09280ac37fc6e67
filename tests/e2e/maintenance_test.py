"""Prune and verify as jobs of a real worker: what restic thinks of the first, what the second finds."""

import json
import os
import unittest

from support import wait_until
from worker_support import MIB, Node, NodeTest


def task_of(node, *words, check=True):
    result = node.ctl("-o", "json", *words, check=check)
    return json.loads(result.stdout), result


def files_of(node, folder):
    found = []
    for repository in node.repositories():
        for directory, _, names in os.walk(os.path.join(repository, folder)):
            found += [os.path.join(directory, name) for name in names]
    return found


def size_of(path):
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0  # pruned since it was listed


def bytes_of(node):
    return sum(size_of(path) for path in files_of(node, "data"))


def delete(node, backup):
    node.ctl("backup", "delete", backup)
    wait_until(lambda: node.get(backup) is None, 30, "the backup is gone")


def flip_bit(path):
    """In the middle of the file, whatever its mode."""
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


class PruneTest(NodeTest):
    def test_frees_what_deleted_backups_leave_and_nothing_else(self):
        with Node() as node:
            node.start_worker()
            node.add_bulk(20)
            first = node.create("--wait")
            os.remove(node.path("data/bulk"))
            node.create("--wait")
            before = bytes_of(node)
            delete(node, first)
            self.assertEqual(before, bytes_of(node))

            task, _ = task_of(node, "prune", "shop", "--wait")

            self.assertEqual(("prune", "completed"), (task["kind"], task["state"]))
            self.assertIn("total prune", task["stateDetails"][0]["detail"])
            self.assertLess(bytes_of(node), before - 19 * MIB)
            self.assertEqual([], node.locks())
            self.assert_restorable(node)
            self.assertNotIn(json.loads(node.ctl("-o", "json", "repository", "key", "shop").stdout)[
                "password"], node.log())

    def test_comes_by_itself_after_so_many_deletes(self):
        with Node(prune_after_deletes=2) as node:
            node.start_worker()
            node.add_bulk(5)
            backups = [node.create("--wait") for _ in range(2)]
            os.remove(node.path("data/bulk"))
            node.create("--wait")
            for backup in backups:
                delete(node, backup)
            before = bytes_of(node)

            wait_until(lambda: bytes_of(node) < before - 4 * MIB, 60, "the space is free")

            tasks = json.loads(node.ctl("-o", "json", "task", "list", "shop").stdout)
            self.assertEqual(["schedule"], [task["createdBy"] for task in tasks])

    def test_removes_the_lock_of_a_prune_that_was_killed(self):
        with Node() as node:
            node.start_worker()
            delete(node, node.create("--wait"))
            repository = node.repositories()[0]
            key = json.loads(node.ctl("-o", "json", "repository", "key", "shop").stdout)
            self._leave_a_lock(node, key)
            self.assertEqual(1, len(os.listdir(os.path.join(repository, "locks"))))

            task, _ = task_of(node, "prune", "shop", "--wait")

            self.assertEqual("completed", task["state"])
            self.assertEqual([], node.locks())

    @staticmethod
    def _leave_a_lock(node, key):
        """A restic that is killed while it backs up from a pipe leaves its lock."""
        import subprocess
        process = subprocess.Popen(
            ["restic", "--no-cache", "backup", "--stdin"], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": node.directory,
                 "RESTIC_REPOSITORY": key["repository"], "RESTIC_PASSWORD": key["password"]})
        try:
            # Not what it writes first, and renames.
            wait_until(lambda: [name for name in node.locks() if "-tmp-" not in name], 30,
                       "restic has its lock")
        finally:
            process.kill()
            process.wait()
            process.stdin.close()


class VerifyTest(NodeTest):
    def verify(self, node, *words):
        task, result = task_of(node, "verify", "shop", "--wait", *words, check=False)
        return task, result.returncode

    def bucket_details(self, node):
        bucket = node.redis_cli("HGET", "appbackup:default-buckets", "shared")
        return node.redis_cli("HGET", f"appbackup:bucket:{bucket}", "state_details")

    def test_finds_nothing_wrong_where_nothing_is(self):
        with Node() as node:
            node.start_worker()
            node.add_bulk(5)
            backup = node.create("--wait")

            task, code = self.verify(node, "--all")

            self.assertEqual(("completed", 0, []), (task["state"], code, task["stateDetails"]))
            self.assertEqual(bytes_of(node), task["totalBytes"])
            self.assertEqual("completed", node.get(backup)["state"])
            self.assertIn("what was read is sound", self.bucket_details(node))
            self.assertEqual([], node.locks())

    def test_finds_a_flipped_bit_and_believes_again_when_it_is_right(self):
        with Node() as node:
            node.start_worker()
            node.add_bulk(5)
            backup = node.create("--wait")
            pack = max(files_of(node, "data"), key=os.path.getsize)
            flip_bit(pack)

            task, code = self.verify(node, "--all")

            name = os.path.basename(pack)
            self.assertEqual(("failed", 1), (task["state"], code))
            self.assertIn(name, task["stateUnready"][0])
            record = node.get(backup)
            self.assertEqual("removed", record["state"])
            self.assertIn(name, record["stateUnready"][0])
            self.assertIn("data_damaged", record["stateDetails"][0]["type"])
            self.assertIn(name, self.bucket_details(node))
            refused = node.ctl("restore", backup, "--in-place", check=False)
            self.assertEqual(1, refused.returncode)
            self.assertIn("removed", refused.stderr)
            flip_bit(pack)
            task, code = self.verify(node, "--all")
            self.assertEqual(("completed", 0), (task["state"], code))
            self.assertEqual("completed", node.get(backup)["state"])
            self.assertNotIn(name, self.bucket_details(node))

    def test_finds_a_missing_pack_whatever_the_sample(self):
        with Node(verify_sample=1) as node:
            node.start_worker()
            node.add_bulk(5)
            first = node.create("--wait")
            packs = set(files_of(node, "data"))
            node.write("data/new", os.urandom(3 * MIB))
            second = node.create("--wait")
            new = max(set(files_of(node, "data")) - packs, key=os.path.getsize)
            os.remove(new)

            task, code = self.verify(node)

            self.assertEqual(("failed", 1), (task["state"], code))
            self.assertIn(os.path.basename(new) + " is gone", task["stateUnready"][0])
            self.assertEqual(["completed", "removed"],
                             [node.get(backup)["state"] for backup in (first, second)])

    def test_finds_a_missing_snapshot(self):
        with Node() as node:
            node.start_worker()
            backup = node.create("--wait")
            for path in files_of(node, "snapshots"):
                os.remove(path)

            task, code = self.verify(node)

            self.assertEqual(("failed", 1), (task["state"], code))
            self.assertIn("1 backups are gone from the bucket", task["stateUnready"][0])
            self.assertEqual("removed", node.get(backup)["state"])
            self.assertIn("snapshots/", node.get(backup)["stateUnready"][0])
            status = node.ctl("status", check=False)
            self.assertEqual(1, status.returncode)
            self.assertIn("1 backups are gone or damaged in their bucket", status.stdout)

    def test_leads_from_an_unreadable_snapshot_to_a_bucket_without_it(self):
        with Node() as node:
            node.start_worker()
            damaged, other = (node.create("--wait") for _ in range(2))
            name = node.redis_cli("HGET", f"appbackup:backup:{damaged}", "repository_snapshot")
            path = next(path for path in files_of(node, "snapshots") if path.endswith(name))
            os.chmod(path, 0o600)
            os.truncate(path, 0)

            new = node.create("--wait")  # neither this nor a delete is kept from its work
            detail, = node.get(new)["stateDetails"]
            self.assertTrue(detail["type"].endswith("/snapshot_unreadable"), detail)
            self.assertIn("snapshots/" + name, detail["detail"])
            delete(node, other)
            self.assertEqual(2, len(files_of(node, "snapshots")))

            _, code = self.verify(node)
            self.assertEqual(1, code)
            self.assertEqual(["removed", "completed"], [node.get(one)["state"] for one in (damaged, new)])
            delete(node, damaged)
            self.assertEqual(1, len(files_of(node, "snapshots")))
            self.assertEqual([], node.get(node.create("--wait"))["stateDetails"])

    def test_comes_by_itself(self):
        with Node(verify_interval_s=1, verify_sample=50) as node:
            node.start_worker()
            node.create("--wait")

            def done():
                tasks = json.loads(node.ctl("-o", "json", "task", "list").stdout)
                return [task for task in tasks if task["state"] == "completed"]
            tasks = wait_until(done, 60, "a verification of the schedule")
            self.assertEqual(("verify", "schedule"), (tasks[0]["kind"], tasks[0]["createdBy"]))


if __name__ == "__main__":
    unittest.main()
