#!/usr/bin/env python3
"""A real S3 service for the tests: Ceph on one node, objects in memory, its gateway on loopback.

As a program: ceph_rgw.py run COMMAND...   starts it, runs the command with
    S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, S3_BUCKET   in its environment, and stops it.
As a module: with CephRgw() as rgw: rgw.endpoint, rgw.client() ...
Everything ends with the process that started it, even if that is killed.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from s3_client import S3Client  # noqa: E402

ACCESS_KEY, SECRET_KEY = "AKAPPBACKUPTEST", "S3TestSecretThatMustNotShowUp"
START_S = 90
OSD_RESTARTS_MAX = 10
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

CONFIGURATION = """[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{mon_port}
ms_bind_msgr2 = false
ms_bind_ipv6 = false
public_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
run_dir = {directory}/run
admin_socket = {directory}/run/$name.asok
log_file = {directory}/log/$name.log
crash_dir = {directory}/crash
mon_data = {directory}/mon
mgr_data = {directory}/mgr
osd_data = {directory}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_data = {directory}/rgw
rgw_dns_name = localhost
rgw_s3_auth_use_sts = true
rgw_sts_key = abcdefghijklmnop
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_with_us():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class CephRgw:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ceph-rgw-", dir="/tmp"))
        self.port, self.mon_port = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.daemons = []
        self.osd_restarts = 0
        self.environment = dict(os.environ, CEPH_CONF=str(self.directory / "ceph.conf"))

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def client(self):
        return S3Client(self.endpoint, ACCESS_KEY, SECRET_KEY)

    def _call(self, *command):
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=START_S,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout.decode(errors='replace')}")

    def _ask(self, *command):
        """The monitor, which says so when it is asked before it is ready."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                self._call("ceph", *command)
                return
            except RuntimeError as failure:
                if "problem getting command descriptions" not in str(failure) or \
                        time.monotonic() > deadline:
                    raise

    def _spawn(self, *command):
        with open(self.directory / "log" / f"{command[0]}.out", "wb") as log:
            # pylint: disable=subprocess-popen-preexec-fn
            self.daemons.append(subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with_us))

    def _start(self):
        for name in ("mon", "mgr", "osd", "rgw", "run", "log", "crash"):
            (self.directory / name).mkdir()
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        (self.directory / "ceph.conf").write_text(CONFIGURATION.format(
            fsid=fsid, directory=self.directory, port=self.port, mon_port=self.mon_port))
        monmap = str(self.directory / "monmap")
        self._call("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a",
                   f"[v1:127.0.0.1:{self.mon_port}]", monmap)
        self._call("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self._spawn("ceph-mon", "-f", "-i", "a")
        self._spawn("ceph-mgr", "-f", "-i", "x")
        self._ask("osd", "new", osd, "0")
        self._call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._spawn("ceph-osd", "-f", "-i", "0")
        self._ask("osd", "crush", "add", "osd.0", "1", "root=default", "host=here")
        self._spawn("radosgw", "-f", "-n", "client.rgw")
        self._wait()
        self._call("radosgw-admin", "user", "create", "--uid=test", "--display-name=test",
                   f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")
        self._call("radosgw-admin", "caps", "add", "--uid=test", "--caps=user-policy=*")
        self.client().allow_everything("test")

    def _look_after_daemons(self):
        """Starts the OSD again if it has ended: it may ask the monitor for more than it has learned
        by then ("wrong fsid"), and ends; in the field its service manager does the same."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                continue
            if daemon.args[0] != "ceph-osd" or self.osd_restarts == OSD_RESTARTS_MAX:
                output = self.directory / "log" / f"{daemon.args[0]}.out"
                raise RuntimeError(f"{daemon.args[0]} ended ({daemon.returncode}): "
                                   f"{output.read_text(errors='replace')[-3000:]}")
            self.osd_restarts += 1
            self.daemons.remove(daemon)
            self._spawn(*daemon.args)
            return

    def _wait(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self._look_after_daemons()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)  # between two looks, not instead of one
        raise RuntimeError("radosgw does not listen")

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.kill()  # the objects are in memory: there is nothing to save
            daemon.wait()
        self.daemons = []
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "run":
        sys.exit("usage: ceph_rgw.py run COMMAND...")
    with CephRgw() as rgw:
        rgw.client().make_bucket("appbackup-test")
        environment = dict(os.environ, S3_ENDPOINT=rgw.endpoint, S3_ACCESS_KEY=ACCESS_KEY,
                           S3_SECRET_KEY=SECRET_KEY, S3_BUCKET="appbackup-test")
        status = subprocess.run(sys.argv[2:], env=environment, check=False).returncode
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
