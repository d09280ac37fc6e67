"""What a create costs Redis, beside the same writes with nothing around them.

The library's function makes backups, many in one call, as the front end asks for them under load. Then a second
Redis gets what the first one has written to its append-only file: the records, indexes and journal entries alone, as
plain pipelined commands, without a function and without a check. No front end can create faster than that file can
be written; how near a bare evhttp "hello" that would be is printed as well.

CPU time is that of Redis' main thread.
"""

import os
import statistics
import subprocess
import tempfile
import uuid

from http_bench import CONNECTIONS, script, stop_worker, wrk
from resp import Connection
from standalone import Standalone
from support import BIN, free_port, wait_until

ROUNDS = int(os.environ.get("ROUNDS", "5"))
GROUP = 16  # half of the connections of the other benchmark: what the front end sends as one call
CREATES = 8000
BATCH = 1024  # commands in one round trip of the second Redis


def redis_of(service):
    """(process, socket) of a standalone's Redis."""
    children = subprocess.run(["pgrep", "-P", str(service.process.pid), "redis-server"], check=True,
                              capture_output=True, text=True).stdout.split()
    return int(children[0]), os.path.join(service.state, "redis", "redis.sock")


def cpu_us(pid):
    with open(f"/proc/{pid}/task/{pid}/schedstat") as schedstat:
        return int(schedstat.read().split()[0]) / 1000


def words_of(log):
    """The commands of an append-only file, which is the protocol itself."""
    position = 0
    while position < len(log):
        end = log.index(b"\r\n", position)
        count, position, words = int(log[position + 1:end]), end + 2, []
        for _ in range(count):
            end = log.index(b"\r\n", position)
            size = int(log[position + 1:end])
            words.append(log[end + 2:end + 2 + size].decode())
            position = end + 2 + size + 2
        yield words


class Creates:
    """By the function, in the Redis of a service."""

    def __init__(self, service, created_by):
        self.service = service
        self.app = service.app("bench")
        self.created_by = created_by
        self.pid, path = redis_of(service)
        self.redis = Connection(path)
        self.redis.send(("CONFIG", "SET", "auto-aof-rewrite-percentage", "0"))
        self.log = os.path.join(service.state, "redis", "appendonlydir")

    def _arguments(self):
        return (str(uuid.uuid4()), str(uuid.uuid4()), self.service.account, self.app, self.created_by, "1.1", "", "",
                "", "[]")

    def _log_files(self):
        return {name: os.path.getsize(os.path.join(self.log, name)) for name in os.listdir(self.log)}

    def run(self):
        """(microseconds of Redis for each, what was written)."""
        calls = [("FCALL", "appbackup_backup_create", "0", *(word for _ in range(GROUP) for word in self._arguments()))
                 for _ in range(CREATES // GROUP)]
        before, started = self._log_files(), cpu_us(self.pid)
        for call in calls:
            self.redis.send(call)
        spent = cpu_us(self.pid) - started
        written = [words for name, size in self._log_files().items() if name.endswith(".aof")
                   for words in self._written(name, before.get(name, 0), size)]
        return spent / CREATES, written

    def _written(self, name, begin, end):
        if begin == end:
            return []
        with open(os.path.join(self.log, name), "rb") as file:
            file.seek(begin)
            return [words for words in words_of(file.read(end - begin)) if words[0] not in ("MULTI", "EXEC", "SELECT")]


class Writes:
    """The same ones, in a Redis that knows nothing else."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "bare.sock")
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", directory, "--appendonly", "yes",
             "--appendfsync", "everysec", "--save", "", "--auto-aof-rewrite-percentage", "0", "--loglevel", "warning"],
            stdout=subprocess.DEVNULL)
        self.redis = wait_until(self._connect, 10, "Redis listens")

    def _connect(self):
        try:
            return Connection(self.path)
        except OSError:
            return None

    def run(self, written):
        started = cpu_us(self.process.pid)
        for first in range(0, len(written), BATCH):
            self.redis.send(*written[first:first + BATCH])
        return (cpu_us(self.process.pid) - started) / CREATES

    def stop(self):
        self.redis.close()
        self.process.terminate()
        self.process.wait()


def main():
    directory = tempfile.mkdtemp(prefix="appbackup-bench.")
    source, bare = (os.path.join(directory, name) for name in ("source", "bare"))
    for path in (source, bare):
        os.makedirs(path)
    port = free_port()
    hello = subprocess.Popen([os.path.join(BIN, "tests/bench_hello"), str(port)])
    writes = Writes(bare)
    try:
        with Standalone({"bench": {"volumes": [source]}}, directory=directory) as service:
            creates = Creates(service, service.back_up("bench")["metadata"]["createdBy"])
            stop_worker(service)
            report([measure(creates, writes, port, directory) for _ in range(ROUNDS)])
            os.kill(service.worker, 18)
    finally:
        writes.stop()
        hello.kill()
        hello.wait()


def measure(creates, writes, port, directory):
    """(the function, the bare writes, the bare server), microseconds each."""
    each, written = creates.run()
    bare = writes.run(written)
    rate, _, _ = wrk(f"http://127.0.0.1:{port}", script(directory, "plain", 'wrk.path = "/"\n'))
    return each, bare, 1e6 / rate


def report(rounds):
    each, bare, hello = (statistics.median(column) for column in zip(*rounds))
    print(f"hello, {CONNECTIONS} connections              {hello:6.1f} us a request")
    print(f"Redis, a create in a call of {GROUP}      {each:6.1f} us; alone it allows {hello / each:.2f} of hello")
    print(f"Redis, the writes of a create alone  {bare:6.1f} us; alone they allow {hello / bare:.2f} of hello")


if __name__ == "__main__":
    main()
