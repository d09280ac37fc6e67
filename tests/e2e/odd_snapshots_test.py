"""Snapshots of a stock restic, or of somebody who has the key: each counts for itself, and none hides another."""

import json
import os
import random
import time
import unittest
import uuid

from odd_world import World, backups, facts, new_id, warnings
from support import wait_until
from worker_support import Node, NodeTest


class OddSnapshotsTest(NodeTest):
    def assert_named(self, task, name, *words):
        said = [text for text in warnings(task)[0] if name in text]
        self.assertTrue(said, f"snapshots/{name}: {task['stateDetails']}")
        for word in words:
            self.assertIn(word, said[0])

    def test_a_time_and_a_size_that_no_record_can_tell_hide_nothing(self):
        with Node(restore_directories=["/"]) as node:
            world = World(node)
            early, late, large, unknown, silent = (new_id() for _ in range(5))
            node.restic("backup", "--tag", f"backup={early}", "--tag", "name=early", "--time", "1960-01-01 00:00:00",
                        node.data)
            name, = set(os.listdir(world.snapshots)) - world.own_snapshots
            world.save([f"backup={late}", "name=late"], time="9999-12-31T23:59:59.123456789012-23:59")
            huge = world.save([f"backup={large}", "name=large"], summary={"total_bytes_processed": 2 ** 64 - 1})
            world.save([f"backup={unknown}", "name=unknown"], summary={"total_bytes_processed": -5})
            world.save([f"backup={silent}", "name=silent"], summary=None, time="2001-02-03T04:05:06.7+05:30")

            task = world.lose_all()

            self.assertEqual("completed", task["state"], task)
            found = backups(node)
            self.assertEqual(world.own, {id_: facts(found[id_]) for id_ in world.own})
            self.assertEqual(["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2001-02-02T22:35:06Z"],
                             [found[id_]["backupCreationTimestamp"] for id_ in (early, late, silent)])
            self.assertEqual([2 ** 53, None, None],
                             [found[id_].get("totalBytes") for id_ in (large, unknown, silent)])
            self.assert_named(task, name, early, "before 1970")
            self.assert_named(task, huge, large, str(2 ** 64 - 1))
            self.assertEqual(2, len(warnings(task)[0]), task)
            self.assertEqual([], self.findings(node))

            # They are backups like others: restored, verified and deleted.
            target = node.path("restored")
            node.ctl("restore", early, "--target", target, "--wait")
            with open(target + node.data + "/sub/hello.txt") as file:
                self.assertEqual("hello\n", file.read())
            node.ctl("verify", "shop", "--all", "--wait")
            node.ctl("backup", "delete", early)
            wait_until(lambda: node.get(early) is None, 20, "it is gone")
            self.assertNotIn(name, os.listdir(world.snapshots))

    def findings(self, node):
        return json.loads(node.ctl("-o", "json", "doctor", check=False).stdout)

    def test_odd_words_hide_nothing(self):
        with Node() as node:
            world = World(node)
            nameless, badly_named, tagged, wordy, deep = (new_id() for _ in range(5))
            no_name = world.save(["appbackup", f"backup={nameless}"])
            bad_name = world.save([f"backup={badly_named}", "name=Not a\u0000 label"])
            world.save(["x"] * 40 + [f"backup={tagged}", "name=tagged", "by=me", "version=next", "labels=[1]"])
            world.save([f"backup={wordy}", "name=wordy"], hostname=b'"' + b"\\u0007\\ud800\\u0000\xff" * 5000 + b'"',
                       username=b'"' + b"u" * 65536 + b'"', unknown={"tags": ["no"]}, original=5)
            labels = '[{"name":"a","value":"b","more":' + "[" * 1500 + "]" * 1500 + "}]"
            world.save([f"backup={deep}", "name=deep", "labels=" + labels])
            of_none = world.save(["appbackup", "backup=nightly", "name=x"])
            world.save(["backup=nightly", "name=somebody"])
            no_tree = world.save([f"backup={new_id()}", "name=lost"], tree=None)
            no_time = world.save([f"backup={new_id()}", "name=lost"], time="yesterday")

            task = world.lose_all()

            self.assertEqual("completed", task["state"], task)
            found = backups(node)
            self.assertEqual(world.own, {id_: facts(found[id_]) for id_ in world.own})
            self.assertEqual({*world.own, nameless, badly_named, tagged, wordy, deep}, set(found))
            self.assertEqual(f"backup-{nameless[:8]}", found[nameless]["name"])
            self.assertEqual(f"backup-{badly_named[:8]}", found[badly_named]["name"])
            for name in (no_name, bad_name):
                self.assert_named(task, name, "tells no name")
            self.assert_named(task, of_none, "does not tell which backup it is")
            self.assert_named(task, no_tree, "'tree' is missing")
            self.assert_named(task, no_time, "'time' is missing")
            self.assertEqual(5, len(warnings(task)[0]), task)
            self.assertEqual([], self.findings(node))

    def test_one_backup_has_one_record_and_another_app_its_own(self):
        with Node() as node:
            world = World(node)
            first, second = sorted(world.own)
            older = world.save([f"backup={first}", "name=one"], time="2001-01-01T00:00:00Z")
            later = world.save([f"backup={second}", "name=later"], time="2090-01-01T00:00:00Z")
            account = next(tag for tag in world.sample["tags"] if tag.startswith("account="))
            node.write_app("wiki", node.path("data/sub"))
            world.worker.terminate()
            self.assertEqual(0, world.worker.wait(20))
            node.start_worker()
            copied, moved = new_id(), new_id()
            copy = world.save([f"backup={copied}", "name=copy", "app=wiki", account])
            world.save([f"backup={moved}", "name=moved", "app=shop-of-old", account])

            task = world.lose_all()

            self.assertEqual("completed", task["state"], task)
            self.assertEqual({first, second, moved}, set(backups(node)))
            kept = node.redis_cli("HGET", f"appbackup:backup:{first}", "repository_snapshot")
            self.assertIn(kept, world.own_snapshots)
            self.assertEqual(later, node.redis_cli("HGET", f"appbackup:backup:{second}", "repository_snapshot"))
            self.assert_named(task, older, first, kept)
            self.assert_named(task, copy, copied, "of another app")
            self.assertEqual(3, len(warnings(task)[0]), task)

    def test_whatever_they_say_ours_have_their_records(self):
        """At random, from what is odd, and with a number of snapshots above that of the warnings."""
        seed = int(os.environ.get("SEED") or time.time())
        chosen = random.Random(seed)
        times = ["1960-01-01T00:00:00Z", "0000-01-01T00:00:00+24:00", "9999-12-31T23:59:59.9Z", "2020-02-30T00:00:00Z",
                 "2020-01-01T00:00:00.1234567890123-11:30", "", None, 17, b'"\\u0000"', b"[]"]
        sizes = [0, 2 ** 53, 2 ** 53 + 1, 2 ** 63, 2 ** 64, -1, 1.5, b"1e999", "9", None, [], {}]
        texts = ["", "a" * 65536, b'"\\ud800"', b'"\xff\xfe"', "\u0000\u001b[2J\u202e", None, 5, {"a": None}, "\U0001f600"]
        trees = [None, "", "0" * 64, 5, "0" * 65]
        names = ["fine", "", "-", "UPPER", "a b", "a" * 64, "\u0000", "name=name", "two"]
        with Node() as node:
            world = World(node)
            tree = world.sample["tree"]

            def tags(own_ids):
                pool = [f"backup={chosen.choice([new_id(), new_id(), *own_ids, 'x', '', str(uuid.UUID(int=0))])}",
                        "name=" + chosen.choice(names), "appbackup", "by=" + chosen.choice([new_id(), "me", ""]),
                        "version=" + chosen.choice(["1.1", "9" * 9, "", "x"]), "app=shop", "app=", "account=1",
                        "labels=" + chosen.choice(["[]", "[{}]", "{", '[{"name":"a","value":""}]', "[" * 3000, "\u0000",
                                                   '[{"name":"' + "n" * 600000 + '","value":""}]']), "", "=", "x" * 5000]
                return chosen.choice([None, "all", pool, pool[:2], chosen.sample(pool, 4), pool[::-1], [*pool, 5, None]])

            for _ in range(60):
                world.save(tags(list(world.own)), time=chosen.choice([world.sample["time"], *times]),
                           tree=chosen.choice([tree, tree, *trees]), hostname=chosen.choice(texts),
                           username=chosen.choice(texts), paths=chosen.choice([["/x"], None, 5, [5, "\udcff"]]),
                           excludes=chosen.choice(texts), parent=chosen.choice(trees),
                           summary=chosen.choice([None, 5, {"total_bytes_processed": 1}] + [
                               b'{"total_bytes_processed":' + (size if isinstance(size, bytes) else
                                                               json.dumps(size).encode()) + b"}" for size in sizes]))

            task = world.lose_all()

            self.assertEqual("completed", task["state"], (seed, task))
            found = backups(node)
            self.assertEqual(set(), set(world.own) - set(found), seed)
            named, others = warnings(task)
            self.assertEqual(16, sum(text.startswith("snapshots/") for text in named), (seed, named))
            self.assertLess(0, others, (seed, named))
            missing = next(detail["detail"] for detail in task["stateDetails"] if detail["type"].endswith("/cataloged"))
            self.assertEqual(f"{len(found)} backups are in the bucket, {len(found)} had no record", missing, seed)
            self.assertEqual([], self.findings(node), seed)
            again = world.rebuild()
            self.assertEqual("completed", again["state"], (seed, again))
            self.assertEqual(set(found), set(backups(node)), seed)


if __name__ == "__main__":
    unittest.main()
