"""The worker against a real Redis, a real bucket and real signals."""

import filecmp
import json
import os
import signal
import subprocess
import time
import unittest

from worker_support import (BIN, Node, assert_progress_is_true, process_state, wait_until)

ALL_HOOKS = ["pre-backup backup", "pre-snapshot backup", "post-snapshot backup", "post-backup backup"]


class WorkerTest(unittest.TestCase):
    maxDiff = None

    def assert_restorable(self, node, snapshots=1):
        self.assertIn("no errors were found", node.restic("check", "--read-data"))
        self.assertEqual(snapshots, len(json.loads(node.restic("snapshots", "--json"))))
        target = node.path("restored")
        node.restic("restore", "latest", "--target", target)
        restored = target + node.data
        names = sorted(name for name in os.listdir(node.data) if not os.path.islink(
            os.path.join(node.data, name)) and os.path.isfile(os.path.join(node.data, name)))
        _, mismatch, errors = filecmp.cmpfiles(node.data, restored, names, shallow=False)
        self.assertEqual(([], []), (mismatch, errors))
        self.assertEqual("sub/hello.txt", os.readlink(os.path.join(restored, "link")))

    def assert_nothing_left(self, node):
        self.assertFalse(node.is_closed(), "the shop is still closed")
        self.assertEqual([], node.undo_records())
        self.assertEqual([], [n for n in os.listdir(node.path("state/jobs")) if "supervisor" not in n])

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

    def test_a_job_killed_in_mid_upload_is_retried_at_once(self):
        with Node() as node:
            node.add_bulk(40)
            worker = node.start_worker("stop:chunk:15")
            backup = node.create()
            first = node.wait_for_job(worker, "T")
            samples = [node.get(backup)]
            self.assertEqual("running", samples[0]["state"])
            killed = time.monotonic()
            os.kill(first, signal.SIGKILL)
            second = node.wait_for_job(worker, "T", other_than=first)
            self.assertLess(time.monotonic() - killed, 4, "not noticed before the lease ended")
            os.kill(second, signal.SIGCONT)
            record, more = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            assert_progress_is_true(samples + more)
            job = node.job(backup)
            self.assertEqual(("2", "1"), (job["attempt"], job["kills"]))
            self.assertIn("killed by signal 9 in stage upload", node.log())
            self.assertIn("killed by signal 9", node.redis_cli("XRANGE", "appbackup:journal", "-", "+"))
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def test_three_kills_end_in_quarantine(self):
        with Node() as node:
            node.add_bulk(20)
            worker = node.start_worker("kill:chunk:3")
            backup = node.create()
            record, samples = node.follow(backup)
            self.assertEqual("failed", record["state"])
            self.assertIn("killed by signal 9 in stage upload", json.dumps(record))
            assert_progress_is_true(samples)
            job = node.job(backup)
            self.assertEqual(("quarantined", "3"), (job["state"], job["kills"]))
            self.assertEqual(job["id"], node.redis_cli("ZRANGE", "appbackup:quarantine", "0", "-1"))
            wait_until(lambda: node.undo_records() == [], 5, "unwound")
            self.assertFalse(node.is_closed())
            self.assertIsNone(worker.poll())

            # The next one is not in the way of its remains.
            worker.terminate()
            self.assertEqual(0, worker.wait(20))
            node.start_worker()
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assertEqual([], node.locks())

    def test_a_job_killed_while_frozen_is_thawed(self):
        with Node() as node:
            node.write("block", "")
            worker = node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            killed = time.monotonic()
            os.kill(node.wait_for_job(worker), signal.SIGKILL)
            wait_until(lambda: "post-snapshot undo" in node.hook_log(), 5, "thawed")
            self.assertLess(time.monotonic() - killed, 5)
            os.unlink(node.path("block"))
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assert_nothing_left(node)

    def test_the_next_worker_takes_over_when_all_were_killed(self):
        with Node() as node:
            node.add_bulk(20)
            worker = node.start_worker("stop:chunk:5")
            backup = node.create()
            job = node.wait_for_job(worker, "T")
            worker.kill()
            worker.wait()
            os.kill(job, signal.SIGKILL)
            started = time.monotonic()
            node.start_worker()
            record, samples = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assertLess(time.monotonic() - started, 15)
            assert_progress_is_true(samples)
            self.assertEqual("2", node.job(backup)["attempt"])
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def test_jobs_of_a_killed_worker_hand_back_their_claims(self):
        with Node() as node:
            node.write("block", "")
            worker = node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            job = node.wait_for_job(worker)
            worker.kill()
            worker.wait()
            wait_until(lambda: process_state(job) is None, 10, "the job has ended")
            self.assertEqual("queued", node.job(backup)["state"])
            self.assertEqual("0", node.job(backup)["kills"])
            self.assertFalse(node.is_closed())
            os.unlink(node.path("block"))
            node.start_worker()
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)

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

    def test_a_stopped_process_loses_its_job_to_the_next(self):
        with Node() as node:
            node.add_bulk(20)
            worker = node.start_worker("stop:chunk:5")
            backup = node.create()
            first = node.wait_for_job(worker, "T")
            # Its lease ends, and it is claimed again; the new process ends the old one for good.
            second = node.wait_for_job(worker, "T", other_than=first, seconds=45)
            self.assertIsNone(process_state(first))
            os.kill(second, signal.SIGCONT)
            record, samples = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            assert_progress_is_true(samples)
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def test_delete_while_frozen_leaves_nothing(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            asked = time.monotonic()
            node.ctl("backup", "delete", backup)
            wait_until(lambda: node.get(backup) is None, 15, "the record is gone")
            self.assertLess(time.monotonic() - asked, 10)
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

    def test_redis_may_go_away_and_come_back(self):
        with Node(lease_ms=6000) as node:
            worker = node.start_worker()
            node.stop_redis()
            time.sleep(1.5)
            self.assertIsNone(worker.poll())
            node.start_redis()
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assertIn("Redis is back", node.log())

            # Away for less than a lease while a job runs: nothing happens to the job.
            node.write("block", "")
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            node.stop_redis()
            time.sleep(1.5)
            node.start_redis()
            os.unlink(node.path("block"))
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual("1", node.job(backup)["attempt"])

    def test_sighup_reads_the_apps_again_and_keeps_the_old_when_wrong(self):
        with Node() as node:
            worker = node.start_worker()
            node.write_app("blog", node.path("state"))
            worker.send_signal(signal.SIGHUP)
            wait_until(lambda: '"blog"' in node.ctl("-o", "json", "app", "list").stdout, 10,
                       "the new app is there")
            node.write("etc/apps.d/broken.yaml", "volumes: 7\n")
            worker.send_signal(signal.SIGHUP)
            wait_until(lambda: "keeping the old one" in node.log(), 10, "refused")
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

    def test_recover_thaws_what_a_dead_worker_left(self):
        with Node() as node:
            node.write("block", "")
            worker = node.start_worker()
            node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            job = node.wait_for_job(worker)
            recover = [os.path.join(BIN, "appbackup-worker"), "--config", node.config, "--recover"]
            # What a living job needs is not touched.
            self.assertEqual(0, subprocess.run(recover, timeout=30).returncode)
            self.assertTrue(node.is_closed())
            worker.send_signal(signal.SIGSTOP)
            os.kill(job, signal.SIGKILL)
            worker.kill()
            worker.wait()
            wait_until(lambda: process_state(job) is None, 5, "the job is dead")
            self.assertEqual(0, subprocess.run(recover, timeout=30).returncode)
            self.assertFalse(node.is_closed())
            self.assertEqual([], node.undo_records())

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
            node.write("etc/appbackup.yaml", "worker:\n  slots: many\n")
            for words in (["--check"], []):
                result = run("--config", node.config, *words)
                self.assertEqual(78, result.returncode)
                self.assertIn("appbackup.yaml:2", result.stderr)
                self.assertIn("slots", result.stderr)
            self.assertEqual(78, run("--config", "/nonexistent").returncode)


if __name__ == "__main__":
    unittest.main()
