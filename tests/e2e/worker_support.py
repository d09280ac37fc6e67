"""One node for a test: a real Redis on a unix socket, a directory bucket, an app with hooks, and
workers that are started, killed and started again. No front end: the admin's tool asks for work."""

import filecmp
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from support import BIN, wait_until

ACCOUNT = "6f8e7a52-3c1d-4b9e-8f27-5d0c9b1a4e63"
MIB = 1024 * 1024


def process_state(pid):
    """The letter of proc(5): R, S, T ...; None if there is no such process, or only a zombie.

    A first thread that is a zombie says nothing of the others, which may still hold the locks.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            state = file.read().rsplit(")", 1)[1].split()[0]
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" and threads <= 1 else state


def contents(directory):
    found = {}
    for parent, directories, names in os.walk(directory):
        for name in names + directories:
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, directory)
            if os.path.islink(path):
                found[relative] = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[relative] = file.read()
    return found


class Node:
    """with Node() as node: ...

    The app "shop" logs "<stage> <reason>" of each hook to hooks.log; its pre-snapshot hook closes
    the shop and waits as long as the file `block` exists, its post-snapshot hook opens it.
    """

    environment = {}  # of the service's programs, besides our own

    def __init__(self, **worker_settings):
        self.directory = tempfile.mkdtemp(prefix="appbackup-test.")
        self.data = self.path("data")
        self.bucket = self.path("bucket")
        self.config = self.path("etc/appbackup.yaml")
        self.settings = {"slots": 2, "lease_ms": 4000, "kills_max": 3, "retries_max": 1,
                         **worker_settings}
        self.redis = None
        self.workers = []
        self.restic_environment = {}

    def path(self, name):
        return os.path.join(self.directory, name)

    def __enter__(self):
        try:
            self._lay_out()
            self.start_redis()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, kind, *_):
        for worker in self.workers:
            self._end(worker)
        if self.redis:
            self._end(self.redis)
        if kind is not None and os.path.exists(self.path("worker.log")):
            with open(self.path("worker.log"), errors="replace") as log:
                print("--- the end of the log\n" + log.read()[-8000:])
        log = self.log() if os.path.exists(self.path("worker.log")) else ""
        shutil.rmtree(self.directory, ignore_errors=True)
        # A job that has told Redis of its success and then leaks would pass unnoticed.
        if kind is None and ("Sanitizer" in log or "runtime error:" in log):
            raise AssertionError("a sanitizer reports:\n" + log)

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _lay_out(self):
        for name in ("etc/apps.d", "state", "data", "bucket"):
            os.makedirs(self.path(name), mode=0o700)
        self.write("etc/master.key", os.urandom(32).hex(), 0o600)
        self.write_config()
        self.write_app("shop", self.data, hooks=True)
        for i in range(20):
            self.write(f"data/{i}.bin", os.urandom(1000 + 37 * i))
        self.write("data/sub/hello.txt", "hello\n")
        os.symlink("sub/hello.txt", self.path("data/link"))

    def write(self, name, contents, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(contents if isinstance(contents, bytes) else contents.encode())
        os.chmod(path, mode)

    def write_config(self, **changes):
        document = {
            "node": "node1",
            "state_directory": self.path("state"),
            "apps_directory": "apps.d",
            "master_key_file": "master.key",
            "redis": {"address": "unix:" + self.path("redis.sock")},
            "http": {"listeners": [{"address": "127.0.0.1:1"}]},
            "worker": self.settings,
            "accounts": [{"id": ACCOUNT, "name": "main"}],
            "buckets": [{"name": "local", "provider": "directory", "path": self.bucket}],
            **changes,
        }
        self.write("etc/appbackup.yaml", json.dumps(document, indent=1))

    def write_app(self, name, volume, hooks=False):
        document = {"volumes": [volume], "snapshot": "none"}
        if hooks:
            self.write("hook", "#!/bin/sh\n"
                       f"cd '{self.directory}'\n"
                       'echo "$APPBACKUP_STAGE $APPBACKUP_REASON" >>hooks.log\n'
                       'case $APPBACKUP_STAGE in\n'
                       'pre-snapshot) touch closed; while [ -e block ]; do sleep 0.05; done ;;\n'
                       'post-snapshot) test ! -e stuck && rm -f closed ;;\n'
                       'esac\n', 0o755)
            document["hooks"] = {stage: [{"name": stage.replace("_", "-"),
                                          "command": [self.path("hook")]}]
                                 for stage in ("pre_backup", "pre_snapshot", "post_snapshot",
                                               "post_backup")}
        self.write(f"etc/apps.d/{name}.yaml", json.dumps(document, indent=1))

    # --- parts ---

    def start_redis(self):
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path("redis.sock"), "--dir",
             self.directory, "--appendonly", "yes", "--save", "", "--loglevel", "warning"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.redis_cli("PING", check=False) == "PONG", 10, "Redis answers")

    def stop_redis(self):
        self._end(self.redis)

    def redis_cli(self, *words, check=True):
        result = subprocess.run(["redis-cli", "-s", self.path("redis.sock"), *words],
                                capture_output=True, text=True)
        if check and (result.returncode != 0 or result.stdout.startswith("ERR")):
            raise AssertionError(f"redis-cli {words}: {result.stdout}{result.stderr}")
        return result.stdout.strip()

    def start_worker(self, point=None):
        """point: APPBACKUP_POINT for all its jobs, e.g. "stop:chunk:5"; else arm() names one."""
        environment = {**os.environ, **self.environment,
                       "APPBACKUP_POINT": point or "@" + self.path("point")}
        with open(self.path("worker.log"), "ab") as log:
            worker = subprocess.Popen([os.path.join(BIN, "appbackup-worker"), "--config", self.config],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      env=environment)
        self.workers.append(worker)
        wait_until(lambda: self._is_registered(worker), 20, "the worker has registered")
        return worker

    def _is_registered(self, worker):
        if worker.poll() is not None:
            raise AssertionError("the worker ended:\n" + self.log())
        text = self.redis_cli("HGET", "appbackup:node:node1", "heartbeat_ms", check=False)
        started_ms = os.stat(f"/proc/{worker.pid}").st_mtime * 1000 - 1000
        return text.isdigit() and int(text) > started_ms and '"shop"' in self.ctl(
            "-o", "json", "app", "list").stdout

    def arm(self, point):
        """Jobs that start from here on stop there, e.g. at "chunk:5"."""
        self.write("point", f"stop:{point}\n")

    def disarm(self):
        os.unlink(self.path("point"))

    def log(self):
        with open(self.path("worker.log"), errors="replace") as log:
            return log.read()

    def ctl(self, *words, check=True, **options):
        result = subprocess.run([os.path.join(BIN, "appbackupctl"), "--config", self.config, *words],
                                capture_output=True, text=True, **options)
        if check and result.returncode != 0:
            raise AssertionError(f"appbackupctl {words}: {result.returncode} {result.stderr}")
        return result

    def repository_key(self):
        return json.loads(self.ctl("-o", "json", "repository", "key", "shop").stdout)

    def restic(self, *words, check=True):
        key = self.repository_key()
        environment = {"PATH": os.environ["PATH"], "HOME": self.directory, "TZ": "UTC",
                       "RESTIC_REPOSITORY": key["repository"], "RESTIC_PASSWORD": key["password"],
                       **self.restic_environment}
        result = subprocess.run(["restic", "--no-cache", *words], env=environment, text=True,
                                capture_output=True)
        if check and result.returncode != 0:
            raise AssertionError(f"restic {words}: {result.stdout}{result.stderr}")
        return result.stdout

    # --- backups ---

    def create(self, *words):
        return json.loads(self.ctl("-o", "json", "backup", "create", "shop", *words).stdout)["id"]

    def create_and_stop(self, worker, point):
        """A new backup and the pid of its job, which stands still at that point; later ones do not."""
        self.arm(point)
        backup = self.create()
        job = self.wait_for_job(worker, "T")
        self.disarm()
        return backup, job

    def get(self, backup):
        """The record, or None when it is gone."""
        result = self.ctl("-o", "json", "backup", "show", backup, check=False)
        if result.returncode == 3:
            return None
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return json.loads(result.stdout)

    def follow(self, backup, seconds=60):
        """The record once it has ended, and every sample on the way."""
        samples = []

        def ended():
            samples.append(self.get(backup))
            return samples[-1]["state"] in ("completed", "failed")
        wait_until(ended, seconds, "the backup ends")
        return samples[-1], samples

    def wait_for_state(self, backup, state, seconds=20):
        return wait_until(lambda: (self.get(backup) or {"state": "gone"})["state"] == state, seconds,
                          f"the backup is {state}")

    def job(self, backup):
        """The hash of the backup's job."""
        job = self.redis_cli("HGET", f"appbackup:backup:{backup}", "job")
        lines = self.redis_cli("HGETALL", f"appbackup:job:{job}").split("\n")
        return dict(zip(lines[::2], lines[1::2]))

    def job_pids(self, worker):
        """The job processes of a worker: its children with --job."""
        with open(f"/proc/{worker.pid}/task/{worker.pid}/children") as file:
            pids = [int(word) for word in file.read().split()]
        found = []
        for pid in pids:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if b"--job" in file.read() and process_state(pid):
                        found.append(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def wait_for_job(self, worker, state=None, other_than=None, seconds=20):
        """The pid of the running job, once it is in this process state."""
        def found():
            for pid in self.job_pids(worker):
                if pid != other_than and (state is None or process_state(pid) == state):
                    return pid
            return None
        return wait_until(found, seconds, f"a job process in state {state}")

    def hook_log(self):
        try:
            with open(self.path("hooks.log")) as log:
                return log.read().split("\n")[:-1]
        except FileNotFoundError:
            return []

    def is_closed(self):
        return os.path.exists(self.path("closed"))

    def add_bulk(self, mebibytes):
        """Data that neither compresses nor repeats."""
        self.write("data/bulk", os.urandom(mebibytes * MIB))

    def repositories(self):
        """Their directories, one per app; beside them lies the bucket's marker."""
        return [entry.path for entry in os.scandir(self.bucket) if entry.is_dir()]

    def locks(self):
        """By their names: a temporary of a killed process, ours or restic's, locks nothing."""
        return [name for repository in self.repositories()
                for name in os.listdir(os.path.join(repository, "locks"))
                if re.fullmatch("[0-9a-f]{64}", name)]

    def undo_records(self):
        return os.listdir(self.path("state/undo"))


def assert_progress_is_true(samples):
    """bytesDone never falls, percentDone is below 100 until completed."""
    done = [sample.get("bytesDone", 0) for sample in samples]
    assert done == sorted(done), f"bytesDone fell: {done}"
    early = [s for s in samples if s["state"] != "completed" and s.get("percentDone", 0) >= 100]
    assert not early, f"100 % before the end: {early}"


class NodeTest(unittest.TestCase):
    maxDiff = None

    def assert_restorable(self, node, snapshots=1):
        self.assertIn("no errors were found", node.restic("check", "--read-data"))
        self.assertEqual(snapshots, len(json.loads(node.restic("snapshots", "--json"))))
        target = node.path("restored")
        node.restic("restore", "latest", "--target", target)
        restored = target + node.data
        names = sorted(name for name in os.listdir(node.data) if not os.path.islink(
            os.path.join(node.data, name)) and os.path.isfile(os.path.join(node.data, name)))
        _, mismatch, errors = filecmp.cmpfiles(node.data, restored, names, shallow=False)
        self.assertEqual(([], []), (mismatch, errors))
        self.assertEqual("sub/hello.txt", os.readlink(os.path.join(restored, "link")))

    def assert_nothing_left(self, node):
        self.assertFalse(node.is_closed(), "the shop is still closed")
        self.assertEqual([], node.undo_records())
        # What a worker does of its own accord, as reading a catalogue, has its lock until it ends.
        wait_until(lambda: all("supervisor" in name for name in os.listdir(node.path("state/jobs"))), 20,
                   "no job has its lock")
