"""A node for tests that trouble its Redis, or look at it through the API."""

import os
import subprocess

from support import Client, Daemon, free_port, sha256
from worker_support import ACCOUNT, Node, wait_until


class RedisNode(Node):
    """A node whose Redis a test ends and changes, and an API beside it."""

    port = None
    redis_options = ()
    redis_environment = {}

    def start_redis(self):
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path("redis.sock"), "--dir",
             self.directory, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
             "--loglevel", "warning", *self.redis_options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **self.redis_environment})
        wait_until(lambda: self.redis_cli("PING", check=False) in ("PONG", "NOAUTH Authentication required."),
                   10, "Redis answers")

    def kill_redis(self):
        self.redis.kill()
        self.redis.wait()

    def write_config(self, **changes):
        self.port = self.port or free_port()
        super().write_config(**{
            "http": {"listeners": [{"address": f"127.0.0.1:{self.port}"}]},
            "accounts": [{"id": ACCOUNT, "name": "main", "tokens": [
                {"name": "t", "sha256": sha256("token"), "role": "owner"}]}], **changes})

    def start_daemon(self):
        self.daemon = Daemon(self.config, self.path("daemon.log"), self.port)
        self.daemon.environment = self.environment
        self.daemon.start()
        self.workers.append(self.daemon.process)

    def ask(self, path="topology/v1/appBackups"):
        with Client(self.port, "token", timeout=5) as client:
            return client.get(f"/accounts/{ACCOUNT}/{path}")

    def call(self, function, *arguments):
        return self.redis_cli("FCALL", "appbackup_" + function, "0", *arguments)
