"""Many jobs through two supervisors that are killed again and again: each job ends exactly once.

Both supervisors are of one node and share its queue, each with a state directory of its own; about every second one
of them, or one job process, gets SIGKILL. By hand, and the long way (11 minutes at 15 jobs a second, with a release
build and two cores that others leave free):

    JOBS=10000 SEED=7 APPBACKUP_BIN=build/release python3 -B tests/e2e/killed_supervisors_test.py

Default: 100 jobs. The seed, which is printed, chooses whom to kill; when that hits differs from run to run.
"""

import json
import os
import random
import signal
import subprocess
import time
import unittest
import uuid

from resp import Connection, ErrorReply, pairs
from support import seed
from worker_support import ACCOUNT, BIN, Node, NodeTest, wait_until

JOBS = int(os.environ.get("JOBS", "100"))
SEED = seed()
# An app has one backup at a time, and each of them waits 200 ms for its lock of the repository: many jobs need more apps.
APPS, SLOTS = (4, 2) if JOBS < 1000 else (8, 4)
BATCH = 64  # creates in one call
ACTOR = "dddddddd-0000-4000-8000-000000000001"
IDLE_MAX_S = 90  # without a job that ends


class Supervisors:
    """Two of them, of one node."""

    def __init__(self, node, seed):
        self.node = node
        self.random = random.Random(seed)
        self.kills = {"supervisor": 0, "job": 0}
        self.configs = [node.config, node.path("etc/second.yaml")]
        with open(node.config) as file:
            document = json.load(file)
        document["state_directory"] = node.path("state2")
        os.makedirs(node.path("state2"), mode=0o700)
        node.write("etc/second.yaml", json.dumps(document))
        self.processes = [self.start(config) for config in self.configs]

    def start(self, config):
        with open(self.node.path("worker.log"), "ab") as log:
            worker = subprocess.Popen([os.path.join(BIN, "appbackup-worker"), "--config", config],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.node.workers.append(worker)
        return worker

    def kill_one(self):
        index = self.random.randrange(2)
        worker = self.processes[index]
        jobs = self.node.job_pids(worker)
        if jobs and self.random.randrange(3) == 0:
            self.kills["job"] += 1
            os.kill(self.random.choice(jobs), signal.SIGKILL)
            return
        self.kills["supervisor"] += 1
        worker.kill()
        worker.wait()
        self.node.workers.remove(worker)
        self.processes[index] = self.start(self.configs[index])


class KilledSupervisorsTest(NodeTest):
    def test_each_job_ends_exactly_once(self):
        with Node(slots=SLOTS, kills_max=100, retries_max=100) as node:
            for number in range(APPS):
                node.write(f"app{number}/data.txt", f"data of app {number}\n" * 1000)
                node.write_app(f"app{number}", node.path(f"app{number}"))
            print(f"SEED={SEED} JOBS={JOBS}", flush=True)
            started = time.monotonic()
            supervisors = Supervisors(node, SEED)
            redis = Connection(node.path("redis.sock"))
            try:
                apps = self.apps(node)
                backups = self.create(redis, apps)
                self.run_to_the_end(redis, supervisors)
                self.assert_each_ended_once(redis, backups)
                self.assert_one_snapshot_each(node, redis, backups)
            finally:
                redis.close()
            counters = dict(zip(*[iter(node.redis_cli("HGETALL", "appbackup:counters").split("\n"))] * 2))
            print(f"{JOBS} jobs in {time.monotonic() - started:.0f} s; killed {supervisors.kills}; {counters}")

    @staticmethod
    def apps(node):
        def registered():
            listed = node.ctl("-o", "json", "app", "list", check=False)
            found = json.loads(listed.stdout) if listed.returncode == 0 else []
            apps = [app["id"] for app in found if app["name"].startswith("app")]
            return apps if len(apps) == APPS else None
        return wait_until(registered, 30, "the apps are registered")

    @staticmethod
    def create(redis, apps):
        """backup -> app"""
        backups = {str(uuid.uuid4()): apps[number % APPS] for number in range(JOBS)}
        wanted = [(id_, str(uuid.uuid4()), ACCOUNT, app, ACTOR, "1.2", "", "", "", "[]")
                  for id_, app in backups.items()]
        for first in range(0, JOBS, BATCH):
            words = [word for one in wanted[first:first + BATCH] for word in one]
            reply, = redis.send(("FCALL", "appbackup_backup_create", "0", *words))
            replies = reply if isinstance(reply, list) else [reply]
            refused = [one for one in replies if isinstance(one, ErrorReply)]
            assert not refused, refused
        return backups

    def run_to_the_end(self, redis, supervisors):
        ended, ended_at = -1, time.monotonic()
        while ended < JOBS:
            counts = redis.send(*(("ZCARD", f"appbackup:state:{state}") for state in ("completed", "failed")))
            if sum(counts) != ended:
                ended, ended_at = sum(counts), time.monotonic()
            self.assertLess(time.monotonic() - ended_at, IDLE_MAX_S, f"stuck after {ended} jobs")
            time.sleep(supervisors.random.uniform(0.5, 1.5))  # the pace of the kills: nothing is awaited
            if ended < JOBS:
                supervisors.kill_one()

    def assert_each_ended_once(self, redis, backups):
        entries, = redis.send(("XRANGE", "appbackup:journal", "-", "+"))
        ends = {}
        for _, flat in entries:
            entry = pairs(flat)
            if entry["to"] in ("completed", "failed"):
                ends.setdefault(entry["backup"], []).append(entry["to"])
        self.assertEqual({id_: ["completed"] for id_ in backups}, ends)
        for place in ("leases", "delayed", "quarantine", "queue:node1", "app-busy"):
            self.assertEqual([0], redis.send(("EXISTS", "appbackup:" + place)), place)

    def assert_one_snapshot_each(self, node, redis, backups):
        """In each repository those that the records name, and no other."""
        names = redis.send(*(("HGET", f"appbackup:backup:{id_}", "repository_snapshot") for id_ in backups))
        wanted = {}
        for app, name in zip(backups.values(), names):
            wanted.setdefault(app, []).append(name)
        found = {app: [name for name in os.listdir(os.path.join(node.bucket, app, "snapshots"))
                       if "~" not in name]  # what a killed writer was at has no name yet
                 for app in wanted}
        self.assertEqual({app: sorted(names) for app, names in wanted.items()},
                         {app: sorted(names) for app, names in found.items()})


if __name__ == "__main__":
    unittest.main()
