"""Redis dies, forgets, is full, stands still or changes its password: what becomes of jobs and of the API."""

import json
import os
import signal
import time
import unittest

from redis_node import RedisNode
from support import Client
from worker_support import (ACCOUNT, NodeTest, assert_progress_is_true, contents, process_state,
                            wait_until)


class RedisTroubleTest(NodeTest):
    def assert_completed_once(self, node, backup, attempts):
        record, samples = node.follow(backup)
        self.assertEqual("completed", record["state"], record)
        assert_progress_is_true(samples)
        self.assertEqual(attempts, node.job(backup)["attempt"])
        self.assert_restorable(node)
        self.assert_nothing_left(node)

    def test_a_job_works_on_through_a_restart_with_a_torn_tail(self):
        with RedisNode(lease_ms=15000) as node:
            worker = node.start_worker()
            node.start_daemon()
            backup, job = node.create_and_stop(worker, "chunk:5")
            node.kill_redis()
            directory = node.path("appendonlydir")
            newest = max((name for name in os.listdir(directory) if name.endswith(".aof")),
                         key=lambda name: int(name.split(".")[-3]))
            with open(os.path.join(directory, newest), "r+b") as file:
                file.truncate(os.path.getsize(file.name) - 3)
            os.kill(job, signal.SIGCONT)
            wait_until(lambda: node.ask().status == 503, 5, "the API says so")
            node.start_redis()
            wait_until(lambda: node.ask().status == 200, 5, "the API recovers")
            self.assert_completed_once(node, backup, "1")

    def test_everything_forgotten_stops_the_jobs_and_starts_anew(self):
        with RedisNode() as node:
            node.write("block", "")
            worker = node.start_worker()
            node.start_daemon()
            node.create()
            wait_until(node.is_closed, 10, "the shop is closed")
            job = node.wait_for_job(worker)
            node.redis_cli("FLUSHALL")
            node.redis_cli("FUNCTION", "FLUSH")
            wait_until(lambda: process_state(job) is None, 10, "the job has stopped")
            self.assertFalse(node.is_closed(), "thawed")
            self.assertEqual([], node.undo_records())
            os.unlink(node.path("block"))
            wait_until(lambda: '"shop"' in node.ctl("-o", "json", "app", "list").stdout, 10, "registered again")
            wait_until(lambda: node.redis_cli("GET", "appbackup:schema") == "1", 5, "the schema is back")
            wait_until(lambda: node.ask("k8s/v2/apps").json["items"] != [], 10, "the API shows the app")
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def stop_restore(self, node, worker, point):
        """Of a backup over data that have changed since: what is live, and the pid of the job."""
        backup = node.create("--wait")
        node.write("data/0.bin", "changed")
        live = contents(node.data)
        node.arm(point)
        node.ctl("restore", backup, "--in-place")
        job = node.wait_for_job(worker, "T")
        node.disarm()
        self.assertEqual(1, len(node.undo_records()))
        return live, job

    def assert_no_restore_left(self, node, live):
        wait_until(lambda: node.undo_records() == [], 20, "the record of the restore is settled")
        self.assertEqual(live, contents(node.data))
        self.assertEqual(["data"], [name for name in os.listdir(node.directory) if "data" in name])

    def test_a_forgotten_restore_exchanges_nothing_and_leaves_nothing(self):
        with RedisNode() as node:
            worker = node.start_worker()
            live, job = self.stop_restore(node, worker, "swap:1")
            node.redis_cli("FLUSHALL")
            node.redis_cli("FUNCTION", "FLUSH")

            os.kill(job, signal.SIGCONT)

            wait_until(lambda: process_state(job) is None, 10, "the job has stopped")
            self.assert_no_restore_left(node, live)
            self.assert_nothing_left(node)

    def test_the_next_worker_removes_what_a_forgotten_restore_left(self):
        with RedisNode() as node:
            worker = node.start_worker()
            live, job = self.stop_restore(node, worker, "finish:1")
            worker.kill()
            worker.wait()
            os.kill(job, signal.SIGKILL)
            node.redis_cli("FLUSHALL")

            node.start_worker()

            self.assert_no_restore_left(node, live)
            self.assert_nothing_left(node)

    def test_a_full_memory_refuses_and_recovers(self):
        with RedisNode(lease_ms=15000) as node:
            node.write("block", "")
            worker = node.start_worker()
            node.start_daemon()
            backup = node.create()
            wait_until(node.is_closed, 20, "the shop is closed")
            job = node.wait_for_job(worker)
            node.redis_cli("CONFIG", "SET", "maxmemory", "1")
            refused = node.ctl("backup", "create", "shop", check=False)
            self.assertEqual(4, refused.returncode, refused.stderr)
            with Client(node.port, "token") as client:
                app = json.loads(node.ctl("-o", "json", "app", "list").stdout)[0]["id"]
                path = f"/accounts/{ACCOUNT}/k8s/v1/apps/{app}/appBackups"
                body = {"type": "application/astra-appBackup", "version": "1.1"}
                answer = client.request("POST", path, body)
                self.assertEqual(503, answer.status, answer)
                self.assertIn("Retry-After", answer.headers)
                self.assertEqual(200, client.get(path).status, "reading goes on")
            wait_until(lambda: "lease not renewed, trying again" in node.log(), 10, "the job notices")
            self.assertEqual([job], node.job_pids(worker))
            node.redis_cli("CONFIG", "SET", "maxmemory", "0")
            os.unlink(node.path("block"))
            self.assert_completed_once(node, backup, "1")

    def test_a_frozen_redis_freezes_nobody(self):
        with RedisNode(lease_ms=15000) as node:
            worker = node.start_worker()
            node.start_daemon()
            backup, job = node.create_and_stop(worker, "chunk:5")
            node.redis.send_signal(signal.SIGSTOP)
            os.kill(job, signal.SIGCONT)
            frozen = time.monotonic()
            answer = node.ask()
            self.assertEqual(503, answer.status)
            wait_until(lambda: time.monotonic() - frozen > 5, 10, "five seconds")
            node.redis.send_signal(signal.SIGCONT)
            wait_until(lambda: node.ask().status == 200, 5, "the API recovers")
            self.assert_completed_once(node, backup, "1")

    def test_another_password_is_read_with_a_reload(self):
        with RedisNode(lease_ms=6000) as node:
            redis = {"address": "unix:" + node.path("redis.sock"), "password_file": "redis-password"}
            node.write("etc/redis-password", "first\n", 0o600)
            node.redis_cli("CONFIG", "SET", "requirepass", "first")
            os.environ["REDISCLI_AUTH"] = "first"
            self.addCleanup(os.environ.pop, "REDISCLI_AUTH", None)
            node.write_config(redis=redis)
            worker = node.start_worker()
            node.start_daemon()
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)

            node.redis_cli("CONFIG", "SET", "requirepass", "second")
            os.environ["REDISCLI_AUTH"] = "second"
            node.redis_cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            wait_until(lambda: node.ask().status == 503, 10, "the API is shut out")
            wait_until(lambda: "Redis lost" in node.log(), 10, "the worker is shut out")
            self.assertIsNone(worker.poll())
            node.write("etc/redis-password", "second\n", 0o600)
            worker.send_signal(signal.SIGHUP)
            node.daemon.send(signal.SIGHUP)
            wait_until(lambda: node.ask().status == 200, 10, "the API is back")
            record, _ = node.follow(node.create())
            self.assertEqual("completed", record["state"], record)
            self.assert_restorable(node, 2)


if __name__ == "__main__":
    unittest.main()
