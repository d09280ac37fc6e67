"""Parts for end-to-end tests: a Redis, a daemon with its configuration, a client. Everything is on loopback or
unix sockets, in one temporary directory, and every wait has a deadline."""

import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BIN = os.path.abspath(os.environ.get(
    "APPBACKUP_BIN", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/gcc")))
BACKUP = "application/astra-appBackup"


def seed():
    """What random tests begin with: SEED. Without it the same for everybody, so that a change is judged by itself and not by
    luck; SEED=random: another one each time."""
    given = os.environ.get("SEED", "1")
    return random.SystemRandom().randrange(1, 10 ** 6) if given == "random" else int(given)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """The first true value of condition(), polled; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Scratch:
    """A temporary directory; short, since sockets go into it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="appbackup-test.", dir="/tmp")

    def join(self, *names):
        return os.path.join(self.path, *names)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A program in a process group of its own, with its output in a file."""

    environment = {}  # besides our own

    def __init__(self, command, log_path):
        self.command = command
        self.log_path = log_path
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True,
                                            env={**os.environ, **self.environment})

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def log(self):
        try:
            with open(self.log_path, errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=20):
        """SIGTERM; the exit code. Kills it, and fails, when it does not end in time."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self.end(seconds)

    def end(self, seconds=20):
        """The exit code of one that has been told to stop. It gets no other signal: while it ends, the search for leaks
        stops it for a moment, and SIGCONT would undo that for ever."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.command[0]} did not end within {seconds} s of SIGTERM:\n"
                                 + self.log[-4000:]) from None

    def kill(self):
        if self.is_running:
            self.process.kill()
            self.process.wait()


class Redis(Process):
    def __init__(self, scratch, appendonly="yes"):
        self.directory = scratch.join("redis")
        self.socket = scratch.join("redis", "s")
        os.makedirs(self.directory, exist_ok=True)
        super().__init__(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.directory,
             "--appendonly", appendonly, "--appendfsync", "everysec", "--save", "",
             "--daemonize", "no"], scratch.join("redis.log"))

    @property
    def address(self):
        return "unix:" + self.socket

    def start(self):
        super().start()
        wait_until(self._answers, 10, "Redis answers PING")

    def _answers(self):
        assert self.is_running, "Redis ended:\n" + self.log[-2000:]
        return self.cli("PING", check=False) == "PONG"

    def cli(self, *arguments, check=True):
        result = subprocess.run(["redis-cli", "-s", self.socket, *arguments], capture_output=True,
                                text=True, timeout=10)
        text = result.stdout.strip()
        if check and (result.returncode != 0 or text.startswith("ERR") or "Error" in text):
            raise AssertionError(f"redis-cli {arguments}: {text} {result.stderr}")
        return text

    def call(self, function, *arguments):
        return self.cli("FCALL", "appbackup_" + function, "0", *[str(text) for text in arguments])


def write_config(path, redis_address, listeners, accounts, **sections):
    """accounts: {id: {token: role}}. JSON is YAML, but for the tests' eyes."""
    config = {
        "node": "testnode",
        "state_directory": os.path.dirname(path),
        "redis": {"address": redis_address},
        "http": {"listeners": [entry if isinstance(entry, dict) else {"address": entry}
                               for entry in listeners]},
        "accounts": [
            {"id": account, "name": f"account-{number}",
             "tokens": [{"name": f"token-{index}", "sha256": sha256(token), "role": role}
                        for index, (token, role) in enumerate(tokens.items())]}
            for number, (account, tokens) in enumerate(accounts.items())],
    }
    for name, values in sections.items():
        config.setdefault(name, {}).update(values)
    with open(path, "w") as file:
        json.dump(config, file, indent=2)


class Daemon(Process):
    """appbackupd with a configuration file."""

    def __init__(self, config, log_path, port):
        super().__init__([os.path.join(BIN, "appbackupd"), "--config", config], log_path)
        self.port = port

    def start(self):
        super().start()
        wait_until(self._listens, 15, "appbackupd listens")

    def _listens(self):
        assert self.is_running, "appbackupd ended:\n" + self.log[-4000:]
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
            return True
        except OSError:
            return False


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def media(self):
        return self.headers.get("Content-Type")

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:2000]!r}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """One caller with one kept-alive connection; as a context it closes it."""

    def __init__(self, port=None, token=None, unix=None, timeout=20):
        self.token = token
        self.connection = (UnixConnection(unix, timeout) if unix
                           else http.client.HTTPConnection("127.0.0.1", port, timeout=timeout))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def request(self, method, path, body=None, headers=None, token=None):
        """body: bytes or text as it is, anything else as JSON. A header that is None is not sent."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        fields = {}
        token = token if token is not None else self.token
        if token:
            fields["Authorization"] = "Bearer " + token
        fields.update(headers or {})
        fields = {name: value for name, value in fields.items() if value is not None}
        self.connection.request(method, path, body, fields)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def get(self, path, **options):
        return self.request("GET", path, **options)
