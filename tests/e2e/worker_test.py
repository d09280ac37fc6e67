"""The worker against a real Redis, a real bucket and real signals."""

import json
import os
import re
import signal
import subprocess
import unittest

from worker_support import BIN, Node, NodeTest, assert_progress_is_true, wait_until

ALL_HOOKS = ["pre-backup backup", "pre-snapshot backup", "post-snapshot backup", "post-backup backup"]


class WorkerTest(NodeTest):
    def test_a_backup_completes_and_restic_restores_it(self):
        with Node() as node:
            node.start_worker()
            backup = node.create("--name", "first")
            record, samples = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual(100, record["percentDone"])
            self.assertEqual(record["totalBytes"], record["bytesDone"])
            self.assertEqual("success", record["hookState"])
            self.assertEqual(ALL_HOOKS, node.hook_log())
            assert_progress_is_true(samples)
            self.assert_restorable(node)
            self.assert_nothing_left(node)
            self.assertEqual([], node.locks())
            self.assertEqual("done", node.job(backup)["state"])

    def test_sigterm_releases_and_the_next_worker_completes(self):
        with Node() as node:
            node.write("block", "")
            worker = node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            worker.terminate()
            self.assertEqual(0, worker.wait(20))
            job = node.job(backup)
            self.assertEqual(("queued", "0"), (job["state"], job["kills"]))
            self.assertEqual("pending", node.get(backup)["state"])
            self.assert_nothing_left(node)
            os.unlink(node.path("block"))
            node.start_worker()
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assert_restorable(node)

    def test_a_job_that_does_not_hand_back_its_claim_in_time_is_killed_and_unwound(self):
        with Node(drain_timeout_s=1) as node:
            worker = node.start_worker()
            backup, _ = node.create_and_stop(worker, "pre-snapshot-done:1")  # it hears no signal
            self.assertTrue(node.is_closed())
            worker.terminate()
            self.assertEqual(0, worker.wait(20))
            self.assertIn("did not stop in time with its worker", node.log())
            job = node.job(backup)
            self.assertEqual(("queued", "0"), (job["state"], job["kills"]))
            self.assert_nothing_left(node)
            node.start_worker()
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)

    def test_progress_reaches_redis_in_time_and_not_too_often(self):
        with Node() as node:
            node.add_bulk(60)
            node.start_worker()
            monitor = subprocess.Popen(["redis-cli", "-s", node.path("redis.sock"), "MONITOR"],
                                       stdout=subprocess.PIPE, text=True)
            self.assertEqual("OK", monitor.stdout.readline().strip())
            node.write("block", "")
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            # Nothing happens, but the renewals.
            early = ""
            while early.count("appbackup_job_renew") < 3:
                early += monitor.stdout.readline()
            os.unlink(node.path("block"))
            node.follow(backup)
            monitor.terminate()
            writes = re.findall(r'^([0-9.]+) .*"appbackup_job_(advance|renew|finish)"',
                                early + monitor.communicate()[0], re.MULTILINE)
            times = [float(when) for when, _ in writes]
            self.assertLess(len(times), (times[-1] - times[0]) / 0.25 + 5, "thinned out")
            self.assertEqual(["advance", "advance", "finish"],
                             [what for _, what in writes if what != "renew"])

    def test_a_stale_epoch_is_refused(self):
        with Node() as node:
            worker = node.start_worker()
            worker.terminate()
            worker.wait(20)
            backup = node.create()
            job = node.job(backup)
            for epoch in ("1", "7"):
                result = subprocess.run(
                    [os.path.join(BIN, "appbackup-worker"), "--config", node.config, "--job",
                     job["id"], "--epoch", epoch], capture_output=True, text=True, timeout=30)
                self.assertEqual(76, result.returncode, result.stderr)
            self.assertEqual([], node.hook_log())
            self.assertEqual("pending", node.get(backup)["state"])

    def test_delete_while_frozen_leaves_nothing(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            node.ctl("backup", "delete", backup)
            wait_until(lambda: node.get(backup) is None, 15, "the record is gone")
            self.assert_nothing_left(node)

    def test_delete_during_the_upload_leaves_no_lock_and_no_snapshot(self):
        with Node() as node:
            node.add_bulk(60)
            worker = node.start_worker("stop:chunk:5")
            backup = node.create()
            job = node.wait_for_job(worker, "T")
            node.ctl("backup", "delete", backup)
            self.assertEqual("deleting", node.get(backup)["state"])
            os.kill(job, signal.SIGCONT)
            wait_until(lambda: node.get(backup) is None, 20, "the record is gone")
            wait_until(lambda: node.job_pids(worker) == [], 10, "no job runs")
            self.assert_nothing_left(node)
            self.assertEqual([], node.locks())
            self.assertEqual([], json.loads(node.restic("snapshots", "--json") or "[]") or [])
            node.restic("check")

    def test_delete_removes_the_snapshot_of_a_completed_backup(self):
        with Node() as node:
            node.start_worker()
            first, second = node.create(), node.create()
            for backup in (first, second):
                self.assertEqual("completed", node.follow(backup)[0]["state"])
            self.assertEqual(2, len(json.loads(node.restic("snapshots", "--json"))))
            node.ctl("backup", "delete", first)
            wait_until(lambda: node.get(first) is None, 15, "the record is gone")
            left = json.loads(node.restic("snapshots", "--json"))
            self.assertEqual([True], ["backup=" + second in snapshot["tags"] for snapshot in left])
            self.assert_restorable(node)

    def test_a_missing_bucket_is_tried_again_and_then_fails(self):
        with Node() as node:
            node.start_worker()
            os.rename(node.bucket, node.bucket + ".away")
            backup = node.create()
            job = wait_until(lambda: node.job(backup)["state"] == "delayed" and node.job(backup), 10,
                             "a retry waits")
            self.assertEqual("1", job["attempt"])
            record = node.get(backup)
            self.assertEqual("pending", record["state"])
            self.assertIn("bucket 'local'", json.dumps(record["stateUnready"]))
            record, _ = node.follow(backup)
            self.assertEqual("failed", record["state"])
            self.assertIn("bucket_unreachable", json.dumps(record["stateDetails"]))
            self.assertEqual("2", node.job(backup)["attempt"])
            self.assert_nothing_left(node)

    def test_sighup_reads_the_apps_again_and_keeps_the_old_when_wrong(self):
        with Node() as node:
            worker = node.start_worker()
            node.write_app("blog", node.path("etc"))
            worker.send_signal(signal.SIGHUP)
            wait_until(lambda: '"blog"' in node.ctl("-o", "json", "app", "list").stdout, 10,
                       "the new app is there")
            node.write("etc/apps.d/broken.yaml", "volumes: 7\n")
            worker.send_signal(signal.SIGHUP)
            wait_until(lambda: 'kept="the old one"' in node.log(), 10, "refused")
            self.assertIn("broken.yaml:1", node.log())
            self.assertIsNone(worker.poll())
            os.unlink(node.path("etc/apps.d/broken.yaml"))
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)

    def test_restic_unlock_does_not_end_a_running_job(self):
        with Node() as node:
            node.add_bulk(30)
            worker = node.start_worker("stop:chunk:8")
            backup = node.create()
            job = node.wait_for_job(worker, "T")
            self.assertEqual(1, len(node.locks()))
            node.restic("unlock")  # sends SIGHUP to the process in the lock
            self.assertEqual(1, len(node.locks()), "a living process keeps its lock")
            os.kill(job, signal.SIGCONT)
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual("1", node.job(backup)["attempt"])

    def test_only_one_worker_runs_on_a_state_directory(self):
        with Node() as node:
            node.start_worker()
            second = subprocess.run([os.path.join(BIN, "appbackup-worker"), "--config", node.config],
                                    capture_output=True, text=True, timeout=30)
            self.assertEqual(1, second.returncode)
            self.assertIn("another worker runs", second.stderr)

    def test_wrong_use_and_wrong_configuration_have_their_exit_codes(self):
        with Node() as node:
            program = os.path.join(BIN, "appbackup-worker")

            def run(*words):
                return subprocess.run([program, *words], capture_output=True, text=True, timeout=30)
            for words in (["--nope"], ["x"], ["--job", "1", "--epoch", "1"], ["--epoch", "1"],
                          ["--job", "6f8e7a52-3c1d-4b9e-8f27-5d0c9b1a4e63"],
                          ["--job", "6f8e7a52-3c1d-4b9e-8f27-5d0c9b1a4e63", "--epoch", "0"]):
                self.assertEqual(64, run(*words).returncode, words)
            self.assertEqual(0, run("--help").returncode)
            self.assertIn("0.1", run("--version").stdout)
            self.assertEqual(0, run("--config", node.config, "--check").returncode)
            node.write_config(worker={"slots": "many"})
            for words in (["--check"], []):
                result = run("--config", node.config, *words)
                self.assertEqual(78, result.returncode)
                self.assertRegex(result.stderr, r"appbackup\.yaml:[0-9]+: worker\.?.*slots")
            self.assertEqual(78, run("--config", "/nonexistent").returncode)


if __name__ == "__main__":
    unittest.main()
