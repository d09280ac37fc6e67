"""Restores as jobs of a real worker: asked for by the admin's tool, watched, stopped, killed."""

import glob
import json
import os
import signal
import subprocess
import unittest

from support import BIN, wait_until
from worker_support import Node, NodeTest, assert_progress_is_true, contents


class RestoreJobTest(NodeTest):
    def restore(self, node, backup, *words):
        """The task once it has ended, and the exit code."""
        result = node.ctl("-o", "json", "restore", backup, *words, "--wait", check=False)
        return json.loads(result.stdout), result.returncode

    def task(self, node, task):
        return json.loads(node.ctl("-o", "json", "task", "show", task).stdout)

    def follow_task(self, node, task, seconds=60):
        samples = []

        def ended():
            samples.append(self.task(node, task))
            return samples[-1]["state"] in ("completed", "failed")
        wait_until(ended, seconds, "the restore ends")
        return samples[-1], samples

    def app_state(self, node):
        return json.loads(node.ctl("-o", "json", "app", "list").stdout)[0]["state"]

    def assert_in_place(self, node, before):
        self.assertEqual(before, contents(node.data))
        self.assertEqual(["data"], [name for name in os.listdir(node.directory) if "data" in name])
        self.assertEqual([], node.undo_records())
        self.assertEqual([], node.locks())

    def test_in_place_undoes_what_has_happened_to_the_files(self):
        with Node() as node:
            node.add_bulk(5)
            node.start_worker()
            backup = node.create("--wait")
            before = contents(node.data)
            node.write("data/0.bin", "overwritten")
            os.remove(node.path("data/1.bin"))
            node.write("data/sub/added", "later")

            task, code = self.restore(node, backup, "--in-place")

            self.assertEqual(("completed", 0, 100),
                             (task["state"], code, task["percentDone"]), task)
            self.assertEqual(task["totalBytes"], task["bytesDone"])
            self.assertNotIn("target", task)
            self.assert_in_place(node, before)
            self.assertEqual("ready", self.app_state(node))
            self.assertEqual("completed", node.get(backup)["state"])

    def test_to_a_target_and_only_what_is_included(self):
        with Node(restore_directories=["/"]) as node:
            node.start_worker()
            backup = node.create("--wait")
            whole, part = node.path("whole"), node.path("part")

            task, code = self.restore(node, backup, "--target", whole)

            self.assertEqual(("completed", 0), (task["state"], code), task)
            self.assertEqual(contents(node.data), contents(whole + node.data))
            task, code = self.restore(node, backup, "--target", part, "--include", "*.txt",
                                      "--include", "3.bin")
            self.assertEqual(("completed", 0), (task["state"], code), task)
            self.assertEqual({"sub/hello.txt", "3.bin"}, set(contents(part + node.data)))
            self.assertEqual(["*.txt", "3.bin"], task["includes"])
            table = node.ctl("task", "list").stdout
            self.assertIn(whole, table)

    def test_what_makes_no_sense_fails_at_once(self):
        with Node(restore_directories=["/"]) as node:
            node.start_worker()
            backup = node.create("--wait")
            full = node.path("full")
            node.write("full/keep", "1")

            task, code = self.restore(node, backup, "--target", full)
            self.assertEqual(("failed", 1), (task["state"], code), task)
            self.assertIn("target_not_empty", json.dumps(task["stateDetails"]))
            self.assertEqual({"keep": b"1"}, contents(full))
            task, code = self.restore(node, backup, "--target", full, "--overwrite")
            self.assertEqual(("completed", 0, True), (task["state"], code, task["overwrite"]), task)
            self.assertEqual(contents(node.data), contents(full + node.data))
            self.assertEqual({"keep"}, set(contents(full)) - {name for name in contents(full) if "data" in name})

            task, code = self.restore(node, backup, "--target", node.path("part"), "--include", "nosuch")
            self.assertEqual(("failed", 1), (task["state"], code), task)
            self.assertIn("nothing_included", json.dumps(task["stateDetails"]))
            job = node.redis_cli("HGET", f"appbackup:task:{task['id']}", "job")
            self.assertEqual("1", node.redis_cli("HGET", f"appbackup:job:{job}", "attempt"))

    def test_goes_only_where_the_configuration_allows_it(self):
        with Node() as node:
            node.start_worker()
            backup = node.create("--wait")
            out = node.path("out")
            task, code = self.restore(node, backup, "--target", out)
            self.assertEqual(("failed", 1), (task["state"], code))
            self.assertIn("worker.restore_directories", task["stateUnready"][0])

            os.mkdir(out)
            os.symlink(node.path("etc"), os.path.join(out, "link"))
            node.settings["restore_directories"] = [out]
            node.write_config()
            for target in (out + "x", out + "/../etc", out + "/link", out + "/link/below"):
                task, code = self.restore(node, backup, "--target", target)
                self.assertEqual(("failed", 1), (task["state"], code), target)
                self.assertIn("target_forbidden", json.dumps(task["stateDetails"]), target)
            self.assertEqual(["appbackup.yaml", "apps.d", "master.key"],
                             sorted(os.listdir(node.path("etc"))))
            task, code = self.restore(node, backup, "--target", out + "/deep/down")
            self.assertEqual(("completed", 0), (task["state"], code), task)

    def test_arguments_that_make_no_sense_are_refused(self):
        with Node() as node:
            backup = "6f8e7a52-3c1d-4b9e-8f27-5d0c9b1a4e63"
            for words in ([backup], [backup, "--in-place", "--target", "/srv"], ["x", "--in-place"],
                          [backup, "--in-place", "--include", "*"], [backup, "--in-place", "--overwrite"], [backup, "--target", "srv"]):
                self.assertEqual(2, node.ctl("restore", *words, check=False).returncode, words)
            self.assertEqual(3, node.ctl("restore", backup, "--in-place", check=False).returncode)

    def test_canceled_in_the_middle_changes_nothing(self):
        with Node() as node:
            node.add_bulk(20)
            worker = node.start_worker()
            backup = node.create("--wait")
            node.write_config(buckets=[{"name": "local", "provider": "directory", "path": node.bucket,
                                        "download_limit": 65536}])  # minutes, unless it is canceled
            node.write("data/0.bin", "changed")
            before = contents(node.data)
            task = json.loads(node.ctl("-o", "json", "restore", backup, "--in-place").stdout)["id"]
            job = node.redis_cli("HGET", f"appbackup:task:{task}", "job")
            wait_until(lambda: node.redis_cli("HGET", f"appbackup:job:{job}", "stage") == "restore", 30,
                       "files are restored")
            self.assertEqual("restoring", self.app_state(node))
            refused = node.ctl("backup", "delete", backup, check=False)
            self.assertEqual(1, refused.returncode)

            node.ctl("task", "cancel", task)

            record, _ = self.follow_task(node, task)
            self.assertEqual("failed", record["state"])
            self.assertIn("canceled", json.dumps(record["stateDetails"]))
            wait_until(lambda: not node.job_pids(worker), 10, "the job has gone")
            self.assert_in_place(node, before)
            self.assertEqual("failed", self.app_state(node))
            node.write_config()
            node.create("--wait")
            self.assertEqual("ready", self.app_state(node))

    def test_killed_in_the_middle_it_goes_on(self):
        with Node() as node:
            node.add_bulk(40)
            worker = node.start_worker("stop:restored:15")
            backup = node.create("--wait")
            before = contents(node.data)
            node.write("data/0.bin", "changed")
            task = json.loads(node.ctl("-o", "json", "restore", backup, "--in-place").stdout)["id"]
            first = node.wait_for_job(worker, "T")
            samples = [self.task(node, task)]
            os.kill(first, signal.SIGKILL)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()

            node.start_worker()

            record, more = self.follow_task(node, task)
            self.assertEqual("completed", record["state"], record)
            assert_progress_is_true(samples + more)
            self.assert_in_place(node, before)
            self.assertEqual("ready", self.app_state(node))

    def test_what_is_excluded_stays_though_it_is_killed(self):
        with Node() as node:
            with open(node.path("etc/apps.d/shop.yaml")) as file:
                app = json.load(file)
            app["excludes"] = ["/media", "*.log"]
            node.write("etc/apps.d/shop.yaml", json.dumps(app))
            node.write("data/media/videos/1", "video")
            node.write("data/sub/app.log", "log")
            worker = node.start_worker("stop:carried:1")
            backup = node.create("--wait")
            expected = {**contents(node.data), "later/later.log": b"later"}
            node.write("data/0.bin", "changed")
            node.write("data/later/later.log", "later")
            node.write("data/later/other", "later")
            task = json.loads(node.ctl("-o", "json", "restore", backup, "--in-place").stdout)["id"]
            job = node.wait_for_job(worker, "T")
            os.kill(job, signal.SIGKILL)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()

            node.start_worker()

            record, _ = self.follow_task(node, task)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual(expected, contents(node.data))
            self.assertEqual(["data"], [name for name in os.listdir(node.directory) if "data" in name])
            self.assertEqual([], node.undo_records())

    def test_what_cannot_be_removed_is_named_and_goes_later(self):
        with Node() as node:
            node.add_bulk(5)
            node.write("data/keep/immutable", "1")
            worker = node.start_worker()
            backup = node.create("--wait")
            before = contents(node.data)
            subprocess.run(["chattr", "+i", node.path("data/keep/immutable")], check=True)

            task, code = self.restore(node, backup, "--in-place")

            place, = glob.glob(node.path(".data.appbackup-restore-*"))
            immutable = os.path.join(place, "keep/immutable")
            self.addCleanup(subprocess.run, ["chattr", "-f", "-i", immutable])
            self.assertEqual(("completed", 0), (task["state"], code), task)
            self.assertIn("1 entry stays: 'keep/immutable' (immutable", json.dumps(task["stateDetails"]))
            self.assertEqual({"keep/immutable": b"1"}, contents(place))
            self.assertEqual(before, contents(node.data))
            worker.terminate()
            worker.wait(30)
            recover = [os.path.join(BIN, "appbackup-worker"), "--config", node.config, "--recover"]
            recovery = subprocess.run(recover, capture_output=True, text=True, timeout=30)
            self.assertEqual(0, recovery.returncode, recovery.stderr)
            self.assertRegex(recovery.stderr, "<4>.*old_left.*keep/immutable")
            subprocess.run(["chattr", "-i", immutable], check=True)

            self.assertEqual(0, subprocess.run(recover, timeout=30).returncode)

            self.assertFalse(os.path.exists(place))
            self.assertEqual(before, contents(node.data))

    def test_waits_for_the_backup_of_its_app_and_the_backup_for_it(self):
        with Node(slots=4) as node:
            node.add_bulk(20)
            worker = node.start_worker("stop:restored:2")
            backup = node.create("--wait")
            node.ctl("restore", backup, "--in-place")
            pid = node.wait_for_job(worker, "T")

            second = node.create()

            self.assertEqual(["waiting for a restore of the same app"],
                             node.get(second)["stateUnready"])
            os.kill(pid, signal.SIGCONT)
            record, _ = node.follow(second)
            self.assertEqual("completed", record["state"])


if __name__ == "__main__":
    unittest.main()
