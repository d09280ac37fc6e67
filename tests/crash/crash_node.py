"""The node of one column of the matrix: a shop on XFS with hooks and reflink snapshots, a real Redis, a
worker whose jobs stop at the point that a file names, and what its front end, bucket or clock needs."""

import glob
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "support")]
from redis_node import RedisNode  # noqa: E402
from worker_support import contents, wait_until  # noqa: E402

PATIENCE_S = 60
ENDED = ("completed", "failed", "gone")
IMAGE_BYTES = 400 << 20
FILES = 12  # of each cell, so that "upload n" is in the middle


class Wire:
    """Redis for one who looks often: no process per look. None while it does not answer."""

    def __init__(self, path):
        self.path = path
        self.file = None

    def ask(self, line):
        try:
            if self.file is None:
                self.file = self._connect()
            self.file.write(line.encode() + b"\r\n")
            self.file.flush()
            return self._read()
        except (OSError, ValueError):
            self.close()
            return None

    def _connect(self):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(5)
            stream.connect(self.path)
            return stream.makefile("rwb")

    def _read(self):
        line = self.file.readline().decode()
        if not line or line[0] == "-":
            raise ValueError(line)
        if line[0] == "*":
            return [self._read() for _ in range(int(line[1:]))]
        if line[0] == "$" and line[1:].strip() != "-1":
            return self.file.read(int(line[1:]) + 2)[:-2].decode()
        return None

    def close(self):
        if self.file is not None:
            try:
                self.file.close()
            except OSError:
                pass  # it is gone, as it was meant to be
        self.file = None


class Watch(threading.Thread):
    """The journal of samples of one record and its job, taken from the time of asking on."""

    def __init__(self, node, kind, subject, job):
        super().__init__(daemon=True)
        self.wire = Wire(node.path("redis.sock"))
        self.record_key, self.job_key = f"appbackup:{kind}:{subject}", f"appbackup:job:{job}"
        self.samples = []  # (when, state, bytes done, epoch)
        self.done = threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.02):
            record = self.wire.ask(f"HMGET {self.record_key} state bytes_done")
            epoch = self.wire.ask(f"HGET {self.job_key} epoch")
            if record is not None:
                self.samples.append((time.monotonic(), record[0] or "gone", int(record[1] or -1),
                                     int(epoch or 0)))
        self.wire.close()

    def last(self):
        return self.samples[-1][1] if self.samples else None

    def moved_on(self, struck, epoch):
        """When another claim of the job or its end was seen, after the fault; None so far."""
        for when, state, _, claim in self.samples:
            if when > struck and (claim > epoch or state in ENDED):
                return when
        return None

    def stop(self):
        self.done.set()
        self.join()


class CrashNode(RedisNode):
    """One node; `fault` prepares what it breaks later."""

    def __init__(self, fault):
        super().__init__(lease_ms=fault.lease_ms, retries_max=50, retry_delays_s=[0, 1], kills_max=10)
        self.fault = fault
        self.worker = self.daemon = None
        self.mounts = []
        self.kept = {}  # backup id: what was in the volume
        self.images = []
        self.key = None  # of the repository, once it was asked for

    def _lay_out(self):
        with tempfile.NamedTemporaryFile(prefix="appbackup-crash.", dir="/var/tmp", delete=False) as image:
            image.truncate(IMAGE_BYTES)
        self.images.append(image.name)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image.name], check=True)
        self.mount(self.directory, "-o", "loop", source=image.name)
        os.chmod(self.directory, 0o755)
        super()._lay_out()
        self.fault.prepare(self)

    def mount(self, directory, *options, source="none"):
        subprocess.run(["mount", *options, source, directory], check=True)
        self.mounts.append(directory)

    def write_app(self, name, volume, hooks=False):
        super().write_app(name, volume, hooks)
        path = self.path(f"etc/apps.d/{name}.yaml")
        with open(path) as file:
            document = json.load(file)
        document["snapshot"] = "reflink"
        self.write(f"etc/apps.d/{name}.yaml", json.dumps(document))

    def __exit__(self, kind, *rest):
        try:
            super().__exit__(kind, *rest)
        finally:
            for directory in reversed(self.mounts):
                subprocess.run(["umount", "-l", directory], check=False)
            for image in self.images:
                os.unlink(image)
            if os.path.isdir(self.directory):
                os.rmdir(self.directory)
            self.fault.release(self)

    def run_worker(self):
        self.worker = self.start_worker()

    def change_data(self):
        for i in range(FILES):
            self.write(f"data/{i}.bin", os.urandom(2000 + 37 * i))

    def journal(self):
        answer = json.loads(self.redis_cli("--json", "XRANGE", "appbackup:journal", "-", "+"))
        entries = []
        for _, fields in answer:
            if isinstance(fields, dict):
                entries.append(fields)
            else:
                entries.append(dict(zip(fields[::2], fields[1::2])))
        return entries

    def job_of(self, kind, subject):
        return self.redis_cli("HGET", f"appbackup:{kind}:{subject}", "job")

    def epoch_of(self, job):
        return int(self.redis_cli("HGET", f"appbackup:job:{job}", "epoch") or 0)

    def count_in_log(self, text):
        return self.log().count(text)

    def listed(self):
        """id: state, of all backups that have a record."""
        return {record["id"]: record["state"]
                for record in json.loads(self.ctl("-o", "json", "backup", "list").stdout)}

    def repository_key(self):
        if self.key is None:
            self.key = super().repository_key()
        return self.key

    def snapshots(self):
        """The ids of all that are in the repository; None: there is no repository."""
        if self.s3_names is not None:
            names = [name for name in self.s3_names() if "/snapshots/" in name]
        elif not os.listdir(self.bucket):
            return None
        else:
            names = glob.glob(self.bucket + "/*/snapshots/*")
        return [name for name in map(os.path.basename, names) if re.fullmatch("[0-9a-f]{64}", name)]

    def snapshot_of(self, backup):
        return self.redis_cli("HGET", f"appbackup:backup:{backup}", "repository_snapshot")

    # --- what may be left over ---

    def processes(self):
        """Of this node, besides those that are meant to run."""
        meant = {process.pid for process in self.workers if process.poll() is None}
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            pid = int(path.split("/")[2])
            try:
                with open(path, "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if self.config in command and pid not in meant:
                found.append(command)
        return found

    def locks(self):
        if self.s3_names is not None:
            return [name for name in self.s3_names() if "/locks/" in name]
        return super().locks()

    s3_names = None  # of an S3 bucket: lists the objects

    def temporaries(self):
        """Files of the bucket and the state directory that are nothing of a repository or a cache."""
        known = re.compile(r"[0-9a-f]{64}|config|filler|appbackup-bucket\.json")
        odd = [os.path.join(parent, name) for parent, _, names in os.walk(self.bucket)
               for name in names if not known.fullmatch(name)]
        odd += [path for path in glob.glob(self.path("state/**/*.tmp"), recursive=True)]
        return odd

    def leftovers(self):
        snapshots = [name for place in (self.directory, self.data) for name in os.listdir(place)
                     if name.startswith(".appbackup-")]
        jobs = [name for name in os.listdir(self.path("state/jobs")) if "supervisor" not in name]
        return {name: value for name, value in {
            "processes": self.processes(), "locks": self.locks(), "undo": self.undo_records(),
            "jobs": jobs, "snapshots": snapshots, "temporaries": self.temporaries(),
            "closed": self.is_closed()}.items() if value}

    def is_idle(self):
        """Nothing waits and nothing works: catalogues and verifications of the worker's own, too."""
        return (self.redis_cli("ZCARD", "appbackup:leases") == "0" and
                self.redis_cli("ZCARD", "appbackup:queue:node1") == "0" and
                self.redis_cli("ZCARD", "appbackup:delayed") == "0" and
                self.redis_cli("HEXISTS", "appbackup:node:node1", "heartbeat_ms") == "1")

    def wait_for_idle(self):
        wait_until(self.is_idle, PATIENCE_S, "nothing waits and nothing works")
