"""What admins look at and pull, through appbackupctl; the worker behind it is real."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest
import uuid

from worker_support import ACCOUNT, BIN, Node, wait_until

CTL = os.path.join(BIN, "appbackupctl")
NIL = "00000000-0000-0000-0000-000000000000"


class Terminal:
    """A program with all of its three streams on a terminal of its own."""

    def __init__(self, words, rows=24, columns=100, hangup=signal.SIG_DFL):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen([CTL, *words], stdin=slave, stdout=slave, stderr=slave,
                                        env={**os.environ, "TERM": "xterm"}, start_new_session=True,
                                        preexec_fn=lambda: self._take_terminal(hangup))
        self.written = ""

    @staticmethod
    def _take_terminal(hangup):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, hangup)

    def read_until(self, pattern, seconds=20):
        """Everything from now on until the pattern has come."""
        seen, deadline = "", time.monotonic() + seconds
        while not re.search(pattern, seen):
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} is not in {seen!r}")
            seen += os.read(self.master, 65536).decode()
        return seen

    def type(self, keys):
        os.write(self.master, keys)

    def end(self):
        """(exit code, the terminal is as it was before)"""
        code = self.process.wait(20)
        is_restored = termios.tcgetattr(self.slave) == self.before
        rest = self.read_until(r"\033\[\?25h")
        os.close(self.slave)
        os.close(self.master)
        return code, is_restored, rest


class AdminTest(unittest.TestCase):
    def assert_exit(self, code, result, text):
        self.assertEqual(code, result.returncode, result.stderr)
        self.assertIn(text, result.stderr)
        self.assertEqual("", result.stdout)

    def test_the_screens_of_a_backup_that_runs_and_one_that_waits(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            first = node.create("--name", "first")
            wait_until(node.is_closed, 10, "the first one runs")
            second = node.create("--name", "second")

            status = node.ctl("status").stdout
            self.assertRegex(status, r"(?m)^redis +7\.[0-9.]+, append-only on, never evicts, .* ms$")
            self.assertRegex(status, r"(?m)^jobs +1 running, 1 queued$")
            self.assertRegex(status, r"(?m)^node1 +yes ")
            self.assertIn("Nothing needs you.", status)
            self.assertNotIn("\033", status)
            told = json.loads(node.ctl("status", "-o", "json").stdout)
            self.assertEqual(([], 1), (told["problems"], told["jobs"]["running"]))
            self.assertGreater(told["redis"]["latency_us"], 0)

            lines = node.ctl("queue").stdout.splitlines()
            self.assertEqual(3, len(lines), lines)
            self.assertRegex(lines[1], r"^running +node1 +backup +shop +first ")
            self.assertRegex(lines[2], r"^queued +1 +node1 .* waiting for backup first of the same app$")
            jobs = json.loads(node.ctl("queue", "node1", "-o", "json").stdout)["jobs"]
            self.assertEqual([first, second], [job["subject"] for job in jobs])
            self.assert_exit(3, node.ctl("queue", "nope", check=False), "node nope")

            wait_until(lambda: "1 of 2 slots" in node.ctl("explain", second).stdout, 10, "a heartbeat tells of the first")
            said = node.ctl("explain", second).stdout
            self.assertIn("at place 1 of 1", said)
            self.assertRegex(said, r"Blocked: job [0-9a-f-]{36} works on backup " + first)
            self.assertEqual(said.splitlines(), json.loads(
                node.ctl("explain", second, "-o", "json").stdout)["lines"])

            table = node.ctl("top").stdout
            self.assertRegex(table, r"(?m)^node1 +backup +shop +first +pre-snapshot ")
            self.assertNotIn("\033", table)
            rows = json.loads(node.ctl("top", "--once", "-o", "json").stdout)["jobs"]
            self.assertEqual(0, rows[0]["rate"])
            os.unlink(node.path("block"))
            self.assertEqual("completed", node.follow(second)[0]["state"])

            history = node.ctl("history", first).stdout.splitlines()
            self.assertEqual(["TIME", "FROM", "TO", "EPOCH", "WHO", "WHY"], history[0].split())
            self.assertRegex(history[1], r" none +pending ")
            self.assertRegex(history[-1], r" running +completed +1 +node1:")
            entries = json.loads(node.ctl("history", first, "-o", "json").stdout)
            self.assertEqual(len(history) - 1, len(entries))

    def test_top_is_live_on_a_terminal(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create("--name", "one")
            wait_until(node.is_closed, 10, "it runs")
            for keys in (b"q", b"\x03"):
                top = Terminal(["--config", node.config, "top"], columns=60)
                top.read_until(r"(?s)1 running, 0 waiting.*pre-snapshot.*\033\[J")
                again = top.read_until(r"(?s)\033\[H.*1 running.*\033\[J")
                for line in re.sub(r"\033\[[0-9?]*[a-zA-Z]", "", again).splitlines():
                    self.assertLess(len(line), 60)
                top.type(keys)
                code, is_restored, _ = top.end()
                self.assertEqual((0, True), (code, is_restored))

            top = Terminal(["--config", node.config, "top"])
            top.read_until("1 running")
            node.stop_redis()
            top.read_until("redis")
            node.start_redis()
            top.read_until("1 running|0 running")
            top.type(b"q")
            self.assertEqual(0, top.end()[0])
            os.unlink(node.path("block"))
            self.assertEqual("completed", node.follow(backup)[0]["state"])

    def test_top_ends_with_its_terminal(self):
        """Also where nobody hears the hang-up, as under nohup."""
        with Node() as node:
            top = Terminal(["--config", node.config, "top"], hangup=signal.SIG_IGN)
            top.read_until("0 running")
            os.close(top.slave)
            os.close(top.master)
            top.process.wait(20)

    def test_a_pause_holds_back_what_has_not_begun(self):
        with Node() as node:
            node.start_worker()
            for kind, name in (("node", "node1"), ("app", "shop"), ("bucket", "local")):
                done = node.ctl("pause", kind, name, "--reason", "new disks").stdout
                self.assertIn(f"{kind} {name} is paused", done)
                self.assert_exit(1, node.ctl("pause", kind, name, check=False),
                                 f"{kind} {name} is paused by appbackupctl:uid={os.getuid()}: new disks")
                backup = node.create()
                waits = node.get(backup)["stateUnready"]
                self.assertEqual([f"{kind} {name} is paused by appbackupctl:uid={os.getuid()}: "
                                  "new disks"], waits)
                self.assertIn(f"appbackupctl resume {kind} {name}", node.ctl("explain", backup).stdout)
                for command in ("status", "queue"):
                    self.assertRegex(node.ctl(command).stdout, rf"(?m)^paused +{kind} {name}, by ")
                self.assertEqual("pending", node.get(backup)["state"])
                told = json.loads(node.ctl("resume", kind, name, "-o", "json").stdout)
                self.assertEqual((kind, name), (told["kind"], told["name"]))
                self.assertEqual("completed", node.follow(backup)[0]["state"])
                self.assert_exit(1, node.ctl("resume", kind, name, check=False), "is not paused")
            self.assert_exit(3, node.ctl("pause", "app", "nope", check=False), "no app nope")
            self.assert_exit(3, node.ctl("pause", "node", "nope", check=False), "nope")
            self.assert_exit(2, node.ctl("pause", "planet", "earth", check=False), "planet")

    def test_a_canceled_backup_is_tried_again(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            backup = node.create("--name", "one")
            wait_until(node.is_closed, 10, "it runs")
            self.assert_exit(1, node.ctl("retry", backup, check=False), "cannot retry while")
            self.assertIn("being canceled", node.ctl("cancel", backup, "--reason", "too early").stdout)
            os.unlink(node.path("block"))
            node.wait_for_state(backup, "failed")
            self.assertIn(f"appbackupctl retry {backup}", node.ctl("explain", backup).stdout)

            self.assertIn("is pending again", node.ctl("retry", backup, "--reason", "now").stdout)
            record = node.follow(backup)[0]
            self.assertEqual("completed", record["state"])
            self.assertNotIn("canceled", json.dumps(record))
            history = json.loads(node.ctl("history", backup, "-o", "json").stdout)
            by_us = [entry["why"] for entry in history if entry["who"] == f"appbackupctl:uid={os.getuid()}"]
            self.assertIn("tried again on request: now", by_us)
            self.assertIn("canceled on request: too early", by_us)
            self.assertIn("no errors were found", node.restic("check", "--read-data"))

    def test_cancel_stops_a_task_too(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            node.create()
            wait_until(node.is_closed, 10, "a backup keeps the app busy")
            task = json.loads(node.ctl("-o", "json", "verify", "shop").stdout)["id"]
            self.assertIn(f"task {task} is canceled", node.ctl("cancel", task, "--reason", "why").stdout)
            self.assertIn("canceled on request: why", node.ctl("task", "show", task).stdout)
            self.assertIn("is pending again", node.ctl("retry", task).stdout)
            self.assert_exit(3, node.ctl("cancel", NIL, check=False), NIL)
            os.unlink(node.path("block"))

    def test_a_job_is_taken_from_its_worker(self):
        with Node(lease_ms=60000) as node:
            node.write("block", "")
            worker = node.start_worker()
            backup = node.create("--name", "one")
            wait_until(node.is_closed, 10, "it runs")
            job = node.job(backup)
            self.assert_exit(1, node.ctl("requeue", job["id"], check=False), "--force")
            node.ctl("pause", "node", "node1")
            self.assertIn("in the queue", node.ctl("requeue", job["id"], "--force").stdout)
            os.unlink(node.path("block"))
            wait_until(lambda: node.job_pids(worker) == [], 20, "its worker stops that job")
            self.assertFalse(node.is_closed(), "the shop goes on")
            self.assertEqual("pending", node.get(backup)["state"])
            node.ctl("resume", "node", "node1")
            self.assertEqual("completed", node.follow(backup)[0]["state"])
            self.assertEqual("2", node.job(backup)["epoch"])

    def test_quarantine_is_seen_released_and_dropped(self):
        with Node(kills_max=1) as node:
            self.assertEqual([], json.loads(node.ctl("quarantine", "list", "-o", "json").stdout))
            worker = node.start_worker(point="stop:chunk:1")
            backups = []
            for name in ("one", "two"):
                backups.append(node.create("--name", name))
                os.kill(node.wait_for_job(worker, state="T"), signal.SIGKILL)
                node.wait_for_state(backups[-1], "failed")
            worker.terminate()
            worker.wait(20)

            status = node.ctl("status", check=False)
            self.assertEqual(1, status.returncode)
            self.assertIn("This needs you:", status.stdout)
            self.assertIn("quarantine: backup of app shop", status.stdout)
            table = node.ctl("quarantine", "list").stdout.splitlines()
            self.assertEqual(3, len(table))
            self.assertIn("signal 9", table[1])
            listed = json.loads(node.ctl("quarantine", "list", "-o", "json").stdout)
            self.assertEqual(set(backups), {job["subject"] for job in listed})
            job = node.job(backups[0])["id"]
            self.assertIn(f"appbackupctl quarantine release {job}", node.ctl("explain", backups[0]).stdout)

            node.ctl("quarantine", "release", job, "--reason", "more memory")
            node.ctl("quarantine", "drop", backups[1])
            self.assertEqual("failed", node.get(backups[1])["state"])
            self.assert_exit(1, node.ctl("quarantine", "drop", job, check=False), "not in quarantine")
            node.start_worker()
            self.assertEqual("completed", node.follow(backups[0])[0]["state"])
            self.assertIn("Nothing needs you.", node.ctl("status").stdout)

    def test_status_names_an_app_whose_last_backup_failed_or_whose_hooks_did(self):
        with Node() as node:
            node.start_worker()
            os.rename(node.data, node.path("elsewhere"))
            node.ctl("backup", "create", "shop", "--name", "empty", "--wait", check=False)
            status = node.ctl("status", check=False)
            self.assertEqual(1, status.returncode)
            self.assertIn("app shop: its last backup 'empty' failed: ", status.stdout)
            failing = json.loads(node.ctl("status", "-o", "json", check=False).stdout)["failing_apps"]
            self.assertEqual(["shop"], [app["name"] for app in failing])

            os.rename(node.path("elsewhere"), node.data)
            node.write("stuck", "")
            node.create("--name", "stuck", "--wait")
            self.assertIn("app shop: hooks of its last backup 'stuck' failed: ",
                          node.ctl("status", check=False).stdout)

            os.unlink(node.path("stuck"))
            node.create("--wait")
            self.assertIn("Nothing needs you.", node.ctl("status").stdout)

    def test_what_an_admin_does_needs_no_account(self):
        with Node() as node:
            node.write_config(accounts=[{"id": ACCOUNT, "name": "main"},
                                        {"id": str(uuid.uuid4()), "name": "other"}])
            node.ctl("status", check=False)
            self.assertEqual([], json.loads(node.ctl("queue", "-o", "json").stdout)["jobs"])
            self.assert_exit(2, node.ctl("app", "list", check=False), "--account")


if __name__ == "__main__":
    unittest.main()
