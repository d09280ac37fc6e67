"""Cancelling a backup, wherever it stands: it stops soon, is unwound, and says who wanted it."""

import json
import os
import signal
import socket
import unittest

from worker_support import Node, NodeTest, process_state, wait_until


class CancelTest(NodeTest):
    def assert_canceled(self, node, backup, reason=None, seconds=10):
        record, _ = node.follow(backup, seconds)
        why = "canceled on request" + (": " + reason if reason else "")
        self.assertEqual("failed", record["state"], record)
        self.assertEqual([why], record["stateUnready"])
        details = [detail for detail in record["stateDetails"] if detail["type"].endswith("/canceled")]
        self.assertEqual([why], [detail["detail"] for detail in details])
        journal = node.redis_cli("XREVRANGE", "appbackup:journal", "+", "-", "COUNT", "1")
        self.assertIn("appbackupctl:uid=0", journal)
        self.assertIn(why, journal)
        self.assertEqual("done", node.job(backup)["state"])
        wait_until(lambda: node.redis_cli("ZCARD", "appbackup:leases") == "0", 5, "no claim is left")

    def test_one_that_waits_ends_at_once(self):
        with Node() as node:
            worker = node.start_worker()
            worker.send_signal(signal.SIGSTOP)
            backup = node.create()
            self.assertIn("is canceled", node.ctl("backup", "cancel", backup, "--reason", "not now").stdout)
            self.assert_canceled(node, backup, "not now")
            again = node.ctl("backup", "cancel", backup, check=False)
            self.assertNotEqual(0, again.returncode)
            self.assertIn("cannot cancel while failed", again.stderr)

    def test_during_a_hook_that_hook_is_ended_and_the_app_thawed(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            node.ctl("backup", "cancel", backup, "--reason", "stop it")
            self.assert_canceled(node, backup, "stop it")
            self.assertEqual(["pre-backup backup", "pre-snapshot backup", "post-snapshot undo",
                              "post-backup undo"], node.hook_log())
            self.assert_nothing_left(node)

            # And the next one finds the app as if nothing had been.
            os.unlink(node.path("block"))
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assert_restorable(node)

    def test_a_hook_that_does_not_want_to_end_is_killed(self):
        with Node() as node:
            node.write("deaf", "#!/bin/sh\ntrap '' TERM\n"
                       f"echo $$ >'{node.path('deaf.pid')}'\nwhile :; do sleep 0.1; done\n", 0o755)
            with open(node.path("etc/apps.d/shop.yaml")) as file:
                app = json.load(file)
            app["hooks"]["pre_snapshot"] = [{"name": "deaf", "command": [node.path("deaf")]}]
            node.write("etc/apps.d/shop.yaml", json.dumps(app))
            node.start_worker()
            backup = node.create()
            wait_until(lambda: os.path.exists(node.path("deaf.pid")), 10, "the hook runs")
            node.ctl("backup", "cancel", backup)
            self.assert_canceled(node, backup)
            with open(node.path("deaf.pid")) as file:
                self.assertIsNone(process_state(int(file.read())))
            self.assertIn("post-snapshot undo", node.hook_log())
            self.assert_nothing_left(node)

    def test_during_the_upload(self):
        with Node() as node:
            node.add_bulk(8)
            node.write_config(buckets=[{"name": "local", "provider": "directory", "path": node.bucket,
                                        "upload_limit": 65536}])
            node.start_worker()
            backup = node.create()
            # At that rate it takes two minutes, and most of them it waits for the rate.
            wait_until(lambda: node.get(backup).get("bytesDone", 0) > 0, 20, "something is uploaded")
            node.ctl("backup", "cancel", backup)
            self.assert_canceled(node, backup)
            self.assertEqual([], node.locks())
            self.assert_nothing_left(node)
            self.assertEqual("[]", node.restic("snapshots", "--json").strip().replace("null", "[]"))

    def test_while_the_bucket_does_not_answer(self):
        with Node() as node, socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(64)  # connections are made, and nobody ever reads from them
            node.write("etc/keys", "aws_access_key_id = a\naws_secret_access_key = b\n", 0o600)
            node.write_config(buckets=[{
                "name": "local", "provider": "generic-s3", "bucket_name": "b", "credentials_file": "keys",
                "server_url": f"http://127.0.0.1:{deaf.getsockname()[1]}"}])
            node.start_worker()
            backup = node.create()
            wait_until(lambda: node.job(backup).get("stage") == "open", 20, "it asks the bucket")
            node.ctl("backup", "cancel", backup)
            self.assert_canceled(node, backup)
            self.assertEqual([], node.hook_log())
            self.assert_nothing_left(node)

    def test_one_whose_process_dies_is_canceled_and_not_tried_again(self):
        with Node() as node:
            node.add_bulk(20)
            worker = node.start_worker("stop:chunk:5")
            backup = node.create()
            job = node.wait_for_job(worker, "T")
            answer = node.ctl("backup", "cancel", backup).stdout
            self.assertIn("is being canceled", answer)
            self.assertEqual(["being canceled"], node.get(backup)["stateUnready"])
            os.kill(job, signal.SIGKILL)
            self.assert_canceled(node, backup)
            self.assertEqual("1", node.job(backup)["attempt"])
            self.assert_nothing_left(node)

    def test_what_one_left_that_died_after_its_commit_goes_with_the_next_prune(self):
        with Node() as node:
            worker = node.start_worker()
            kept = node.create("--wait")
            backup, job = node.create_and_stop(worker, "finish:1")
            node.ctl("backup", "cancel", backup)
            os.kill(job, signal.SIGKILL)
            self.assert_canceled(node, backup)
            self.assertEqual(2, len(json.loads(node.restic("snapshots", "--json"))))

            node.ctl("prune", "shop", "--wait")

            left = json.loads(node.restic("snapshots", "--json"))
            self.assertEqual([True], ["backup=" + kept in snapshot["tags"] for snapshot in left])
            self.assertEqual("failed", node.get(backup)["state"])
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def test_delete_of_a_running_one_cancels_and_then_deletes(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            node.ctl("backup", "delete", backup)
            wait_until(lambda: node.get(backup) is None, 10, "it is gone")
            self.assert_nothing_left(node)


if __name__ == "__main__":
    unittest.main()
