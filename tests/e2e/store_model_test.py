"""The store's functions against a model of them (store_model.py): random calls, the world compared after each.

The library runs in a real Redis; only its clock is ours, so that leases, retries and deadlines come due when the test
says so, and a seed always gives the same run. By hand, and the long way (100,000 steps take several minutes):

    MODEL_STEPS=100000 SEED=7 python3 -B tests/e2e/store_model_test.py

Default: 4,000 steps. SEED=random takes other ones each time, and prints which. After each step:
- the call was answered as the model answers it; a refused one has changed nothing
- every key is as the model has it, and there is no other: records, indexes, queues, counters
- the journal has one entry for each transition, and no other
- and, whatever the model thinks: assert_sound(), and now and then the doctor
"""

import json
import os
import pathlib
import random
import unittest
import uuid

import yaml

from resp import Connection, ErrorReply, pairs
from store_model import (ACCOUNT, APPS, BUCKETS, ENDED, JOBS_MAX, NODES, PREFIX, REFUSING, STATES,
                         Model, Refused, app_name, bucket_name)
from support import BIN, Redis, Scratch, seed

LIBRARIES = pathlib.Path(BIN) / "generated/store"
DECLARED = pathlib.Path(__file__).parent / "../../src/store/protocol/functions.yaml"
ITS_CLOCK = """    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
"""
OUR_CLOCK = """    return tonumber(redis.call("GET", "clock"))
"""
ACTOR = "dddddddd-0000-4000-8000-000000000001"
STEPS = int(os.environ.get("MODEL_STEPS", "4000"))
SEED = seed()
LOOK_EVERY = 25   # steps between two looks of the doctor
BACKUPS_MAX = 16  # kept: what is compared after each step stays small

# Everything below appbackup: as JSON, and what the journal has got since the last look.
LOOK = """
local world, journal = {}, {}
for _, key in ipairs(redis.call("KEYS", "appbackup:*")) do
    local kind = redis.call("TYPE", key).ok
    if kind == "hash" then
        world[key] = { "hash", redis.call("HGETALL", key), redis.call("TTL", key) }
    elseif kind == "set" then
        world[key] = { "set", redis.call("SMEMBERS", key) }
    elseif kind == "zset" then
        world[key] = { "zset", redis.call("ZRANGE", key, 0, -1, "WITHSCORES") }
    elseif kind == "string" then
        world[key] = { "string", redis.call("GET", key) }
    end
end
for i, entry in ipairs(redis.call("XRANGE", "appbackup:journal", "(" .. ARGV[1], "+")) do
    journal[i] = entry
end
return cjson.encode({ world, journal })
"""


def value_of(kind, content):
    if kind == "hash":
        return pairs(content)
    if kind == "zset":
        return pairs(content, lambda score: int(float(score)))
    return set(content) if kind == "set" else content


def library_text():
    return (LIBRARIES / "appbackup.lua").read_text()


class World:
    """The real one."""

    def __init__(self, path):
        self.connection = Connection(path)
        self.last = "0-0"
        for text in (library_text(), (LIBRARIES / "appbackup_doctor.lua").read_text()):
            assert text.count(ITS_CLOCK) == 1, "the library asks for the time in one place"
            self.must("FUNCTION", "LOAD", text.replace(ITS_CLOCK, OUR_CLOCK))
        self.look = self.must("SCRIPT", "LOAD", LOOK)

    def must(self, *words):
        reply, = self.connection.send(words)
        assert not isinstance(reply, ErrorReply), (words, reply)
        return reply

    def call(self, now, function, arguments):
        """The reply, every key, how long each lives, and what the journal has got."""
        _, reply, seen = self.connection.send(
            ("SET", "clock", now), ("FCALL", "appbackup_" + function, "0", *arguments),
            ("EVALSHA", self.look, "0", self.last))
        world, journal = json.loads(seen)
        if journal:
            self.last = journal[-1][0]
        keys = {key: value_of(*entry[:2]) for key, entry in world.items()}
        lives = {key: entry[2] for key, entry in world.items() if entry[0] == "hash"}
        entries = [pairs(entry[1]) for entry in journal] if journal else []
        return reply, keys, lives, [(entry["backup"], entry["from"], entry["to"]) for entry in entries]


def differences(expected, actual):
    found = []
    for key in sorted(set(expected) | set(actual)):
        should, is_ = expected.get(key), actual.get(key)
        if isinstance(should, dict) and isinstance(is_, dict) and is_record(key):
            is_ = {field: is_.get(field) for field in should}
        if should == is_:
            continue
        if isinstance(should, dict) and isinstance(is_, dict):
            for field in sorted(set(should) | set(is_)):
                if should.get(field) != is_.get(field):
                    found.append(f"{key} {field}: should be {should.get(field)}, is {is_.get(field)}")
        else:
            found.append(f"{key}: should be {should}, is {is_}")
    return found


def is_record(key):
    """Of these only what says how things stand is compared."""
    return key.split(":")[1] in ("backup", "job", "task", "app", "node", "bucket")


class Rules:
    """What holds whatever has been called; remembers what must not fall."""

    def __init__(self):
        self.epochs, self.done = {}, {}

    def assert_sound(self, world, lives):
        records = {kind: {key.split(":")[2]: value for key, value in world.items()
                          if key.startswith(f"{PREFIX}{kind}:")} for kind in ("job", "backup", "task")}
        self._jobs(world, lives, records["job"])
        self._states(world, records["backup"])
        for kind in ("backup", "task"):
            for id_, record in records[kind].items():
                self._progress(id_, record)
                subject_job = records["job"].get(record["job"])
                if record["state"] in ("pending", "discovering", "running", "deleting"):
                    assert subject_job and subject_job["state"] != "done", ("nobody works on", record, subject_job)

    def _jobs(self, world, lives, jobs):
        places = {}
        for key, members in world.items():
            if key in (PREFIX + "delayed", PREFIX + "leases", PREFIX + "quarantine") or \
                    key.startswith(PREFIX + "queue:"):
                for id_ in members:
                    places.setdefault(id_, []).append(key)
        busy = world.get(PREFIX + "app-busy", {})
        claimed = {id_: job for id_, job in jobs.items() if job["state"] == "claimed"}
        assert sorted(busy.values()) == sorted(claimed), (busy, claimed)
        for id_, job in jobs.items():
            names = {"queued": [f"{PREFIX}queue:{job['node']}"], "delayed": [PREFIX + "delayed"],
                     "claimed": [PREFIX + "leases"], "quarantined": [PREFIX + "quarantine"], "done": []}
            assert places.pop(id_, []) == names[job["state"]], (id_, job)
            assert (lives[f"{PREFIX}job:{id_}"] > 0) == (job["state"] == "done"), ("its life", id_, job)
            epoch = int(job.get("epoch", "0"))
            assert epoch >= self.epochs.get(id_, 0), f"the epoch of {id_} fell"
            self.epochs[id_] = epoch
            app = world.get(f"{PREFIX}app:{job['app']}")
            if app and job["state"] in ("queued", "delayed"):
                assert job["node"] == app["node"], f"{id_} waits on {job['node']}, its app is on {app['node']}"
        assert not places, f"no jobs, but in a place: {places}"

    @staticmethod
    def _states(world, backups):
        for id_, backup in backups.items():
            member_of = [state for state in STATES if id_ in world.get(f"{PREFIX}state:{state}", ())]
            assert member_of == [backup["state"]], (id_, backup["state"], member_of)

    def _progress(self, id_, record):
        done, percent = int(record.get("bytes_done", "-1")), int(record.get("percent_done", "0"))
        assert done >= self.done.get(id_, -1), f"bytes_done of {id_} fell"
        assert done <= int(record.get("bytes_total", "-1")), record
        assert percent < 100 or record["state"] not in ("pending", "discovering", "running"), record
        self.done[id_] = done


class Driver:
    """Chooses calls, makes them in both worlds, and compares."""

    def __init__(self, path, seed):
        self.random = random.Random(seed)
        self.world = World(path)
        self.model = Model()
        self.rules = Rules()
        self.calls = {}
        self.trail = []

    # --- one step ---

    def call(self, function, arguments, act):
        """act(reply): the same on the model; its answer is None where any will do."""
        model = self.model
        reply, model.world, lives, journal = self.world.call(model.now, function, arguments)
        self.trail = self.trail[-19:] + [(model.now, function, arguments, reply)]
        model.journal = []
        try:
            answer = act(reply)
            assert not isinstance(reply, ErrorReply), f"it should not be refused: {reply}"
            assert answer in (None, reply), f"the answer should be {answer}, and is {reply}"
            outcome = "done"
        except Refused as refused:
            assert isinstance(reply, ErrorReply) and reply.code == refused.code, (refused.code, reply)
            outcome = refused.code
        self.calls.setdefault(function, {}).setdefault(outcome, 0)
        self.calls[function][outcome] += 1
        found = differences(model.expected(), model.world)
        assert not found, "\n".join(found)
        assert sorted(model.journal) == sorted(journal), ("the journal", model.journal, journal)
        self.rules.assert_sound(model.world, lives)

    def prepare(self):
        model = self.model
        for name in NODES:
            self.world.call(model.now, "node_register", (name, "1", 2, 4, name + ":1:1"))
            model.node_register(name, name + ":1:1")
        for number, bucket in enumerate(BUCKETS):
            self.world.call(model.now, "bucket_register", (
                bucket, "", f"bucket{number}", "directory", "", "", "available", "[]",
                "1" if number == 0 else "0", JOBS_MAX[bucket]))
        for name, apps in zip(NODES, (APPS[:2], APPS[2:])):
            self.register(name, apps)

    STEPS = {
        "create": 14, "create_once": 3, "claim": 22, "renew": 12, "advance": 24, "finish": 24, "died": 6,
        "delete": 6, "cancel": 3, "task_create": 6, "task_cancel": 2, "maintain": 2, "verify_report": 4,
        "catalog_report": 3, "sweep": 3, "register": 1, "node": 6, "forget": 5, "wait": 2, "retry": 3,
        "requeue": 3, "release": 3, "drop": 1, "pause": 1, "resume": 4,
    }

    def step(self):
        model = self.model
        model.now += self.random.choice((0, 0, 1, 7, 100))
        names = dict(self.STEPS)
        if len(model.backups) > BACKUPS_MAX:
            names.update(create=0, create_once=0, catalog_report=0, delete=20)
        name = self.random.choices(list(names), list(names.values()))[0]
        getattr(self, "do_" + name)()

    # --- choices ---

    def id(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def any_backup(self):
        return self.random.choice([*self.model.backups, self.id()])

    def claim_of(self, kinds=None):
        """The id and epoch of a job: mostly of a claimed one, and what its worker has."""
        jobs = list(self.model.jobs.values())
        claimed = [job for job in jobs if job.state == "claimed" and (not kinds or job.kind in kinds)]
        job = self.random.choice(claimed if claimed and self.chance(92) else jobs or [None])
        if job is None or self.chance(2):
            return self.id(), 1
        return job.id, max(0, job.epoch - (1 if self.chance(4) else 0))

    def bytes(self):
        """Fields of a report, and what they say."""
        done = self.random.choice((None, 0, 10, self.random.randrange(1000)))
        total = self.random.choice((None, None, 0, 500, self.random.randrange(1000)))
        fields = []
        for name, value in (("bytes_done", done), ("bytes_total", total)):
            if value is not None:
                fields += [name, value]
        return fields, done, total

    def new_backup(self):
        id_, job = self.id(), self.id()
        if self.chance(2) and self.model.backups:
            id_ = self.any_backup()
        app = self.random.choice(APPS) if self.chance(98) else self.id()
        name = self.random.choice(("nightly", "weekly", "x" * 63, "b-" + id_[:8]))
        return id_, job, app, name, self.random.choice(("", *BUCKETS))

    @staticmethod
    def create_arguments(id_, job, app, name, bucket):
        return id_, job, ACCOUNT, app, ACTOR, "1.2", name, bucket, "", "[]"

    # --- steps ---

    def do_create(self):
        """One, or several in one call: each has an answer of its own."""
        wanted = [self.new_backup() for _ in range(self.random.choice((1, 1, 1, 2, 4)))]
        arguments = [word for one in wanted for word in self.create_arguments(*one)]
        if len(wanted) == 1:
            self.call("backup_create", arguments, lambda reply: self.model.create(*wanted[0]))
        else:
            self.call("backup_create", arguments, lambda reply: self.create_many(wanted, reply))

    def create_many(self, wanted, replies):
        for one, reply in zip(wanted, replies):
            try:
                self.model.create(*one)
                assert not isinstance(reply, ErrorReply), reply
            except Refused as refused:
                assert isinstance(reply, ErrorReply) and reply.code == refused.code, (refused.code, reply)

    def do_create_once(self):
        key, request = ["%064x" % self.random.randrange(3) for _ in range(2)]
        wanted = self.new_backup()

        def act(reply):
            is_again, id_ = self.model.create_once(key, request, *wanted)
            assert isinstance(reply, list) and reply[0] == is_again, reply
            assert pairs(reply[1]).get("id") == (id_ if is_again == "1" else None), reply
        self.call("backup_create_once", (key, request, *self.create_arguments(*wanted)), act)

    def do_claim(self):
        node = self.random.choice(NODES) if self.chance(98) else "nowhere"
        lease_ms, kills_max = self.random.choice((50, 5000, 5000, 5000)), self.random.choice((2, 3))
        timeout_ms = self.random.choice((0, 20000, 20000))
        worker = self.model.nodes[node]["worker"] if node in self.model.nodes else "nobody"
        self.call("job_claim", (node, worker, lease_ms, kills_max, timeout_ms),
                  lambda reply: self.model.claim(reply if isinstance(reply, list) else None, node,
                                                 lease_ms, kills_max, timeout_ms))

    def do_renew(self):
        id_, epoch = self.claim_of()
        fields, done, total = self.bytes()
        self.call("job_renew", (id_, epoch, 5000, *fields),
                  lambda reply: self.model.renew(id_, epoch, 5000, done, total))

    def do_advance(self):
        id_, epoch = self.claim_of(("backup", "restore", "prune", "verify", "catalog"))
        state = self.random.choice(("discovering", "running", "running"))
        fields, done, total = self.bytes()
        self.call("job_advance", (id_, epoch, state, 5000, *fields),
                  lambda reply: self.model.advance(id_, epoch, state, 5000, done, total))

    def do_finish(self):
        id_, epoch = self.claim_of()
        outcome = self.random.choice(("completed", "completed", "completed", "failed", "canceled",
                                      "retry", "released"))
        delay_ms = self.random.choice((0, 3000))
        fields, done, total = self.bytes()
        if outcome == "completed":
            fields = (*fields, "repository_snapshot", "ab" * 32)
        self.call("job_finish", (id_, epoch, outcome, delay_ms, "so it ended", *fields),
                  lambda reply: self.model.finish(id_, epoch, outcome, delay_ms, done, total))

    def do_died(self):
        id_, epoch = self.claim_of()
        kills_max, delay_ms = self.random.choice((2, 3)), self.random.choice((0, 1000))
        self.call("job_died", (id_, epoch, "killed by signal 9", kills_max, delay_ms),
                  lambda reply: self.model.died(id_, epoch, kills_max, delay_ms))

    def do_delete(self):
        id_ = self.any_backup()
        self.call("backup_delete", ("", "", id_, "admin"), lambda reply: self.model.delete(id_))

    def do_cancel(self):
        id_ = self.any_backup()
        self.call("backup_cancel", ("", "", id_, "admin", ""), lambda reply: self.model.cancel(id_))

    def any_job(self, state):
        """The id of a job, mostly of one in this state, or of what it works on."""
        jobs = list(self.model.jobs.values())
        wanted = [job for job in jobs if job.state == state]
        job = self.random.choice(wanted if wanted and self.chance(80) else jobs or [None])
        if job is None or self.chance(3):
            return self.id()
        return job.id if self.chance(80) else job.subject

    def do_retry(self):
        failed = [record.id for record in (*self.model.backups.values(), *self.model.tasks.values())
                  if record.state == "failed"]
        id_ = self.random.choice(failed) if failed and self.chance(85) else self.random.choice(
            [*self.model.tasks, self.any_backup()])
        self.call("retry", (id_, "admin"), lambda reply: self.model.retry(id_))

    def do_requeue(self):
        id_, force = self.any_job(self.random.choice(("delayed", "claimed", "quarantined"))), self.chance(50)
        self.call("job_requeue", (id_, "admin", int(force), "why"),
                  lambda reply: self.model.requeue_now(id_, force))

    def do_release(self):
        id_ = self.any_job("quarantined")
        self.call("quarantine_release", (id_, "admin"),
                  lambda reply: self.model.release(self.model.quarantined(id_)))

    def do_drop(self):
        id_ = self.any_job("quarantined")
        self.call("quarantine_drop", (id_, "admin"), lambda reply: self.model.drop(id_))

    def any_named(self):
        kind = self.random.choice(("node", "app", "bucket"))
        ids = {"node": NODES, "app": APPS, "bucket": BUCKETS}[kind]
        id_ = self.random.choice(ids)
        name = {"node": str, "app": app_name, "bucket": bucket_name}[kind](id_)
        return kind, "nowhere" if self.chance(3) else self.random.choice((id_, name))

    def do_pause(self):
        kind, name = self.any_named()
        self.call("pause", (kind, name, "admin", "why"),
                  lambda reply: self.model.pause(kind, name, "admin", "why"))

    def do_resume(self):
        kind, name = self.any_named()
        if self.model.paused and self.chance(80):
            kind, name = self.random.choice(list(self.model.paused)).split(":")
        self.call("resume", (kind, name, "admin"), lambda reply: self.model.resume(kind, name))

    def do_task_create(self):
        kind = self.random.choice(("restore", "restore", "prune", "verify", "catalog"))
        app = self.random.choice(APPS)
        bucket, backup, target = "", "", ""
        if kind == "restore":
            completed = [one.id for one in self.model.backups.values() if one.state == "completed"]
            backup = self.random.choice([*completed, self.any_backup()])
            app, target = self.random.choice(("", "", app)), self.random.choice(("", "/target"))
        else:
            bucket = self.random.choice(("", *BUCKETS))
        wanted = (self.id(), self.id(), kind, app, bucket, backup, target)
        self.call("task_create", (*wanted[:3], ACCOUNT, app, bucket, backup, ACTOR, target, "[]", 10),
                  lambda reply: self.model.task_create(*wanted))

    def do_task_cancel(self):
        id_ = self.random.choice([*self.model.tasks, self.id()])
        self.call("task_cancel", ("", id_, "admin"), lambda reply: self.model.task_cancel(id_))

    def do_maintain(self):
        node = self.random.choice(NODES)
        after, prune_ms, verify_ms = self.random.choice((0, 1, 2)), 1000, self.random.choice((0, 5000))
        self.call("maintenance_queue", (node, after, prune_ms, verify_ms, 10),
                  lambda reply: self.model.maintain(node, after, prune_ms, verify_ms))

    def do_verify_report(self):
        id_, epoch = self.claim_of(("verify",))
        job = self.model.jobs.get(id_)
        if job and job.kind != "verify" and job.state == "claimed":
            return
        complete, is_last = self.chance(50), self.chance(50)
        problems = {self.any_backup(): self.random.choice(("", "a pack is gone")) for _ in range(3)}
        damage = self.random.choice(("", "a pack is gone"))
        listed = json.dumps([{"backup": backup, "problem": text} for backup, text in problems.items()])
        self.call("verify_report", (id_, epoch, int(complete), listed, int(is_last), damage),
                  lambda reply: self.model.verify_report(id_, epoch, complete, problems, is_last, damage))

    def do_catalog_report(self):
        id_, epoch = self.claim_of(("catalog",))
        job = self.model.jobs.get(id_)
        if job and job.kind != "catalog" and job.state == "claimed":
            return
        found = {self.random.choice((self.id(), self.any_backup())):
                 (self.random.choice(("nightly", "old")), self.model.now - 1000, -2 if self.chance(20) else 77, digits * 32)
                 for digits in ("ab", "cd")}
        listed = json.dumps([{"backup": backup, "name": name, "snapshot": snapshot, "taken_ms": taken_ms,
                              "bytes": size} for backup, (name, taken_ms, size, snapshot) in found.items()])
        self.call("catalog_report", (id_, epoch, listed),
                  lambda reply: self.model.catalog_report(id_, epoch, found))

    def do_sweep(self):
        self.call("sweep", (3,), lambda reply: self.model.sweep(3))

    def do_register(self):
        node = self.random.choice(NODES) if self.chance(95) else "nowhere"
        self.register(node, [app for app in APPS if self.chance(65)])

    def register(self, node, apps):
        listed = json.dumps([{"id": app, "account": ACCOUNT, "name": app_name(app),
                              "concurrent_backups": "refuse" if app == REFUSING else "queue"}
                             for app in apps])
        self.call("apps_register", (node, listed), lambda reply: self.model.apps_register(node, apps))

    def do_node(self):
        node, running = self.random.choice((*NODES, "nowhere")), self.random.randrange(3)
        if node != "nowhere" and self.chance(30):
            worker = f"{node}:{self.random.choice((1, 1, 2))}:1"
            self.call("node_register", (node, "1", 2, 4, worker),
                      lambda reply: self.model.node_register(node, worker))
        else:
            self.call("node_heartbeat", (node, running),
                      lambda reply: self.model.node_heartbeat(node, running))

    def do_forget(self):
        model = self.model
        jobs = [job.id for job in model.jobs.values() if job.state == "done" and self.chance(70)]
        tasks = [task.id for task in model.tasks.values() if task.state in ENDED and self.chance(50)]
        keys = [key for key in model.create_keys if self.chance(50)]
        gone = [*(f"job:{id_}" for id_ in jobs), *(f"task:{id_}" for id_ in tasks),
                *(f"create-key:{app}:{key}" for app, key in keys)]
        if gone:
            self.world.must("DEL", *(PREFIX + key for key in gone))
        model.forget(jobs, tasks, keys)

    def assert_doctor_finds_nothing(self):
        """Whatever has been called, and in whatever order: but for tasks that only this test makes expire early."""
        _, flat, _ = self.world.must("FCALL_RO", "appbackup_doctor_look", "0", "0", "1000")
        found = [flat[i:i + 6] for i in range(0, len(flat), 6) if "the task that it leads to is lost" not in flat[i + 3]]
        assert not found, found

    def do_wait(self):
        self.model.now += self.random.choice((1000, 2000, 6000, 30000))


class StoreModelTest(unittest.TestCase):
    def test_random_calls_do_what_the_model_does(self):
        scratch = Scratch()
        redis = Redis(scratch, appendonly="no")
        redis.start()
        try:
            print(f"SEED={SEED} MODEL_STEPS={STEPS}", flush=True)
            self.run_steps(redis.socket)
        finally:
            redis.stop()
            scratch.remove()

    def run_steps(self, path):
        driver = Driver(path, SEED)
        driver.prepare()
        number = 0
        try:
            for number in range(STEPS):
                driver.step()
                if number % LOOK_EVERY == 0:
                    driver.assert_doctor_finds_nothing()
        except AssertionError as failure:
            last = "\n".join(str(step) for step in driver.trail)
            raise AssertionError(f"seed {SEED}, step {number}: {failure}\nthe last calls:\n{last}") from failure
        finally:
            driver.world.connection.close()
        for function, outcomes in sorted(driver.calls.items()):
            print(f"  {function}: {outcomes}")
        writing = {name for name, function in yaml.safe_load(DECLARED.read_text())["functions"].items()
                   if function["does"] == "writes" and function.get("library") != "doctor"} - {"bucket_register"}
        self.assertEqual(writing, set(driver.calls), "every function that writes has been called")


if __name__ == "__main__":
    unittest.main()
