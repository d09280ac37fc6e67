"""What others leave in a repository, and buckets that are away: neither keeps a worker from the rest."""

import json
import os
import unittest

from odd_world import World, backups, warnings
from support import wait_until
from worker_support import Node, NodeTest

DAMAGED = "5" * 64
EMPTY = "6" * 64
FOLDER = "7" * 64


class StrangersTest(NodeTest):
    def put_strangers(self, repository):
        """Files that a file server, a desktop, a file system or a person leaves. Returns all of them."""
        placed = {}
        for folder in ("keys", "locks", "index", "snapshots", "data", "data/00"):
            names = [".DS_Store", "Thumbs.db", "a file", f"{DAMAGED}-tmp-123456", "lost+found/x", ".snapshot/hourly.0/" + EMPTY,
                     ".snapshot/hourly.0/00/" + EMPTY]
            for name in names:
                path = os.path.join(repository, folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    file.write("somebody else's")
                placed[path] = "somebody else's"
        return placed

    def assert_there(self, placed):
        for path, text in placed.items():
            with open(path) as file:
                self.assertEqual(text, file.read(), path)

    def test_their_files_break_nothing_and_stay(self):
        with Node(restore_directories=["/"]) as node:
            world = World(node)
            placed = self.put_strangers(world.repository)

            record, _ = node.follow(node.create("--name", "three"))
            self.assertEqual(("completed", []), (record["state"], record["stateDetails"]), record)
            for words in (("verify", "shop", "--all"), ("prune", "shop")):
                task = json.loads(node.ctl("-o", "json", *words, "--wait").stdout)
                self.assertEqual("completed", task["state"], task)
            first, second = sorted(world.own)
            node.ctl("backup", "delete", first)
            wait_until(lambda: node.get(first) is None, 20, "it is gone")
            node.ctl("prune", "shop", "--wait")
            task = world.lose_all()

            self.assertEqual("completed", task["state"], task)
            self.assertEqual([], warnings(task)[0])
            self.assertEqual({second, record["id"]}, set(backups(node)))
            node.ctl("restore", second, "--target", node.path("restored"), "--wait")
            self.assert_there(placed)

    def test_what_is_called_like_an_object_and_is_none_is_named(self):
        with Node() as node:
            world = World(node)
            for folder in ("keys", "index", "snapshots", "data", "data/00"):
                os.makedirs(os.path.join(world.repository, folder, FOLDER, "00"), exist_ok=True)
                for name in (EMPTY, "00/" + EMPTY):
                    with open(os.path.join(world.repository, folder, FOLDER, name), "w") as file:
                        file.write("old")
            with open(os.path.join(world.snapshots, DAMAGED), "w") as file:
                file.write("somebody else's")
            with open(os.path.join(world.snapshots, EMPTY), "w") as file:
                pass

            record, _ = node.follow(node.create("--name", "three"))
            self.assertEqual("completed", record["state"], record)
            task = world.lose_all()

            self.assertEqual("completed", task["state"], task)
            self.assertEqual({*world.own, record["id"]}, set(backups(node)))
            named, _ = warnings(task)
            self.assertEqual(2, len(named), named)
            for name in (DAMAGED, EMPTY):
                self.assertTrue(any("snapshots/" + name in text for text in named), named)
            self.assertTrue(os.path.exists(os.path.join(world.snapshots, DAMAGED)))


class BucketsTest(NodeTest):
    def test_a_bucket_that_is_away_hides_no_other_and_is_asked_later(self):
        with Node(retries_max=60, retry_delays_s=[1]) as node:
            other = node.path("other")
            os.makedirs(other)
            away = [{"name": name, "provider": "directory", "path": path}
                    for name, path in (("other", other), ("local", node.bucket))]
            node.write_config(buckets=away)
            world_of = {}
            node.start_worker()
            for bucket in ("other", "local"):
                record, _ = node.follow(node.create("--bucket", bucket))
                self.assertEqual("completed", record["state"], record)
                world_of[bucket] = record["id"]
            os.rename(other, other + ".away")

            node.redis_cli("FLUSHALL")
            node.redis_cli("FUNCTION", "FLUSH")

            wait_until(lambda: '"shop"' in node.ctl("-o", "json", "app", "list", check=False).stdout and
                       set(backups(node)) == {world_of["local"]}, 30, "the bucket that is there has told")
            os.rename(other + ".away", other)
            wait_until(lambda: set(backups(node)) == set(world_of.values()), 40, "the other one has told")


if __name__ == "__main__":
    unittest.main()
