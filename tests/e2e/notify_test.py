"""What a service manager hears of the daemons: up, how busy, alive or not, reloading, stopping."""

import os
import re
import signal
import subprocess
import unittest

from notify_support import Manager
from redis_node import RedisNode
from support import BIN, Client, wait_until

LOAD = r"\d+( of \d+)? running, \d+ queued(, oldest \d+ \w+)?, redis \d+\.\d ms"
WATCHDOG_S = 2


class NotifyNode(RedisNode):
    """Both daemons, started as by a service manager."""

    def __enter__(self):
        super().__enter__()
        self.manager = Manager(self.directory).__enter__()
        return self

    def __exit__(self, *details):
        self.manager.__exit__()
        super().__exit__(*details)

    def start(self, program):
        with open(self.path("worker.log"), "ab") as log:
            process = subprocess.Popen([os.path.join(BIN, program), "--config", self.config],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=self.manager.environment(WATCHDOG_S))
        self.workers.append(process)
        return process

    def freeze_redis(self):
        self.redis.send_signal(signal.SIGSTOP)

    def thaw_redis(self):
        self.redis.send_signal(signal.SIGCONT)


class NotifyTest(unittest.TestCase):
    def reload_and_stop(self, node, process):
        """RELOADING and READY again, with a good configuration and a wrong one; then the end."""
        manager = node.manager
        for text in (None, "{"):
            if text:
                node.write("etc/appbackup.yaml", text)
            since = manager.now()
            process.send_signal(signal.SIGHUP)
            reloading = manager.wait_for("RELOADING", since=since)
            self.assertRegex(manager.heard[reloading][1]["MONOTONIC_USEC"], r"^\d+$")
            manager.wait_for("READY", since=reloading)
        manager.wait_for("STATUS", since=since, text="not reloaded")

        since = manager.now()
        process.terminate()
        stopping = manager.wait_for("STOPPING", since=since)
        self.assertGreater(int(manager.heard[stopping][1]["EXTEND_TIMEOUT_USEC"]), 10_000_000)
        self.assertEqual(0, process.wait(30))
        manager.now()
        self.assertIn("stopping", manager.messages("STATUS", stopping)[0]["STATUS"])
        self.assertEqual({process.pid}, {pid for pid, _ in manager.heard}, "nobody else speaks")

    def assert_waits_for_redis_that_is_away(self, node, process):
        """Away is not frozen: nothing that a restart could mend."""
        manager = node.manager
        since = manager.now()
        node.kill_redis()
        away = manager.wait_for("STATUS", since=since, text="redis is away")
        for _ in range(3):
            away = manager.wait_for("WATCHDOG", since=away) + 1
        self.assertIsNone(process.poll())
        node.start_redis()
        manager.wait(lambda message: re.search(LOAD, message.get("STATUS", "")), 20, "Redis is back",
                     since=manager.now())

    def assert_no_sign_of_life_while_redis_hangs(self, node, is_alive):
        manager = node.manager
        since = manager.now()
        node.freeze_redis()
        hangs = manager.wait_for("STATUS", since=since, text="does not answer")
        manager.wait_for("STATUS", since=hangs + 1, text="does not answer")
        is_alive()
        self.assertEqual([], [message for message in manager.listen(2 * WATCHDOG_S)
                              if "WATCHDOG" in message])
        is_alive()
        since = manager.now()
        node.thaw_redis()
        manager.wait_for("WATCHDOG", since=since)
        manager.wait(lambda message: re.search(LOAD, message.get("STATUS", "")), 20, "Redis answers",
                     since=since)

    def test_the_front_end(self):
        with NotifyNode() as node:
            manager = node.manager
            daemon = node.start("appbackupd")
            self.assertEqual(0, manager.wait_for("READY"), "the first thing that is said")
            with Client(node.port) as client:
                self.assertEqual(200, client.get("/healthz").status, "ready means that it listens")
            status = manager.wait_for("STATUS")
            self.assertRegex(manager.heard[status][1]["STATUS"], f"^{LOAD}; not ready: worker: none is alive$")
            manager.wait_for("WATCHDOG")

            def answers():
                with Client(node.port) as client:
                    self.assertEqual(200, client.get("/healthz").status)
            self.assert_no_sign_of_life_while_redis_hangs(node, answers)
            self.assert_waits_for_redis_that_is_away(node, daemon)
            self.reload_and_stop(node, daemon)

    def test_the_worker(self):
        with NotifyNode() as node:
            manager = node.manager
            node.write("block", "")
            worker = node.start("appbackup-worker")
            self.assertEqual(0, manager.wait_for("READY"), "the first thing that is said")
            manager.wait_for("STATUS", text="0 of 2 running, 0 queued")
            manager.wait_for("WATCHDOG")
            wait_until(lambda: '"shop"' in node.ctl("-o", "json", "app", "list").stdout, 10, "the app")
            node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            node.create()
            manager.wait_for("STATUS", text="1 of 2 running, 1 queued, oldest ")
            os.unlink(node.path("block"))
            manager.wait_for("STATUS", since=manager.now(), text="0 of 2 running, 0 queued")
            self.assert_no_sign_of_life_while_redis_hangs(node, lambda: self.assertIsNone(worker.poll()))
            self.assert_waits_for_redis_that_is_away(node, worker)
            self.reload_and_stop(node, worker)

    def test_a_worker_that_stops_asks_for_time_until_its_jobs_have_ended(self):
        with NotifyNode() as node:
            manager = node.manager
            node.write_app("shop", node.data, hooks=True)
            node.write("hook", "#!/bin/sh\n"
                       f"cd '{node.directory}'\n"
                       'case $APPBACKUP_STAGE in\n'
                       'pre-snapshot) touch closed; while [ ! -e go ]; do sleep 0.05; done ;;\n'
                       'post-snapshot) touch thawing; while [ -e block ]; do sleep 0.05; done; rm closed ;;\n'
                       'esac\n', 0o755)
            node.write("block", "")
            worker = node.start("appbackup-worker")
            wait_until(lambda: '"shop"' in node.ctl("-o", "json", "app", "list", check=False).stdout, 10,
                       "the app")
            node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            since = manager.now()
            worker.terminate()
            place = manager.wait_for("STOPPING", since=since)
            wait_until(lambda: os.path.exists(node.path("thawing")), 20, "the thaw is under way")
            for _ in range(2):
                place = manager.wait_for("EXTEND_TIMEOUT_USEC", since=place + 1)
            os.unlink(node.path("block"))
            self.assertEqual(0, worker.wait(30))
            self.assertFalse(node.is_closed())

    def test_wrong_usage_and_wrong_configuration_are_told_apart_from_failures(self):
        with NotifyNode() as node:
            node.write("etc/appbackup.yaml", "{")
            for program in ("appbackupd", "appbackup-worker"):
                self.assertEqual(78, node.start(program).wait(20), program)
                wrong = subprocess.run([os.path.join(BIN, program), "--no-such-option"],
                                       capture_output=True, timeout=20)
                self.assertEqual(64, wrong.returncode, program)
            node.manager.now()
            self.assertEqual([], node.manager.heard)


if __name__ == "__main__":
    unittest.main()
