"""A directory bucket that goes wrong under a backup: each time a clear reason, and nothing lost."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from support import wait_until
from worker_support import Node, NodeTest, contents


class BucketFault(NodeTest):
    @staticmethod
    def configure(node, **changes):
        bucket = {"name": "local", "provider": "directory", "path": node.bucket, **changes}
        node.write_config(buckets=[bucket])

    def lift(self, node, worker):
        """No limits from now on, for running jobs as well."""
        self.configure(node)
        worker.send_signal(signal.SIGHUP)

    def assert_the_next_succeeds(self, node):
        record, _ = node.follow(node.create())
        self.assertEqual("completed", record["state"], record)
        self.assert_restorable(node)
        self.assert_nothing_left(node)

    @staticmethod
    def set_immutable(node, sign):
        """The repository and its packs; root may do anything else."""
        directories = [path for pattern in ("/*", "/*/data", "/*/data/*")
                       for path in glob.glob(node.bucket + pattern) if os.path.isdir(path)]
        subprocess.run(["chattr", sign + "i", *directories], check=True)

    def test_permissions_lost_in_mid_upload_are_named(self):
        with Node() as node:
            worker = node.start_worker()
            node.add_bulk(60)
            backup, job = node.create_and_stop(worker, "chunk:25")
            try:
                self.set_immutable(node, "+")
                os.kill(job, signal.SIGCONT)
                record, _ = node.follow(backup)
            finally:
                self.set_immutable(node, "-")

            self.assertEqual("failed", record["state"], record)
            details = json.dumps(record["stateDetails"])
            self.assertIn("bucket 'local': put 'data/", details)
            self.assertIn("Operation not permitted", details)
            self.assert_the_next_succeeds(node)

    def test_a_full_bucket_is_named_and_tried_again(self):
        with Node() as node:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "none", node.bucket], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", node.bucket], check=False)
            node.start_worker()
            node.add_bulk(60)
            record, _ = node.follow(node.create())

            self.assertEqual("failed", record["state"], record)
            details = json.dumps(record["stateDetails"])
            self.assertIn("bucket 'local': put 'data/", details)
            self.assertIn("No space left on device", details)
            self.assertIn("outcome=retry", node.log())
            subprocess.run(["mount", "-o", "remount,size=200m", node.bucket], check=True)
            self.assert_the_next_succeeds(node)

    @staticmethod
    def unmount(node):
        """What a file system that is not mounted leaves: an empty directory in its place."""
        os.rename(node.bucket, node.bucket + ".away")
        os.mkdir(node.bucket, 0o700)

    @staticmethod
    def mount(node):
        os.rmdir(node.bucket)  # nothing was put there
        os.rename(node.bucket + ".away", node.bucket)

    def test_a_bucket_that_is_not_mounted_takes_and_loses_nothing(self):
        with Node() as node:
            worker = node.start_worker()
            first = node.create("--wait")
            kept = node.create("--wait")
            self.unmount(node)

            second, _ = node.follow(node.create())
            found = self.verify(node)
            node.ctl("backup", "delete", first)
            wait_until(lambda: node.log().count("outcome=retry") >= 3, 60, "the delete has tried")

            self.assertEqual("failed", second["state"], second)
            details = json.dumps(second["stateDetails"])
            self.assertIn("bucket_unreachable", details)
            self.assertIn("mount its file system", details)
            self.assertIn(node.path("state/seen-buckets/"), details)
            self.assertIn("bucket_unreachable", found)
            self.assertEqual("completed", node.get(kept)["state"])
            self.assertIsNotNone(node.get(first), "forgotten, and its data is there")
            worker.send_signal(signal.SIGHUP)  # looks again at once
            wait_until(lambda: self.bucket_state(node) == "failed", 40, "the bucket shows it")
            self.mount(node)
            worker.send_signal(signal.SIGHUP)
            wait_until(lambda: self.bucket_state(node) == "available", 40, "the bucket is back")
            self.assertEqual(2, len(json.loads(node.restic("snapshots", "--json"))))
            node.ctl("verify", "shop", "--all", "--wait")
            node.ctl("backup", "delete", first, check=False)  # if it has been given up
            wait_until(lambda: node.get(first) is None, 40, "the first is gone")
            self.assertEqual("completed", node.get(kept)["state"])
            self.assert_restorable(node)

    def back_up_while(self, node, worker, change, mend):
        """A backup whose bucket is changed while it uploads, and mended once it has been tried again."""
        node.add_bulk(40)
        backup, job = node.create_and_stop(worker, "chunk:20")
        change()
        os.kill(job, signal.SIGCONT)
        wait_until(lambda: "outcome=retry" in node.log(), 60, "it is tried again")
        log = node.log()
        mend()
        record, _ = node.follow(backup, seconds=60)
        return record, log

    def test_a_bucket_that_is_replaced_in_mid_backup_gets_no_snapshot(self):
        with Node(retries_max=20, retry_delays_s=[1]) as node:
            worker = node.start_worker()
            kept = node.create("--wait")

            record, log = self.back_up_while(node, worker, lambda: self.unmount(node), lambda: self.mount(node))

            self.assertIn("code=bucket_unreachable", log)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual("completed", node.get(kept)["state"])
            self.assert_restorable(node, 2)
            self.assert_nothing_left(node)

    def test_data_that_is_removed_in_mid_backup_is_no_backup(self):
        with Node(retries_max=0) as node:
            worker = node.start_worker()
            node.create("--wait")
            backup, job = node.create_and_stop(worker, "commit:1")
            shutil.rmtree(glob.glob(node.bucket + "/*/data")[0])
            os.kill(job, signal.SIGCONT)

            record, _ = node.follow(backup)

            self.assertEqual("failed", record["state"], record)
            self.assertIn("bucket_unreachable", json.dumps(record["stateDetails"]))
            self.assertEqual(1, len(json.loads(node.restic("snapshots", "--json"))))

    def test_a_bucket_that_can_only_be_read_for_a_while_is_waited_for(self):
        with Node(retries_max=20, retry_delays_s=[1]) as node:
            subprocess.run(["mount", "--bind", node.bucket, node.bucket], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", node.bucket], check=False)
            worker = node.start_worker()
            node.create("--wait")

            def remount(how):
                subprocess.run(["mount", "-o", f"remount,bind,{how}", node.bucket], check=True)
            record, log = self.back_up_while(node, worker, lambda: remount("ro"), lambda: remount("rw"))

            self.assertIn("code=bucket_read_only", log)
            self.assertEqual("completed", record["state"], record)
            self.assert_restorable(node, 2)
            subprocess.run(["umount", node.bucket], check=True)

    @staticmethod
    def bucket_state(node):
        bucket = node.redis_cli("--scan", "--pattern", "appbackup:bucket:*").split()[0]
        return node.redis_cli("HGET", bucket, "state")

    def test_a_directory_that_was_emptied_on_purpose_can_be_accepted(self):
        with Node() as node:
            node.start_worker()
            node.create("--wait")
            self.unmount(node)
            record, _ = node.follow(node.create())
            named = re.search(r"remove '([^']+)'", json.dumps(record["stateDetails"])).group(1)

            os.remove(named)

            self.assert_the_next_succeeds(node)

    def test_a_bucket_that_can_only_be_read_is_restored_from(self):
        with Node(restore_directories=["/"]) as node:
            node.start_worker()
            backup = node.create("--wait")
            os.remove(os.path.join(node.bucket, "appbackup-bucket.json"))  # a bucket of before there were any
            shutil.rmtree(node.path("state/seen-buckets"))
            subprocess.run(["mount", "--bind", node.bucket, node.bucket], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", node.bucket], check=False)
            subprocess.run(["mount", "-o", "remount,bind,ro", node.bucket], check=True)

            target = node.path("target")
            node.ctl("restore", backup, "--target", target, "--wait")

            self.assertEqual(contents(node.data), contents(target + node.data))
            subprocess.run(["umount", node.bucket], check=True)

    def verify(self, node):
        result = node.ctl("-o", "json", "verify", "shop", "--all", "--wait", check=False)
        return json.dumps(json.loads(result.stdout)["stateDetails"])

    def test_a_missing_index_is_noticed_and_made_up_for(self):
        with Node() as node:
            node.start_worker()
            backup = node.create("--wait")
            for path in glob.glob(node.bucket + "/*/index/*"):
                os.remove(path)

            found = self.verify(node)

            self.assertIn("in no index", found)
            self.assertEqual("removed", node.get(backup)["state"])
            node.restic("rebuild-index")
            self.verify(node)
            self.assertEqual("completed", node.get(backup)["state"])

    def test_a_backup_without_the_index_of_the_one_before_stores_all_again(self):
        with Node() as node:
            node.start_worker()
            first = node.create("--wait")
            for path in glob.glob(node.bucket + "/*/index/*"):
                os.remove(path)

            second, _ = node.follow(node.create())

            self.assertEqual("completed", second["state"], second)
            node.restic("rebuild-index")
            node.ctl("backup", "delete", first)
            wait_until(lambda: node.get(first) is None, 30, "the first is gone")
            self.assert_restorable(node)

    def test_a_prune_that_takes_too_long_is_ended_and_goes_on_the_next_time(self):
        with Node(prune_timeout_s=2) as node:
            worker = node.start_worker()
            node.add_bulk(40)
            first = node.create("--wait")
            with open(node.path("data/bulk"), "r+b") as file:  # what is kept lies between what is not
                for position in range(0, 40, 3):
                    file.seek(position << 20)
                    file.write(os.urandom(1 << 20))
            node.create("--wait")
            node.ctl("backup", "delete", first)
            wait_until(lambda: node.get(first) is None, 30, "the first is gone")
            self.configure(node, upload_limit=16384)  # to restic as well: minutes of repacking
            worker.send_signal(signal.SIGHUP)
            wait_until(lambda: "configuration read again" in node.log(), 10, "the limit is known")

            slow = json.loads(node.ctl("-o", "json", "prune", "shop", "--wait", check=False).stdout)

            self.assertEqual("failed", slow["state"], slow)
            self.assertIn("prune_timeout", json.dumps(slow["stateDetails"]))
            self.assertIn("no errors were found", node.restic("check", "--read-data"))
            node.settings["prune_timeout_s"] = 60
            self.lift(node, worker)
            wait_until(lambda: node.log().count("configuration read again") == 2, 10, "it is lifted")
            done = json.loads(node.ctl("-o", "json", "prune", "shop", "--wait").stdout)
            self.assertEqual("completed", done["state"], done)
            self.assertEqual([], node.locks())
            self.assert_restorable(node)


if __name__ == "__main__":
    unittest.main()
