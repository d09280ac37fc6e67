"""A thaw whose hook fails is owed until it works: by the worker, by recovery, by the next job of the app."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

from standalone import Standalone
from support import BIN, wait_until
from worker_support import Node, NodeTest


class Thaw(NodeTest):
    def frozen_by(self, node):
        """The record of a backup that could not let the application go."""
        node.write("stuck", "")
        record, _ = node.follow(node.create())
        self.assertEqual(("completed", "failed"), (record["state"], record["hookState"]), record)
        self.assertTrue(self.is_frozen(node))
        return record

    @staticmethod
    def is_frozen(node):
        return os.path.exists(node.path("closed"))

    @staticmethod
    def records(node):
        return [name for name in os.listdir(node.path("state/undo")) if not name.endswith(".tmp")]

    def wait_until_nothing_is_owed(self, node):
        wait_until(lambda: not self.is_frozen(node), 60, "the application is let go")
        wait_until(lambda: self.records(node) == [], 30, "nothing is owed")

    def test_comes_by_itself_once_it_can(self):
        with Node() as node:
            node.start_worker()
            self.frozen_by(node)

            os.unlink(node.path("stuck"))

            self.wait_until_nothing_is_owed(node)

    def test_comes_while_redis_is_away(self):
        with Node() as node:
            node.start_worker()
            self.frozen_by(node)
            node.stop_redis()

            os.unlink(node.path("stuck"))

            self.wait_until_nothing_is_owed(node)

    @staticmethod
    def recover(node):
        return subprocess.run([os.path.join(BIN, "appbackup-worker"), "--config", node.config, "--recover"],
                              capture_output=True, text=True, timeout=60)

    def test_comes_with_recovery_however_often_that_had_failed(self):
        with Node() as node:
            worker = node.start_worker()
            self.frozen_by(node)
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)

            for _ in range(2):
                failed = self.recover(node)
                self.assertEqual(1, failed.returncode, failed.stderr)
                self.assertIn("post-snapshot", failed.stderr)
            os.unlink(node.path("stuck"))
            self.assertEqual(0, self.recover(node).returncode)

            self.assertFalse(self.is_frozen(node))
            self.assertEqual([], self.records(node))

    def test_comes_before_the_next_backup_of_the_app_touches_it(self):
        with Node() as node:
            node.start_worker()
            self.frozen_by(node)
            os.unlink(node.path("hooks.log"))
            os.unlink(node.path("stuck"))

            record, _ = node.follow(node.create())

            self.assertEqual(("completed", "success"), (record["state"], record["hookState"]), record)
            with open(node.path("hooks.log")) as log:
                stages = [line.split()[0] for line in log]
            self.assertEqual("post-snapshot", stages[0], stages)
            self.assertEqual([], self.records(node))

    def test_is_not_owed_any_more_after_a_backup_whose_hooks_work(self):
        with Node() as node:
            node.start_worker()
            app = json.loads(self.app_file(node))
            app["hooks"]["post_snapshot"][0]["command"] = [node.path("no-such-hook")]
            node.write("etc/apps.d/shop.yaml", json.dumps(app))
            record, _ = node.follow(node.create())
            self.assertEqual("failed", record["hookState"], record)
            self.assertEqual(1, len(self.records(node)))
            node.write_app("shop", node.data, hooks=True)

            again, _ = node.follow(node.create())

            self.assertEqual(("completed", "success"), (again["state"], again["hookState"]), again)
            wait_until(lambda: self.records(node) == [], 30, "nothing is owed")

    def test_comes_when_a_standalone_service_is_stopped(self):
        directory = tempfile.mkdtemp(prefix="appbackup-test.")
        hook = {name: os.path.join(directory, name) for name in ("closed", "stuck")}
        def command(text):
            return [{"name": "hook", "command": ["/bin/sh", "-c", text]}]
        app = {"volumes": [os.path.join(directory, "data")],
               "hooks": {"pre_snapshot": command(f"touch {hook['closed']} {hook['stuck']}"),
                         "post_snapshot": command(f"test ! -e {hook['stuck']} && rm {hook['closed']}")}}
        os.makedirs(app["volumes"][0])
        with Standalone({"shop": app}, directory=directory) as service:
            self.assertEqual("failed", service.back_up("shop")["hookState"])
            self.assertTrue(os.path.exists(hook["closed"]))
            os.unlink(hook["stuck"])

            service.stop()

            self.assertFalse(os.path.exists(hook["closed"]))

    @staticmethod
    def app_file(node):
        with open(node.path("etc/apps.d/shop.yaml")) as file:
            return file.read()


if __name__ == "__main__":
    unittest.main()
