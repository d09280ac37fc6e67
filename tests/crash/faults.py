"""The columns: what goes wrong while a job stands still at its point.

prepare(node)   before the worker starts
strike(cell)    the fault; the job goes on, unless it is the one that dies
lift(cell)      its end, once somebody has met it: then the node is whole again
"""

import os
import signal
import struct
import subprocess
import time

from crash_node import HERE, PATIENCE_S
from support import wait_until
from worker_support import process_state


def proceed(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


LEASE_MS = 15000  # of a worker that is not told otherwise
SHORT_LEASE_MS = 3000
STOP_S = 30


class Fault:
    name = heading = None
    forgets = False  # records are lost with it
    recovery_s = 20  # (e): another supervisor, or whatever it was is met and has passed

    def __init__(self, lease_ms):
        self.lease_ms = lease_ms

    def prepare(self, node):
        pass

    def begin(self, cell):
        pass

    def strike(self, cell):
        raise NotImplementedError

    def lift(self, cell):
        pass

    def release(self, node):
        pass


class KillJob(Fault):
    name, heading, recovery_s = "job", "KILL job", 2

    def strike(self, cell):
        os.kill(cell.pid, signal.SIGKILL)


class KillSupervisor(Fault):
    name, heading = "supervisor", "KILL sup."

    def strike(self, cell):
        cell.node.worker.kill()
        cell.node.worker.wait()
        proceed(cell.pid)

    def lift(self, cell):
        cell.node.run_worker()


class KillBoth(KillSupervisor):
    name, heading = "both", "KILL both"

    def strike(self, cell):
        cell.node.worker.send_signal(signal.SIGSTOP)  # it is not to see the job die
        os.kill(cell.pid, signal.SIGKILL)
        cell.node.worker.kill()
        cell.node.worker.wait()


class Stop(Fault):
    """Until it was claimed again, when its lease had ended, and for 30 s if that is the lease of
    production; then it wakes up, if the next has let it live."""
    name, heading = "stop", "STOP job"

    def strike(self, cell):
        pass

    def lift(self, cell):
        wait_until(lambda: cell.watch.moved_on(cell.struck, cell.epoch), PATIENCE_S, "another claim")
        if self.lease_ms == LEASE_MS:
            wait_until(lambda: process_state(cell.pid) is None or time.monotonic() > cell.struck + STOP_S,
                       PATIENCE_S, "it has been ended, or half a minute has passed")
        proceed(cell.pid)


class KillFrontEnd(Fault):
    name, heading = "front-end", "KILL api"

    def begin(self, cell):
        if cell.node.daemon is None:
            cell.node.start_daemon()

    def strike(self, cell):
        cell.node.daemon.kill()
        proceed(cell.pid)

    def lift(self, cell):
        cell.node.start_daemon()
        wait_until(lambda: cell.node.ask().status == 200, PATIENCE_S, "the API answers")


class RedisFault(Fault):
    def strike(self, cell):
        self.met = cell.node.count_in_log("Redis lost")
        self.harm(cell.node)
        proceed(cell.pid)

    def harm(self, node):
        raise NotImplementedError

    def wait_for_victim(self, cell):
        wait_until(lambda: cell.node.count_in_log("Redis lost") > self.met, PATIENCE_S,
                   "the worker has met it")


class KillRedis(RedisFault):
    name, heading = "redis-kill", "KILL Redis"

    def harm(self, node):
        node.kill_redis()

    def lift(self, cell):
        self.wait_for_victim(cell)
        cell.node.start_redis()


class FlushRedis(RedisFault):
    name, heading, forgets = "redis-flush", "FLUSHALL", True

    def begin(self, cell):
        """Only records that come back tell that the worker has looked into the bucket, and that the job
        which does so is none that is still to come: one has to be there, besides the one to be deleted."""
        while len(cell.node.kept) < 1 + (cell.stage.kind == "delete"):
            cell.make_one()

    def harm(self, node):
        node.redis_cli("FLUSHALL")
        node.redis_cli("FUNCTION", "FLUSH")

    def lift(self, cell):
        wait_until(lambda: process_state(cell.pid) is None, PATIENCE_S, "the job has gone")


class FillRedis(RedisFault):
    name, heading = "redis-full", "Redis full"

    def harm(self, node):
        node.redis_cli("CONFIG", "SET", "maxmemory", "1")

    def lift(self, cell):
        self.wait_for_victim(cell)
        cell.node.redis_cli("CONFIG", "SET", "maxmemory", "0")


class FullDisk(Fault):
    """A file system of its own that is filled up to the last byte."""

    def directory(self, node):
        raise NotImplementedError

    def prepare(self, node):
        node.mount(self.directory(node), "-t", "tmpfs", "-o", "size=48m,mode=700")

    def filler(self, node):
        return os.path.join(self.directory(node), "filler")

    def strike(self, cell):
        self.met = cell.node.count_in_log("outcome=retry")
        with open(self.filler(cell.node), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass  # full: what it is for
        proceed(cell.pid)

    def lift(self, cell):
        node = cell.node
        wait_until(lambda: node.count_in_log("outcome=retry") > self.met or
                   cell.watch.moved_on(cell.struck, cell.epoch), PATIENCE_S, "it is met, or not")
        os.unlink(self.filler(node))


class FullBucket(FullDisk):
    name, heading = "bucket-full", "Bucket full"

    def directory(self, node):
        return node.bucket


class FullLocal(FullDisk):
    name, heading = "disk-full", "Disk full"

    def directory(self, node):
        return node.path("state")


class Clock(Fault):
    """Redis' clock jumps, and with it all that is said of leases: as if on another host than ours."""
    change_ms = None

    @staticmethod
    def shift(node, milliseconds):
        """In place: those that it concerns have it mapped."""
        with open(node.path("clock"), "r+b") as file:
            file.write(struct.pack("q", milliseconds))

    @staticmethod
    def make_clock(node):
        """The environment of a process with it."""
        library = node.path("clock_shift.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                        os.path.join(HERE, "clock_shift.c")], check=True)
        node.write("clock", bytes(8))
        return {"LD_PRELOAD": library, "CLOCK_SHIFT": node.path("clock")}

    def prepare(self, node):
        node.redis_environment = self.make_clock(node)

    def begin(self, cell):
        self.shift(cell.node, 0)

    def strike(self, cell):
        self.shift(cell.node, self.change_ms)
        now = int(cell.node.redis_cli("TIME").split()[0])
        assert abs(now - time.time()) > 3000, "the clock has not jumped"
        proceed(cell.pid)


class ClockAhead(Clock):
    name, heading, change_ms = "clock-ahead", "Clock +1 h", 3600000


class ClockBack(Clock):
    name, heading, change_ms = "clock-back", "Clock -1 h", -3600000


class HostClock(Clock):
    """The clock of the worker, its jobs and the API jumps, and Redis' does not."""

    def prepare(self, node):
        environment = self.make_clock(node)
        # A program with the address sanitizer insists on being the first to be asked, and need not be.
        sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        node.environment = {**environment, "ASAN_OPTIONS": sanitizer}

    def begin(self, cell):
        super().begin(cell)
        if cell.node.daemon is None:
            cell.node.start_daemon()
        for process in (cell.node.worker, cell.node.daemon.process):
            with open(f"/proc/{process.pid}/maps") as file:
                assert "clock_shift.so" in file.read(), "it has a clock of its own"

    def strike(self, cell):
        self.shift(cell.node, self.change_ms)
        assert cell.node.ask().status == 200, "the API answers"
        proceed(cell.pid)

    def lift(self, cell):
        wait_until(lambda: cell.watch.moved_on(cell.struck, cell.epoch), PATIENCE_S, "it ends")
        assert cell.node.ask().status == 200, "the API answers"


class HostAhead(HostClock):
    name, heading, change_ms = "host-ahead", "Host +1 h", 3600000


class HostBack(HostClock):
    name, heading, change_ms = "host-back", "Host -1 h", -3600000


class Service:
    """The S3 service that all columns of a run share, started when the first needs it."""
    rgw = None
    number = 0

    @classmethod
    def start(cls):
        from ceph_rgw import CephRgw  # pylint: disable=import-outside-toplevel
        cls.rgw = CephRgw()
        cls.rgw.__enter__()

    @classmethod
    def stop(cls):
        if cls.rgw:
            cls.rgw.stop()

    @classmethod
    def make_bucket(cls):
        cls.number += 1
        name = f"crash-{cls.number}"
        cls.rgw.client().make_bucket(name)
        return name


METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


class S3Fault(Fault):
    kind = None

    def prepare(self, node):
        from ceph_rgw import ACCESS_KEY, SECRET_KEY  # pylint: disable=import-outside-toplevel
        from s3_proxy import S3Proxy  # pylint: disable=import-outside-toplevel
        bucket = Service.make_bucket()
        node.proxy = S3Proxy(Service.rgw.endpoint)
        node.restic_environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        node.write("etc/s3-keys", f"[default]\naws_access_key_id = {ACCESS_KEY}\n"
                   f"aws_secret_access_key = {SECRET_KEY}\n", 0o600)
        node.write_config(buckets=[{
            "name": "offsite", "provider": "generic-s3", "server_url": node.proxy.url,
            "bucket_name": bucket, "credentials_file": "s3-keys"}])
        node.s3_names = lambda: Service.rgw.client().names(bucket)

    def strike(self, cell):
        self.met = cell.node.proxy.troubled
        cell.node.proxy.set_faults([f"{self.kind}:{method}:1:0" for method in METHODS])
        proceed(cell.pid)

    def lift(self, cell):
        wait_until(lambda: cell.node.proxy.troubled >= self.met + 1 or
                   cell.watch.moved_on(cell.struck, cell.epoch), PATIENCE_S, "it is met, or not")
        cell.node.proxy.set_faults([])

    def release(self, node):
        if getattr(node, "proxy", None):
            node.proxy.__exit__()


class Bucket500(S3Fault):
    name, heading, kind = "bucket-500", "Bucket 500", "500"


class BucketHang(S3Fault):
    """Then the connections that hang break."""
    name, heading, kind = "bucket-hang", "Bucket hangs", "hang"


FAULTS = [KillJob, KillSupervisor, KillBoth, Stop, KillFrontEnd, KillRedis, FlushRedis, FillRedis,
          Bucket500, BucketHang, FullBucket, FullLocal, ClockAhead, ClockBack, HostAhead, HostBack]
