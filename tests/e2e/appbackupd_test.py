"""appbackupd as who starts it meets it: its configuration, and standalone."""

import os
import re
import signal
import subprocess
import time
import unittest

from api_support import ACCOUNTS, NOBODY, ONE
from support import BIN, Client, Daemon, Redis, Scratch, free_port, wait_until, write_config


class Configuration(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.config = self.scratch.join("appbackup.yaml")
        self.port = free_port()

    def write(self, **sections):
        write_config(self.config, "unix:" + self.scratch.join("none"), [f"127.0.0.1:{self.port}"], ACCOUNTS,
                     **sections)

    def run_daemon(self, *arguments):
        return subprocess.run([os.path.join(BIN, "appbackupd"), *arguments], capture_output=True, text=True,
                              timeout=20)

    def test_a_wrong_one_ends_it_before_it_listens(self):
        for change, key in (({"http": {"bodybytes": 1}}, "bodybytes"),
                            ({"http": {"connections_max": "many"}}, "connections_max"),
                            ({"redis": {"address": "nowhere"}}, "redis.address"),
                            ({"http": {"listeners": [{"address": "0.0.0.0:1"}]}}, "certificate")):
            self.write(**change)
            for arguments in (("--config", self.config), ("--config", self.config, "--check")):
                result = self.run_daemon(*arguments)
                self.assertEqual(result.returncode, 78, result)
                self.assertRegex(result.stderr, re.escape(self.config) + r":\d+: .*" + key)
                self.assertNotIn("listening", result.stderr)

    def test_one_that_is_missing_or_is_no_yaml(self):
        self.assertEqual(self.run_daemon("--config", self.config).returncode, 78)
        with open(self.config, "w") as file:
            file.write("a: [1\nb: }\n")
        result = self.run_daemon("--config", self.config)
        self.assertEqual(result.returncode, 78)
        self.assertIn(self.config + ":", result.stderr)

    def test_a_good_one_passes_the_check(self):
        self.write()
        result = self.run_daemon("--config", self.config, "--check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_help_version_and_wrong_usage(self):
        self.assertIn("--standalone", self.run_daemon("--help").stdout)
        self.assertRegex(self.run_daemon("--version").stdout, r"^appbackupd \d+\.\d+\.\d+\n$")
        for arguments in (("--nonsense",), ("extra",), ("--standalone",), ("--listen", "127.0.0.1:1"),
                          ("--standalone", "--state-directory", "x", "--config", "y")):
            self.assertEqual(self.run_daemon(*arguments).returncode, 64, arguments)

    def test_it_starts_and_answers_without_redis_and_stops_when_told(self):
        self.write()
        daemon = Daemon(self.config, self.scratch.join("log"), self.port)
        self.addCleanup(daemon.kill)
        daemon.start()
        with Client(self.port, "work") as client:
            self.assertEqual(client.get("/healthz").status, 200)
            answer = client.get("/readyz").json
            self.assertEqual((answer["notReady"], answer["codes"]), (["redis: no answer"], ["redis_unavailable"]))
            started = time.monotonic()
            self.assertEqual(client.get(f"/accounts/{ONE}/k8s/v2/apps").status, 503)
            self.assertLess(time.monotonic() - started, 1.0)
        self.assertEqual(daemon.stop(15), 0)
        self.assertIn("appbackupd has stopped", daemon.log)

    def test_a_hangup_changes_the_tokens_unless_the_new_configuration_is_wrong(self):
        self.write()
        daemon = Daemon(self.config, self.scratch.join("log"), self.port)
        self.addCleanup(daemon.kill)
        daemon.start()
        with Client(self.port) as client:
            def number(token):
                return client.get(f"/accounts/{ONE}/topology/v1/clouds/{NOBODY}", token=token).status
            self.assertEqual((number("work"), number("new")), (404, 401))
            write_config(self.config, "unix:" + self.scratch.join("none"), [f"127.0.0.1:{self.port}"],
                         {ONE: {"new": "member"}})
            daemon.send(signal.SIGHUP)
            wait_until(lambda: "configuration read again" in daemon.log, 10, "the log says that it has reloaded")
            self.assertEqual((number("work"), number("new")), (401, 404))
            self.write(http={"bodybytes": 1})
            daemon.send(signal.SIGHUP)
            wait_until(lambda: "configuration not usable" in daemon.log, 10, "the log says that it has not")
            self.assertEqual((number("work"), number("new")), (401, 404))
        self.assertEqual(daemon.stop(15), 0)

    def test_a_request_under_way_is_answered_before_it_stops(self):
        redis = Redis(self.scratch)
        self.addCleanup(redis.kill)
        redis.start()
        write_config(self.config, redis.address, [f"127.0.0.1:{self.port}"], ACCOUNTS)
        daemon = Daemon(self.config, self.scratch.join("log"), self.port)
        self.addCleanup(daemon.kill)
        daemon.start()
        with Client(self.port, "work") as client:
            wait_until(lambda: client.get(f"/accounts/{ONE}/k8s/v2/apps").status == 200, 10, "it serves")
            redis.send(signal.SIGSTOP)
            self.addCleanup(lambda: redis.is_running and redis.send(signal.SIGCONT))
            client.connection.putrequest("GET", f"/accounts/{ONE}/k8s/v2/apps")
            client.connection.putheader("Authorization", "Bearer work")
            client.connection.endheaders()
            with Client(self.port) as later:  # who came later is answered: so the first is under way
                self.assertEqual(later.get("/healthz").status, 200)
            daemon.send(signal.SIGTERM)
            wait_until(lambda: "stopping" in daemon.log, 5, "it has the signal")
            redis.send(signal.SIGCONT)
            self.assertEqual(client.connection.getresponse().status, 200)
        self.assertEqual(daemon.end(15), 0)


class Standalone(unittest.TestCase):
    """What appbackupd --standalone does with its directory and its children."""

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.state = self.scratch.join("state")
        self.port = free_port()
        self.daemon = self.make(self.port)
        self.addCleanup(self.daemon.kill)

    def make(self, port):
        daemon = Daemon("", self.scratch.join("log"), port)
        daemon.command = [os.path.join(BIN, "appbackupd"), "--standalone", "--state-directory", self.state,
                          "--listen", f"127.0.0.1:{port}"]
        return daemon

    def ready(self, daemon):
        with Client(daemon.port) as client:
            wait_until(lambda: client.get("/readyz").status == 200, 30, "/readyz answers 200")

    def mode(self, *names):
        return os.stat(os.path.join(self.state, *names)).st_mode & 0o777

    def children(self, name):
        """The pids of the daemon's children that run this program."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    text = file.read()
                parent = int(text.rpartition(")")[2].split()[1])
                if parent == self.daemon.process.pid and f"({name[:15]})" in text:
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def child(self, name):
        return wait_until(lambda: self.children(name), 10, f"{name} runs")[0]

    def is_gone(self, pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    def test_the_directory_is_made_once_and_kept_private(self):
        self.daemon.start()
        self.ready(self.daemon)
        self.assertEqual([self.mode(), self.mode("token"), self.mode("master.key"), self.mode("appbackup.yaml"),
                          self.mode("bucket"), self.mode("apps.d"), self.mode("redis")],
                         [0o700, 0o600, 0o600, 0o600, 0o700, 0o700, 0o700])
        kept = {name: self.read(name) for name in ("token", "master.key", "appbackup.yaml")}
        self.assertRegex(kept["master.key"], "^[0-9a-f]{64}\n$")
        account = re.search("id: ([0-9a-f-]{36})", kept["appbackup.yaml"]).group(1)
        log = self.daemon.log
        self.assertIn(account, log)
        self.assertNotIn(kept["token"].strip(), log)
        with Client(self.port, kept["token"].strip()) as client:
            clouds = client.get(f"/accounts/{account}/topology/v1/clouds").json["items"]
        self.assertIn("defaultBucketID", clouds[0])
        self.assertEqual(self.daemon.stop(60), 0)

        self.daemon.start()
        self.ready(self.daemon)
        for name, text in kept.items():
            self.assertEqual(self.read(name), text, name)
        with Client(self.port, kept["token"].strip()) as client:
            again = client.get(f"/accounts/{account}/topology/v1/clouds").json["items"]
        self.assertEqual(again, clouds, "the records of the first run are there")
        self.assertEqual(self.daemon.stop(60), 0)

    def read(self, name):
        with open(os.path.join(self.state, name)) as file:
            return file.read()

    def test_a_second_one_on_the_same_directory_is_refused(self):
        self.daemon.start()
        second = self.make(free_port())
        result = subprocess.run(second.command, capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("lock", result.stderr)
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)

    def test_a_worker_that_dies_is_started_again(self):
        self.daemon.start()
        self.ready(self.daemon)
        first = self.child("appbackup-worker")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: [pid for pid in self.children("appbackup-worker") if pid != first], 10, "a new one")
        self.assertEqual(self.daemon.stop(60), 0)

    def test_a_redis_that_dies_is_started_again_and_has_its_records(self):
        self.daemon.start()
        self.ready(self.daemon)
        first = self.child("redis-server")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: [pid for pid in self.children("redis-server") if pid != first], 10, "a new one")
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)

    def test_it_gives_up_when_redis_cannot_be_kept_up(self):
        self.daemon.start()
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)
        with open(os.path.join(self.state, "redis", "appendonlydir", "appendonly.aof.manifest"), "w") as file:
            file.write("this is no manifest\n")
        self.daemon.process = subprocess.Popen(self.daemon.command, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, errors = self.daemon.process.communicate(timeout=60)
        self.assertEqual(self.daemon.process.returncode, 1, errors)
        self.assertIn(b"redis-server ends again and again", errors)

    def test_it_takes_its_children_along_when_it_is_killed(self):
        self.daemon.start()
        self.ready(self.daemon)
        pids = [self.child("redis-server"), self.child("appbackup-worker")]
        self.daemon.kill()
        wait_until(lambda: all(self.is_gone(pid) for pid in pids), 40, "its children have ended")
        self.daemon.start()
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)

    def test_children_end_in_order(self):
        self.daemon.start()
        self.ready(self.daemon)
        self.child("appbackup-worker")
        self.assertEqual(self.daemon.stop(60), 0)
        ends = [line for line in self.daemon.log.splitlines() if 'msg="ended"' in line]
        self.assertEqual(["worker" in ends[0], "--recover" in ends[1], "redis" in ends[2], len(ends)],
                         [True, True, True, 3], ends)

    def test_an_address_for_strangers_is_refused(self):
        self.daemon.command[-1] = "0.0.0.0:8080"
        result = subprocess.run(self.daemon.command, capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("TLS", result.stderr)
        self.assertFalse(os.path.exists(self.state))


if __name__ == "__main__":
    unittest.main()
