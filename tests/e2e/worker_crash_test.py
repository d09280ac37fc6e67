"""What dies or goes away while a worker works, and what becomes of the work."""

import json
import os
import signal
import subprocess
import unittest

from worker_support import BIN, Node, NodeTest, assert_progress_is_true, process_state, wait_until


class WorkerCrashTest(NodeTest):
    def test_a_job_killed_in_mid_upload_is_retried_at_once(self):
        with Node(lease_ms=60000) as node:  # nobody waits for its end
            node.add_bulk(40)
            worker = node.start_worker("stop:chunk:15")
            backup = node.create()
            first = node.wait_for_job(worker, "T")
            samples = [node.get(backup)]
            self.assertEqual("running", samples[0]["state"])
            os.kill(first, signal.SIGKILL)
            second = node.wait_for_job(worker, "T", other_than=first)
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
            self.assertIn("last output:", job["reason"])
            self.assertIn('msg="stage starts"', job["reason"])
            starts = [line for line in node.log().split("\n") if 'msg="job starts"' in line
                      and not "evidence" in line]
            self.assertEqual(3, len(starts), "the log has its lines as they were")
            self.assertTrue(all(line.startswith("<6>msg=") for line in starts), starts)
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
        with Node(lease_ms=60000) as node:
            node.write("block", "")
            worker = node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            os.kill(node.wait_for_job(worker), signal.SIGKILL)
            wait_until(lambda: "post-snapshot undo" in node.hook_log(), 20, "thawed")
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
            node.start_worker()
            record, samples = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            assert_progress_is_true(samples)
            self.assertEqual("2", node.job(backup)["attempt"])
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def test_recovery_needs_no_secret_and_no_good_configuration(self):
        """What ExecStopPost= is given: credentials that it cannot read; and somebody may have slipped."""
        with Node() as node:
            node.write("block", "")
            worker = node.start_worker()
            node.create()
            for number in range(2):
                wait_until(node.is_closed, 30, "the shop is closed")
                job = node.wait_for_job(worker)
                worker.kill()
                worker.wait()
                os.kill(job, signal.SIGKILL)
                with open(node.config) as file:
                    good = file.read()
                if number == 0:
                    node.write_config(redis={"address": "unix:/nonexistent",
                                             "password_file": "credential:redis"})
                else:
                    node.write("etc/appbackup.yaml", "{")
                recovery = [os.path.join(BIN, "appbackup-worker"), "--config", node.config]
                environment = {**os.environ, "CREDENTIALS_DIRECTORY": "/nonexistent",
                               "STATE_DIRECTORY": node.path("state")}
                check = subprocess.run([*recovery, "--check"], env=environment, timeout=30)
                self.assertEqual(0 if number == 0 else 78, check.returncode)
                self.assertEqual(0, subprocess.run([*recovery, "--recover"], env=environment, timeout=30).returncode)
                self.assert_nothing_left(node)
                node.write("etc/appbackup.yaml", good)
                if number == 0:
                    worker = node.start_worker()

    def test_recovery_waits_for_what_a_killed_worker_left(self):
        """As ExecStopPost= does it: when it is over, nothing is frozen, and nobody still works on that."""
        with Node() as node:
            node.write("block", "")
            node.write("hook", "#!/bin/sh\n"
                       f"cd '{node.directory}'\n"
                       'case $APPBACKUP_STAGE in\n'
                       'pre-snapshot) touch closed; while [ -e block ]; do sleep 0.05; done ;;\n'
                       'post-snapshot) touch thawing; while [ -e thaw-block ]; do sleep 0.05; done; rm -f closed ;;\n'
                       'esac\n', 0o755)
            node.write("thaw-block", "")
            worker = node.start_worker()
            node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            job = node.wait_for_job(worker)
            worker.kill()
            worker.wait()
            wait_until(lambda: os.path.exists(node.path("thawing")), 20, "the orphan unwinds")
            recovery = subprocess.Popen([os.path.join(BIN, "appbackup-worker"), "--config", node.config, "--recover"])
            with self.assertRaises(subprocess.TimeoutExpired):
                recovery.wait(1)
            self.assertIsNotNone(process_state(job))
            os.unlink(node.path("thaw-block"))
            self.assertEqual(0, recovery.wait(30))
            self.assertFalse(node.is_closed())
            self.assert_nothing_left(node)
            wait_until(lambda: process_state(job) is None, 5, "it has let go of its lock, and ends")

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
            self.assertIn("outcome=released", node.log(), "it is heard without its worker")
            self.assertFalse(node.is_closed())
            os.unlink(node.path("block"))
            node.start_worker()
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)

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

    def test_redis_may_go_away_and_come_back(self):
        with Node(lease_ms=6000) as node:
            worker = node.start_worker()
            node.stop_redis()
            wait_until(lambda: "Redis lost" in node.log(), 10, "the worker notices")
            self.assertIsNone(worker.poll())
            node.start_redis()
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assertIn("Redis is back", node.log())

            # Away for less than a lease while a job runs: nothing happens to the job.
            node.write("block", "")
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            noticed = node.log().count("Redis lost")
            node.stop_redis()
            wait_until(lambda: node.log().count("Redis lost") > noticed, 5, "it is noticed")
            node.start_redis()
            os.unlink(node.path("block"))
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

    def test_a_job_outlasts_redis_being_away_for_longer_than_its_lease(self):
        with Node(lease_ms=3000) as node:
            worker = node.start_worker()
            node.write("block", "")
            backup = node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            job = node.wait_for_job(worker)
            node.stop_redis()
            wait_until(lambda: process_state(job) is None, 20, "the job has given up in order")
            self.assertFalse(node.is_closed(), "thawed without Redis")
            os.unlink(node.path("block"))
            node.start_redis()
            record, samples = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual("0", node.job(backup)["kills"], "nothing has died")
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def pass_the_deadline(self, node, backup):
        """While the application is frozen: its time is up now."""
        wait_until(node.is_closed, 20, "the shop is closed")
        job = node.job(backup)
        self.assertGreater(int(job["deadline_ms"]), int(job["lease_until_ms"]), "that of the configuration")
        node.redis_cli("HSET", "appbackup:job:" + job["id"], "deadline_ms", "1")

    def test_a_job_past_its_deadline_is_unwound_and_fails(self):
        with Node(job_timeout_s=600) as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create()
            self.pass_the_deadline(node, backup)
            record, _ = node.follow(backup)
            self.assertEqual("failed", record["state"], record)
            self.assertIn("the job took longer than it may", record["stateUnready"][0])
            self.assertTrue(record["stateDetails"][-1]["type"].endswith("/job_timeout"), record)
            self.assertEqual("post-backup undo", node.hook_log()[-1])
            self.assert_nothing_left(node)

    def test_one_that_hangs_beyond_it_is_killed_and_unwound_by_the_worker(self):
        with Node(job_timeout_s=600, job_grace_s=1) as node:
            # The first attempt hangs in its undo, where nothing in it can be ended.
            node.write("block", "")
            with open(node.path("hook")) as file:
                hook = file.read()
            node.write("hook", hook.replace("post-snapshot) ", "post-snapshot) [ -e once ] || { touch once; "
                                            "while :; do sleep 0.1; done; }; "), 0o755)
            node.start_worker()
            backup = node.create()
            self.pass_the_deadline(node, backup)
            record, _ = node.follow(backup)
            self.assertEqual("failed", record["state"], record)
            self.assertIn("not done by ", record["stateUnready"][0])
            self.assertIn("killed by signal 9", json.dumps(record))
            self.assertIn("hangs beyond its deadline", node.log())
            self.assertFalse(node.is_closed())
            wait_until(lambda: node.undo_records() == [], 5, "unwound")

    def test_a_failure_that_may_pass_is_tried_again_as_configured(self):
        with Node(retry_delays_s=[0, 1], retries_max=2) as node:
            os.rename(node.bucket, node.bucket + ".away")
            node.start_worker()
            backup = node.create()
            record, _ = node.follow(backup)
            self.assertEqual("failed", record["state"], record)
            job = node.job(backup)
            self.assertEqual(("3", "2"), (job["attempt"], job["failures"]))


if __name__ == "__main__":
    unittest.main()
