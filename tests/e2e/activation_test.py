"""Sockets that a service manager keeps open: a front end that is restarted again and again refuses nobody."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import unittest

from redis_node import RedisNode
from support import BIN, Client, wait_until
from worker_support import ACCOUNT

RESTARTS = int(os.environ.get("RESTARTS", "12"))
CALLERS = 4

# What the service manager does: the sockets from descriptor 3 on, and a word to whom they belong.
LAUNCH = """
import fcntl, os, sys
kept = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for place, fd in enumerate(kept, 3):
    os.dup2(fd, place)
os.closerange(3 + len(kept), 256)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class ActivatedNode(RedisNode):
    """A node with a TCP and a unix listener, whose sockets are the test's."""

    def __enter__(self):
        super().__enter__()
        self.sockets = []
        tcp = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        local = socket.socket(socket.AF_UNIX)
        local.bind(self.path("api.sock"))
        local.listen(1024)
        self.sockets = [tcp, local]
        self.write_config(http={"listeners": [{"address": "unix:" + self.path("api.sock")},
                                              {"address": f"127.0.0.1:{self.port}"}]})
        return self

    def __exit__(self, *details):
        for kept in self.sockets:
            kept.close()
        super().__exit__(*details)

    def start_activated(self, sockets=None):
        kept = self.sockets if sockets is None else sockets
        for one in kept:
            one.set_inheritable(True)
        with open(self.path("worker.log"), "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, ",".join(str(one.fileno()) for one in kept),
                 os.path.join(BIN, "appbackupd"), "--config", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False)
        self.workers.append(process)
        return process

    def client(self, unix):
        return Client(self.port, "token", unix=self.path("api.sock") if unix else None)


class Caller(threading.Thread):
    """Asks without a pause, on kept and on new connections; notes whatever is not an answer of the API."""

    def __init__(self, node, number):
        super().__init__()
        self.node = node
        self.unix = number % 2 == 1
        self.keeps = number >= CALLERS // 2
        self.answered = 0
        self.failures = []
        self.stopping = False

    def ask(self, client):
        """One request; True if the connection can be used again."""
        if self.answered % 10 == 0:
            answer = client.request("POST", f"/accounts/{ACCOUNT}/k8s/v1/apps/{self.node.app}/appBackups",
                                    {"type": "application/astra-appBackup", "version": "1.1"},
                                    {"Content-Type": "application/astra-appBackup+json"})
            good = answer.status == 201
        else:
            answer = client.get(f"/accounts/{ACCOUNT}/topology/v1/appBackups")
            good = answer.status == 200
        if not good:
            self.failures.append(repr(answer))
        self.answered += 1
        return answer.headers.get("Connection") != "close"

    def run(self):
        client = self.node.client(self.unix)
        while not self.stopping:
            try:
                usable = self.ask(client)
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))
                usable = False
            if not usable or not self.keeps:
                client.close()
                client = self.node.client(self.unix)
        client.close()


class ActivationTest(unittest.TestCase):
    def test_the_sockets_are_taken_over_and_left(self):
        with ActivatedNode() as node:
            daemon = node.start_activated()
            for unix in (False, True):
                with node.client(unix) as client:
                    self.assertEqual(200, client.get("/healthz").status)
            self.assertEqual(2, node.log().count('socket="service manager\'s"'))
            daemon.terminate()
            self.assertEqual(0, daemon.wait(30))
            self.assertTrue(os.path.exists(node.path("api.sock")))

    def test_who_asks_before_the_start_is_answered(self):
        with ActivatedNode() as node:
            early = node.client(True)
            early.connection.request("GET", "/healthz")
            node.start_activated()
            self.assertEqual(200, early.connection.getresponse().status)
            early.close()

    def test_a_listener_without_a_socket_is_opened(self):
        with ActivatedNode() as node:
            tcp, local = node.sockets
            local.close()
            node.start_activated([tcp])
            with node.client(False) as client:
                self.assertEqual(200, client.get("/healthz").status)
            with node.client(True) as client:
                self.assertEqual(200, client.get("/healthz").status)

    def test_a_socket_without_a_listener_is_refused(self):
        with ActivatedNode() as node:
            with socket.create_server(("127.0.0.1", 0)) as other:
                daemon = node.start_activated([*node.sockets, other])
                self.assertEqual(78, daemon.wait(20))
            self.assertIn("has the address of none of http.listeners", node.log())

    def test_restarts_under_load_lose_no_request(self):
        with ActivatedNode() as node:
            daemon = node.start_activated()
            node.start_worker()
            node.app = json.loads(node.ctl("-o", "json", "app", "list").stdout)[0]["id"]
            callers = [Caller(node, number) for number in range(CALLERS)]
            for caller in callers:
                caller.start()
            try:
                for _ in range(RESTARTS):
                    seen = [caller.answered for caller in callers]
                    wait_until(lambda: all(caller.answered > before + 5 or caller.failures
                                           for caller, before in zip(callers, seen)), 60, "all are served")
                    daemon.terminate()
                    self.assertEqual(0, daemon.wait(30))
                    daemon = node.start_activated()
            finally:
                for caller in callers:
                    caller.stopping = True
                for caller in callers:
                    caller.join(60)
            for caller in callers:
                self.assertEqual([], caller.failures)
            created = sum((caller.answered + 9) // 10 for caller in callers)
            self.assertEqual(created, int(node.redis_cli(
                "ZCARD", f"appbackup:backups:{node.app}")), "each POST has made one backup")


if __name__ == "__main__":
    unittest.main()
