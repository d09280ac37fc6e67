"""Backups into a real S3 service, through the whole worker; and what is said when it fails."""

import json
import os
import shutil
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from ceph_rgw import ACCESS_KEY, SECRET_KEY, CephRgw
from s3_proxy import S3Proxy
from support import wait_until
from worker_support import Node, NodeTest


class S3(NodeTest):
    @classmethod
    def setUpClass(cls):
        cls.rgw = CephRgw()
        cls.addClassCleanup(cls.rgw.stop)
        cls.rgw.__enter__()
        cls.client = cls.rgw.client()

    def node(self, server=None, **changes):
        """A node whose only bucket is one of the service's, named after the test."""
        name = self._testMethodName.replace("_", "-")[:63].strip("-")
        self.client.make_bucket(name)
        node = Node()
        node.s3 = {"name": "offsite", "provider": "generic-s3", "server_url": server or self.rgw.endpoint,
                   "bucket_name": name, "prefix": "some/where", "credentials_file": "s3-keys", **changes}
        node.restic_environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY,
                                   "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return node

    @staticmethod
    def prepare(node, secret=SECRET_KEY):
        node.write("etc/s3-keys", f"[default]\naws_access_key_id = {ACCESS_KEY}\n"
                   f"aws_secret_access_key = {secret}\n", 0o600)
        node.write_config(buckets=[node.s3])

    @staticmethod
    def bucket(node):
        """The record that Redis has of the bucket, or {}."""
        for key in node.redis_cli("KEYS", "appbackup:bucket:*").split():
            lines = node.redis_cli("HGETALL", key).split("\n")
            return dict(zip(lines[::2], lines[1::2]))
        return {}

    def wait_for_bucket(self, node, state):
        wait_until(lambda: self.bucket(node).get("state") == state, 60, f"the bucket is {state}")
        return self.bucket(node)

    def assert_no_secret(self, node):
        self.assertNotIn(SECRET_KEY, node.log())
        for key in node.redis_cli("KEYS", "*").split():
            if node.redis_cli("TYPE", key) == "hash":
                self.assertNotIn(SECRET_KEY, node.redis_cli("HGETALL", key))

    def test_a_backup_is_restic_s_to_restore_and_ours_to_delete(self):
        with self.node() as node:
            self.prepare(node)
            node.start_worker()
            self.assertEqual("generic-s3", self.wait_for_bucket(node, "available")["provider"])
            node.add_bulk(40)

            backup = node.create()
            record, _ = node.follow(backup)

            self.assertEqual("completed", record["state"], record)
            self.assertTrue(all(name.startswith("some/where/")
                                for name in self.client.names(node.s3["bucket_name"])))
            self.assert_restorable(node)
            second, _ = node.follow(node.create())
            self.assertEqual("completed", second["state"], second)
            self.assertIn("no errors were found", node.restic("check", "--read-data"))
            node.ctl("backup", "delete", backup)
            wait_until(lambda: node.get(backup) is None, 30, "the backup is gone")
            self.assertEqual(1, len(json.loads(node.restic("snapshots", "--json"))))
            self.assertEqual([], [n for n in self.client.names(node.s3["bucket_name"])
                                  if "/locks/" in n or "/probe/" in n])
            self.assert_nothing_left(node)
            self.assert_no_secret(node)

    def task(self, node, *words):
        task = json.loads(node.ctl("-o", "json", *words, "--wait").stdout)
        self.assertEqual("completed", task["state"], task)
        return task

    def test_lost_records_come_back_from_there(self):
        with self.node() as node:
            self.prepare(node)
            node.start_worker()
            record, _ = node.follow(node.create("--name", "kept"))
            self.assertEqual("completed", record["state"], record)
            node.redis_cli("FLUSHALL")
            node.redis_cli("FUNCTION", "FLUSH")
            wait_until(lambda: (node.get(record["id"]) or {}).get("state") == "completed", 60, "it is back")
            again = node.get(record["id"])
            for name in ("name", "bucketID", "totalBytes", "backupCreationTimestamp"):
                self.assertEqual(record[name], again[name])
            node.ctl("verify", "shop", "--all", "--wait")
            self.assertEqual("completed", node.get(record["id"])["state"])
            self.assert_no_secret(node)

    def test_restores_prunes_and_verifications_work_there_as_well(self):
        with self.node(upload_limit=1000000000) as node:
            self.prepare(node)
            node.start_worker()
            node.add_bulk(20)
            first = node.create("--wait")
            os.remove(node.path("data/bulk"))
            second = node.create("--wait")
            before = len(self.client.names(node.s3["bucket_name"], "some/where/"))
            node.ctl("backup", "delete", first)
            wait_until(lambda: node.get(first) is None, 30, "the backup is gone")

            self.assertIn("total prune", json.dumps(self.task(node, "prune", "shop")))
            self.assertLess(len(self.client.names(node.s3["bucket_name"], "some/where/")), before)
            self.task(node, "verify", "shop")
            os.remove(node.path("data/1.bin"))
            self.task(node, "restore", second, "--in-place")

            self.assertTrue(os.path.exists(node.path("data/1.bin")))
            self.assert_restorable(node)
            self.assert_no_secret(node)

    def test_markers_of_killed_probes_are_removed_when_they_are_old(self):
        with self.node() as node:
            digits = "0123456789abcdef" * 2
            young, old = f"{int(time.time()) - 60}-{digits}", f"{int(time.time()) - 3700}-{digits}"
            for name in (young, old, "of somebody else".replace(" ", "-")):
                self.client.put(node.s3["bucket_name"], f"some/where/probe/{name}", b"left")
            self.prepare(node)
            node.start_worker()

            self.wait_for_bucket(node, "available")

            self.assertEqual([f"some/where/probe/{young}", "some/where/probe/of-somebody-else"],
                             self.client.names(node.s3["bucket_name"]))

    def test_wrong_keys_show_before_the_first_backup(self):
        with self.node() as node:
            self.prepare(node, secret="notTheSecretAtAll")
            worker = node.start_worker()

            bucket = self.wait_for_bucket(node, "failed")

            self.assertIn("bucket_forbidden", json.dumps(bucket))
            self.assertIn("403", json.dumps(bucket))
            self.prepare(node)
            worker.send_signal(signal.SIGHUP)
            self.wait_for_bucket(node, "available")

    def test_a_missing_bucket_shows(self):
        with self.node(bucket_name="nowhere-to-be-found") as node:
            self.prepare(node)
            node.start_worker()

            self.assertIn("bucket_missing", json.dumps(self.wait_for_bucket(node, "failed")))

    def back_up_with(self, node, proxy, faults):
        """A backup that meets the faults, and the one after it, which does not."""
        if not node.workers:
            self.prepare(node)
            node.start_worker()
        self.wait_for_bucket(node, "available")
        proxy.set_faults(faults)
        record, _ = node.follow(node.create(), seconds=120)
        proxy.set_faults([])
        later, _ = node.follow(node.create())
        self.assertEqual("completed", later["state"], later)
        self.assertIn("no errors were found", node.restic("check", "--read-data"))
        self.assert_nothing_left(node)
        return record

    def test_a_server_that_stumbles_is_borne_with(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            node.add_bulk(40)
            record = self.back_up_with(node, proxy, [
                "503:PUT:2:2", "reset:PUT:6:1:/data/", "late-reset:PUT:2:1:/data/",
                "flip-request:PUT:1:1:/index/", "cut-reset:GET:1:1:/config"])
            self.assertEqual("completed", record["state"], record)

    def test_permissions_lost_in_mid_upload_are_named(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            node.add_bulk(40)
            record = self.back_up_with(node, proxy, ["403:PUT:2:0:/data/"])
            self.assertEqual("failed", record["state"], record)
            details = json.dumps(record["stateDetails"])
            self.assertIn("bucket_forbidden", details)
            self.assertIn("bucket 'offsite': put 'data/", details)
            self.assertIn("the server says 403 AccessDenied: Access Denied by a policy.", details)

    def test_a_full_bucket_is_named_and_tried_again(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            node.add_bulk(20)
            record = self.back_up_with(node, proxy, ["507:PUT:1:0:/data/"])
            self.assertEqual("failed", record["state"], record)
            details = json.dumps(record["stateDetails"])
            self.assertIn("bucket_full", details)
            self.assertIn("507 InsufficientStorage", details)
            self.assertIn("outcome=retry", node.log())

    @staticmethod
    def fetched(proxy, part):
        """The objects with this part in their names that were asked for."""
        return [path for method, path in list(proxy.seen) if method == "GET" and part in path]

    def test_indexes_and_snapshots_are_fetched_once_and_trees_with_their_neighbours(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            for number in range(50):
                node.write(f"data/directories/{number}/file", f"file {number}")
            self.prepare(node)
            node.start_worker()
            node.create("--wait")
            proxy.seen.clear()

            second, _ = node.follow(node.create())

            self.assertEqual("completed", second["state"], second)
            self.assertEqual([], self.fetched(proxy, "/index/"))
            self.assertEqual([], self.fetched(proxy, "/snapshots/"))
            self.assertLess(len(self.fetched(proxy, "/data/")), 5)
            shutil.rmtree(node.path("state/cache"))
            third, _ = node.follow(node.create())
            self.assertEqual("completed", third["state"], third)
            self.assertNotEqual([], self.fetched(proxy, "/index/"))
            self.assertNotEqual([], self.fetched(proxy, "/snapshots/"))
            self.assert_restorable(node, 3)

    def test_a_verification_reads_the_bucket_and_not_the_copies(self):
        with self.node() as node:
            self.prepare(node)
            node.start_worker()
            backup = node.create("--wait")
            bucket = node.s3["bucket_name"]
            for folder in ("index", "snapshots"):
                name = next(name for name in self.client.names(bucket) if f"/{folder}/" in name)
                intact = self.client.get(bucket, name)
                self.client.put(bucket, name, b"damaged")

                result = node.ctl("-o", "json", "verify", "shop", "--all", "--wait", check=False)

                self.assertEqual("failed", json.loads(result.stdout)["state"], result.stdout)
                self.assertIn(folder + "/", result.stdout)
                self.client.put(bucket, name, intact)
                self.task(node, "verify", "shop", "--all")
                self.assertEqual("completed", node.get(backup)["state"])

    def test_a_cache_that_cannot_be_is_done_without(self):
        with self.node() as node:
            node.write("state/cache", "in the way")
            self.prepare(node)
            node.start_worker()
            for _ in range(2):
                record, _ = node.follow(node.create())
                self.assertEqual("completed", record["state"], record)
            self.assert_restorable(node, 2)

    def test_a_bit_that_flips_once_on_the_way_back_is_fetched_again(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            self.prepare(node)
            node.start_worker()
            node.add_bulk(20)
            backup = node.create("--wait")
            shutil.rmtree(node.path("state/cache"))
            proxy.set_faults(["flip:GET:1:1:/index/", "flip:GET:1:1:/data/"])
            again, _ = node.follow(node.create())
            self.assertEqual("completed", again["state"], again)

            proxy.set_faults(["flip:GET:2:1:/data/"])
            self.task(node, "verify", "shop", "--all")
            self.assertEqual("completed", node.get(backup)["state"])
            os.remove(node.path("data/1.bin"))
            proxy.set_faults(["flip:GET:3:1:/data/"])
            self.task(node, "restore", backup, "--in-place")

            proxy.set_faults([])
            self.assert_restorable(node, 2)

    def test_a_bit_that_flips_on_the_way_back_is_noticed(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            self.prepare(node)
            node.start_worker()
            first, _ = node.follow(node.create())
            self.assertEqual("completed", first["state"], first)
            shutil.rmtree(node.path("state/cache"))

            record = self.back_up_with(node, proxy, ["flip:GET:1:0:/index/"])

            self.assertEqual("failed", record["state"], record)
            details = json.dumps(record["stateDetails"])
            self.assertIn("index/", details)
            self.assertIn("corrupt", details)

    def test_a_limit_holds_back_and_is_lifted_while_running(self):
        # At 16 KiB/s, 20 MiB would take 20 minutes.
        with self.node(upload_limit=16384) as node:
            self.prepare(node)
            worker = node.start_worker()
            self.wait_for_bucket(node, "available")
            node.add_bulk(20)
            backup = node.create()
            node.wait_for_state(backup, "running")

            del node.s3["upload_limit"]
            self.prepare(node)
            worker.send_signal(signal.SIGHUP)

            record, _ = node.follow(backup, seconds=60)
            self.assertEqual("completed", record["state"], record)
            self.assertIn("limits read again", node.log())
            self.assert_restorable(node)

    def test_a_cancel_does_not_wait_for_a_server_that_hangs(self):
        with S3Proxy(self.rgw.endpoint) as proxy, self.node(proxy.url) as node:
            self.prepare(node)
            node.start_worker()
            self.wait_for_bucket(node, "available")
            proxy.set_faults(["hang:PUT:1:0:/data/"])
            backup = node.create()
            wait_until(lambda: any("/data/" in path for method, path in list(proxy.seen)
                                   if method == "PUT"), 30, "the upload hangs")

            node.ctl("backup", "delete", backup)

            # Far below the minute that a server may be silent for.
            wait_until(lambda: node.get(backup) is None, 30, "the backup is gone")
            proxy.set_faults([])
            self.assertEqual([], [name for name in self.client.names(node.s3["bucket_name"])
                                  if "/locks/" in name])
            later, _ = node.follow(node.create())
            self.assertEqual("completed", later["state"], later)


if __name__ == "__main__":
    unittest.main()
