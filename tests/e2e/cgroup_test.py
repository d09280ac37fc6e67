"""A worker to which a cgroup is delegated, as systemd does it: each job, with all that its hooks leave behind,
is in a group of its own and ends with it. On the real cgroup v2 of this machine."""

import os
import subprocess
import unittest

from support import BIN, wait_until
from worker_support import Node, process_state

HOOK = """#!/bin/sh
cd '%s'
case $APPBACKUP_STAGE in
pre-snapshot)
    # A daemon: its own session, no terminal, no parent, deaf to SIGTERM.
    (setsid sh -c 'trap "" TERM; echo $$ >runaway; while :; do sleep 1000; done' >/dev/null 2>&1 </dev/null &)
    while [ ! -s runaway ]; do sleep 0.05; done
    while [ -e block ]; do sleep 0.05; done ;;
esac
"""


def own_group():
    """The directory of the group that this process is in; None without cgroup v2."""
    with open("/proc/self/cgroup") as table:
        for line in table:
            if line.startswith("0::"):
                mount = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                              if os.path.exists(path + "/cgroup.procs")), None)
                return mount and mount + line[3:].strip()
    return None


class Group:
    """with Group() as group: a cgroup, marked as delegated or not; None where that cannot be made."""

    def __init__(self, delegated):
        self.delegated = delegated
        self.path = None

    def __enter__(self):
        parent = own_group()
        if not parent or not os.access(parent, os.W_OK):
            raise unittest.SkipTest("no cgroup v2 that may be written to")
        self.path = os.path.join(parent, f"appbackup-e2e.{os.getpid()}")
        try:
            os.mkdir(self.path)
        except OSError as failure:
            raise unittest.SkipTest(f"no cgroup of our own: {failure}")
        if self.delegated:
            os.setxattr(self.path, "trusted.delegate", b"1")
        return self

    def __exit__(self, *_):
        with open(os.path.join(self.path, "cgroup.kill"), "w") as file:
            file.write("1")

        def removed():
            try:
                for name in self.subgroups():
                    os.rmdir(os.path.join(self.path, name))
                os.rmdir(self.path)
            except OSError:
                return False
            return True
        wait_until(removed, 20, "the group is empty")

    def subgroups(self):
        return sorted(name for name in os.listdir(self.path)
                      if os.path.isdir(os.path.join(self.path, name)))

    def start_worker(self, node):
        def enter():
            with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
                file.write("0")
        with open(node.path("worker.log"), "ab") as log:
            worker = subprocess.Popen([os.path.join(BIN, "appbackup-worker"), "--config", node.config],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=enter)
        node.workers.append(worker)
        wait_until(lambda: '"shop"' in node.ctl("-o", "json", "app", "list", check=False).stdout, 20,
                   "the worker has registered")
        return worker


class CgroupTest(unittest.TestCase):
    def set_up_runaway(self, node):
        node.write("hook", HOOK % node.directory, 0o755)
        node.write("block", "")

    def wait_for_runaway(self, node):
        def pid():
            try:
                with open(node.path("runaway")) as file:
                    return int(file.read())
            except (FileNotFoundError, ValueError):
                return None
        return wait_until(pid, 20, "the hook has left a daemon")

    def test_a_runaway_hook_ends_with_its_job(self):
        with Node() as node, Group(True) as group:
            self.set_up_runaway(node)
            worker = group.start_worker(node)
            wait_until(lambda: group.subgroups() == ["supervisor"], 20, "that of the recovery is removed")
            backup = node.create()
            runaway = self.wait_for_runaway(node)
            job = node.wait_for_job(worker)
            name = "job-" + node.job(backup)["id"]
            with open(os.path.join(group.path, name, "cgroup.procs")) as file:
                inside = {int(line) for line in file}
            self.assertLessEqual({runaway, job}, inside)
            self.assertNotIn(worker.pid, inside)
            os.unlink(node.path("block"))
            self.assertEqual("completed", node.follow(backup)[0]["state"])
            wait_until(lambda: process_state(runaway) is None, 20, "the daemon is dead")
            wait_until(lambda: group.subgroups() == ["supervisor"], 20, "the group is removed")
            self.assertRegex(node.log(), rf'msg="job has used" job={name[4:]} cpu_ms=[1-9]')

    def test_what_a_killed_job_left_ends_as_well(self):
        with Node() as node, Group(True) as group:
            self.set_up_runaway(node)
            worker = group.start_worker(node)
            backup = node.create()
            runaway = self.wait_for_runaway(node)
            os.unlink(node.path("block"))
            os.unlink(node.path("runaway"))
            os.kill(node.wait_for_job(worker), 9)
            wait_until(lambda: process_state(runaway) is None, 20, "the daemon is dead")
            self.assertEqual("completed", node.follow(backup)[0]["state"])
            wait_until(lambda: group.subgroups() == ["supervisor"], 20, "the group is removed")

    def test_what_a_killed_worker_left_ends_when_it_is_started_again(self):
        with Node() as node, Group(True) as group:
            self.set_up_runaway(node)
            worker = group.start_worker(node)
            node.create()
            runaway = self.wait_for_runaway(node)
            job = node.wait_for_job(worker)
            os.kill(job, 9)
            worker.kill()
            worker.wait()
            self.assertIsNotNone(process_state(runaway))
            os.unlink(node.path("block"))
            group.start_worker(node)
            wait_until(lambda: process_state(runaway) is None, 20, "the daemon is dead")

    def test_without_delegation_a_daemon_of_a_hook_lives_on(self):
        with Node() as node, Group(False) as group:
            self.set_up_runaway(node)
            os.unlink(node.path("block"))
            group.start_worker(node)
            self.assertEqual("completed", node.follow(node.create())[0]["state"])
            runaway = self.wait_for_runaway(node)
            self.assertIsNotNone(process_state(runaway))
            self.assertEqual([], group.subgroups())
            os.kill(runaway, 9)


if __name__ == "__main__":
    unittest.main()
