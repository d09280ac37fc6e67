"""The doctor against random corruptions: each is found, all are mended, no backup that a bucket has is lost, and the undo file
puts everything back. Redis and the tool are real; the records are made by the library (doctor_world.py).

Default: 160 corruptions. SEED=random takes other ones each time, and prints which. By hand, the long way (10,000 take some minutes):

    CORRUPTIONS=10000 SEED=7 python3 -B tests/e2e/doctor_test.py DoctorTest.test_random_corruptions
"""

import hashlib
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import unittest

from doctor_corruptions import GARBAGE, Corruptor, kind_of, rest_of
from doctor_patient import Patient
from doctor_world import ACCOUNTS, PREFIX
from resp import ErrorReply
from support import seed

CORRUPTIONS = int(os.environ.get("CORRUPTIONS", "160"))
SEED = seed()
TOGETHER = 16  # corruptions that one repair has to do with
PAGE = pathlib.Path(__file__).parent / "../../docs/redis.md"


class DoctorTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.patient = Patient()
        cls.addClassCleanup(cls.patient.stop)

    def setUp(self):
        self.patient.heal()

    def undo_files(self):
        return sorted(pathlib.Path(self.patient.scratch.join("state")).glob("doctor-*.undo"))

    def repair(self):
        """Mends; the undo file."""
        before = self.undo_files()
        result, _ = self.patient.examine("--repair")
        self.assertEqual(0, result.returncode, result.stderr)
        made = [path for path in self.undo_files() if path not in before]
        self.assertEqual(1, len(made), result.stderr)
        self.assertIn(str(made[0]), result.stderr)
        self.assertEqual(0o600, made[0].stat().st_mode & 0o777)
        return made[0]

    def test_a_healthy_world_has_nothing(self):
        result, findings = self.patient.examine()
        self.assertEqual((0, []), (result.returncode, findings))
        self.assertEqual("", self.patient.ctl("doctor").stdout)
        states = {dict(content)["state"] for key, (_, content, _, _) in self.patient.healthy.items()
                  if kind_of(key) == "backup"}
        self.assertEqual({"pending", "running", "completed", "failed", "removed", "deleting"}, states)

    def test_what_is_lost_is_asked_for_even_if_the_repair_fails_later(self):
        """The undo file has no room for the last of the names that lead to no backup."""
        completed = [key for key, (_, content, _, _) in self.patient.healthy.items()
                     if kind_of(key) == "backup" and dict(content)["state"] == "completed"]
        names = [key for key in self.patient.healthy if kind_of(key) == "names"]
        self.patient.send(("DEL", *completed), *[("HSET", key, "nowhere", "x") for key in names])
        places = [finding["where"] for finding in self.patient.examine()[1]]
        last = next(key for place in reversed(places) for key in names if key in place and "nowhere" in place)
        self.patient.send(("HSET", last, "nowhere", os.urandom(1 << 17).hex()))

        def limit_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        result = self.patient.ctl("doctor", "--repair", preexec_fn=limit_files, restore_signals=False)

        self.assertEqual(1, result.returncode, result.stderr)
        self.assertIn("File too large", result.stderr)
        self.assertRegex(result.stderr, "[1-9][0-9]* catalog tasks read from the buckets")
        for path in self.undo_files():
            path.unlink()

    def test_an_undo_file_of_an_older_doctor_is_understood(self):
        """What it compares with are digests of these lines, in this order."""
        self.patient.send(("HSET", PREFIX + "mine", "b", "", "a", "xyz"), ("SADD", PREFIX + "other", "two", "one"))
        for name, lines in (("mine", "1 0 b1 3 axyz"), ("other", "3 one3 two")):
            part = self.patient.look_at("doctor_plan", PREFIX + name, "")[2][0]
            self.assertEqual(hashlib.sha1(lines.encode()).hexdigest(), part[-1])

    def test_random_corruptions(self):
        print(f"CORRUPTIONS={CORRUPTIONS} SEED={SEED}", flush=True)
        corruptor = Corruptor(random.Random(SEED), self.patient.values())
        done = 0
        while done < CORRUPTIONS:
            self.patient.heal()
            chosen = [corruptor.make() for _ in range(min(TOGETHER, CORRUPTIONS - done))]
            for name, commands in chosen:
                self.assert_found(name, commands)
            try:
                self.assert_mended_and_undone([commands for _, commands in chosen])
            except AssertionError as failure:
                raise AssertionError(f"SEED={SEED}, after {done}: {chosen}: {failure}") from failure
            done += len(chosen)

    def assert_found(self, name, commands):
        self.patient.send(*commands)
        self.assertTrue(self.patient.findings(), (name, commands))
        key = commands[0][1]
        self.patient.send(("DEL", key))
        self.patient.original.send(("COPY", key, key, "DB", "0"))

    def assert_mended_and_undone(self, corruptions):
        self.patient.heal()
        for commands in corruptions:
            self.patient.connection.send(*commands)  # one may find what another has left, and fail
        sick = self.patient.look()
        result, findings = self.patient.examine()
        self.assertEqual(1, result.returncode)
        self.assertTrue(findings)
        self.assert_same(sick, self.patient.look())

        undo = self.repair()
        result, findings = self.patient.examine()
        self.assertEqual((0, []), (result.returncode, findings), "mended")
        mended = self.patient.look()
        self.assert_no_backup_is_lost(sick, mended, corruptions)
        self.assert_epochs_do_not_fall(mended, corruptions)

        self.drop_catalog_tasks()
        result = self.patient.ctl("doctor", "--undo", str(undo))
        self.assertEqual(0, result.returncode, result.stderr)
        self.assert_same(sick, self.patient.look())
        undo.unlink()

    def assert_same(self, expected, world):
        differences = {key: (expected.get(key), world.get(key)) for key in {*expected, *world}
                       if expected.get(key) != world.get(key)}
        self.assertEqual({}, differences)

    def assert_no_backup_is_lost(self, sick, world, corruptions):
        """Of each that a bucket has, the record is as it was; or it is gone, so that the catalogue brings it back. That is asked
        for where an index has told the app, and app and bucket are there to be asked for."""
        asked = {dict(task)["app"] for at, (_, task, _, _) in world.items() if kind_of(at) == "task"
                 and dict(task)["kind"] == "catalog" and dict(task)["state"] == "pending"}
        for key, (_, content, _, _) in self.patient.healthy.items():
            old = dict(content) if kind_of(key) == "backup" else {}
            if "repository_snapshot" in old and key in world:
                new = dict(world[key][1])
                fields = ["account", "app", "state", "bucket", "repository_snapshot"]
                if f"{PREFIX}names:{old['app']}" not in {command[1] for commands in corruptions for command in commands}:
                    fields.append("name")  # else nothing may be left that tells of another name
                for field in fields:
                    self.assertEqual(old[field], new.get(field), f"{key} {field}: this hides what the bucket has")
            elif "repository_snapshot" in old and {f"{PREFIX}app:{old['app']}", f"{PREFIX}bucket:{old['bucket']}"} <= world.keys():
                index = sick.get(f"{PREFIX}backups:{old['app']}", ("none", ()))
                if index[0] == "zset" and rest_of(key) in dict(index[1]):
                    self.assertIn(old["app"], asked, f"{key} is lost, and nobody looks for it")

    def assert_epochs_do_not_fall(self, world, corruptions):
        changed = {(command[1], word) for commands in corruptions for command in commands for word in command[2:]}
        for key, (_, content, _, _) in self.patient.healthy.items():
            old = dict(content) if kind_of(key) == "job" else {}
            if "epoch" in old and key in world and not {(key, "epoch"), (key, "attempt")} <= changed:
                self.assertGreaterEqual(int(dict(world[key][1]).get("epoch", "0")), int(old["epoch"]), key)

    def drop_catalog_tasks(self):
        """What the doctor has asked workers for is no repair, and stays after an undo."""
        before = self.patient.healthy
        for key, (_, content, _, _) in self.patient.look().items():
            if kind_of(key) == "task" and key not in before and dict(content).get("kind") == "catalog":
                task = dict(content)
                self.patient.send(("DEL", key, f"{PREFIX}job:{task['job']}"),
                                  ("ZREM", f"{PREFIX}tasks:{task['app']}", rest_of(key)),
                                  ("SREM", f"{PREFIX}active-tasks:{task['app']}", rest_of(key)),
                                  ("ZREM", f"{PREFIX}queue:{task['node']}", task["job"]))

    # --- what is worth to be seen one by one ---

    def completed(self):
        return next(rest_of(key) for key, (_, content, _, _) in sorted(self.patient.healthy.items())
                    if kind_of(key) == "backup" and dict(content)["name"] == "kept1")

    def test_people_see_a_table(self):
        self.patient.send(("HSET", PREFIX + "counters", "kills", GARBAGE), ("SET", PREFIX + "mine", "x"))
        files = self.undo_files()
        result = self.patient.ctl("doctor")
        self.assertEqual(1, result.returncode)
        lines = result.stdout.splitlines()
        self.assertEqual(["WHERE", "WHAT", "REPAIR"], lines[0].split())
        self.assertEqual(["appbackup:counters kills  it cannot be there     remove it",
                          "appbackup:mine            nobody knows this key  remove it"], sorted(lines[1:]))
        self.assertEqual(files, self.undo_files())

    def test_a_journal_that_is_none_is_begun_anew(self):
        self.patient.send(("SET", PREFIX + "journal", "x"), ("SET", PREFIX + "mine", "x"))
        self.repair()
        self.assertEqual("stream", self.patient.world.must("TYPE", PREFIX + "journal"))

    def a_key(self, kind, is_meant):
        """The first key of such a record."""
        return next(key for key, (_, content, _, _) in sorted(self.patient.healthy.items())
                    if kind_of(key) == kind and is_meant(dict(content)))

    def test_a_lost_backup_leaves_its_indexes_and_is_looked_for_in_its_buckets(self):
        backup = self.completed()
        old = dict(self.patient.healthy[f"{PREFIX}backup:{backup}"][1])
        self.patient.send(("DEL", f"{PREFIX}backup:{backup}"))
        self.repair()
        world = self.patient.look()
        self.assertEqual([], [key for key, (_, content, _, _) in world.items() if backup in str(content)
                              and kind_of(key) not in ("task", "job")])
        tasks = [dict(content) for key, (_, content, _, _) in world.items() if kind_of(key) == "task"]
        self.assertEqual({self.patient.world.shared, self.patient.world.own},
                         {task["bucket"] for task in tasks if task["kind"] == "catalog"
                          and task["app"] == old["app"] and task["state"] == "pending"})

    def test_a_damaged_claim_is_given_up_and_its_backup_begins_anew(self):
        job = self.a_key("job", lambda job: job["state"] == "claimed" and job["kind"] == "backup" and "cancel" not in job)
        old = dict(self.patient.healthy[job][1])
        for command in (("HSET", job, "state", "queued"), ("HSET", job, "worker", ""), ("HDEL", job, "epoch"),
                        ("HSET", job, "app", self.patient.world.app("wiki"))):
            self.patient.heal()
            self.patient.send(command)
            self.repair()
            world = self.patient.look()
            self.assertNotIn(job, world, command)
            backup = dict(world[f"{PREFIX}backup:{old['subject']}"][1])
            new = dict(world[f"{PREFIX}job:{backup['job']}"][1])
            self.assertEqual(("pending", "delayed", old["subject"]), (backup["state"], new["state"], new["subject"]))
            reply, = self.patient.connection.send(
                ("FCALL", "appbackup_job_renew", "0", rest_of(job), old["epoch"], 1000))
            self.assertEqual("LEASE_LOST", reply.code)

    def test_a_damaged_task_fails_with_a_reason(self):
        restore = self.a_key("task", lambda task: task["kind"] == "restore" and task["state"] in ("pending", "running"))
        for command, why in ((("HSET", restore, "target", GARBAGE), "target is '  garbage!'"),
                             (("HSET", restore, "state", "completed"), "it is completed, and its job is not"),
                             (("HDEL", restore, "state"), "state is missing")):
            self.patient.heal()
            self.patient.send(command)
            self.repair()
            world = self.patient.look()
            task = dict(world[restore][1])
            self.assertEqual(("failed", [f"its record was damaged: {why}"]), (task["state"], json.loads(task["state_unready"])))
            self.assertNotIn(f"{PREFIX}job:{task['job']}", world)
        self.patient.heal()
        self.patient.send(("HDEL", restore, "app"))
        self.repair()
        self.assertNotIn(restore, self.patient.look())

    def test_what_a_bucket_has_is_not_deleted_for_a_damaged_state(self):
        """It is to be deleted, or made, when its job says so, or both its record and an index."""
        backup = self.completed()
        key = f"{PREFIX}backup:{backup}"
        for state in ("deleting", "pending", "running", "failed", "removed"):
            for index in (("ZREM", PREFIX + "state:completed", backup), ("DEL", PREFIX + "state:completed"), ("PING",)):
                self.patient.heal()
                self.patient.send(("HSET", key, "state", state), index)
                self.repair()
                world = self.patient.look()
                self.assertFalse(key in world, (state, index))
                self.assertEqual([], [at for at, (_, job, _, _) in world.items() if kind_of(at) == "job"
                                      and dict(job)["subject"] == backup and dict(job)["state"] != "done"])

    def test_what_workers_register_is_removed_until_they_do_so_again(self):
        world = self.patient.world
        app, bucket = f"{PREFIX}app:{world.app('shop')}", f"{PREFIX}bucket:{world.shared}"
        before = {key for key in self.patient.healthy if kind_of(key) == "backup"}
        self.patient.send(("HSET", app, "name", "other"), ("HSET", bucket, "account", ACCOUNTS[1]),
                          ("HDEL", PREFIX + "node:node2", "slots"))
        self.repair()
        after = self.patient.look()
        self.assertEqual(set(), {app, bucket, PREFIX + "node:node2"} & after.keys())
        self.assertEqual(before, {key for key in after if kind_of(key) == "backup"})
        world.register()
        self.assertEqual([], self.patient.findings())

    def test_a_new_job_waits_until_whoever_had_the_lost_one_has_stopped(self):
        job = self.a_key("job", lambda job: job["state"] == "claimed" and job["kind"] == "backup" and "cancel" not in job)
        backup = f"{PREFIX}backup:{dict(self.patient.healthy[job][1])['subject']}"
        self.patient.send(("DEL", job))
        self.repair()
        record = dict(self.patient.look()[backup][1])
        self.assertEqual("pending", record["state"])
        now, = self.patient.send(("TIME",))
        due = float(self.patient.world.must("ZSCORE", PREFIX + "delayed", record["job"]))
        self.assertGreater(due, int(now[0]) * 1000 + 20000)

    def test_the_job_of_a_catalog_is_not_that_of_the_backups_it_has_found(self):
        world = self.patient.world
        task, job = world.task("catalog", "ruin")
        claim = world.claim(job)
        world.call("job_advance", *claim, "running", 3600000)
        world.call("catalog_report", *claim, json.dumps([{
            "backup": world.new_id(), "name": "found", "taken_ms": 1700000000000, "bytes": 77, "snapshot": "ab" * 32}]))
        self.assertEqual("quarantined", world.call("job_died", *claim, "signal 9", 1, 0))
        self.patient.send(("DEL", f"{PREFIX}task:{task}"),  # as it expires 30 days later
                          ("ZREM", f"{PREFIX}tasks:{world.app('ruin')}", task))
        self.assertEqual([], self.patient.findings())

    def test_an_undo_leaves_alone_what_has_changed_since(self):
        backup = f"{PREFIX}backup:{self.completed()}"
        self.patient.send(("HSET", backup, "hook_state", GARBAGE), ("SET", PREFIX + "mine", "x"))
        undo = self.repair()
        self.patient.send(("HSET", backup, "labels", "[]"))
        result = self.patient.ctl("doctor", "--undo", str(undo))
        self.assertEqual(1, result.returncode)
        self.assertIn(backup, result.stderr)
        self.assertEqual("[]", self.patient.world.must("HGET", backup, "labels"))
        self.assertEqual("x", self.patient.world.must("GET", PREFIX + "mine"))

    def test_an_undo_minds_no_order_of_members(self):
        """Redis keeps a set in another order when its table has grown or shrunk meanwhile."""
        key = PREFIX + "mine"
        self.patient.send(("SADD", key, *[f"member{i}" for i in range(200)]))
        sick = self.patient.look()
        undo = self.repair()
        self.assertEqual(0, self.patient.ctl("doctor", "--undo", str(undo)).returncode)
        before, size = self.patient.world.must("DUMP", key), 100
        while self.patient.world.must("DUMP", key) == before:
            self.assertLess(size, 10 ** 6, "the order stays")
            others = [f"other{i}" for i in range(size)]
            self.patient.send(("SADD", key, *others), ("SREM", key, *others))
            size *= 2
        result = self.patient.ctl("doctor", "--undo", str(undo))
        self.assertEqual((0, ""), (result.returncode, re.sub("^.*values are.*\n", "", result.stderr)))
        self.assertEqual(sick, self.patient.look())

    def test_a_large_key_is_left_to_a_person(self):
        """A copy of it for an undo would hold up Redis."""
        keys = [PREFIX + "mine", f"{PREFIX}tasks:{self.patient.world.app('shop')}", PREFIX + "text"]
        members = [f"member{i}" for i in range(2001)]
        self.patient.send(("DEL", *keys), ("SADD", keys[0], *members), ("RPUSH", keys[1], *members),
                          ("SET", keys[2], "x" * (1024 * 1024 + 1)))
        result, findings = self.patient.examine("--repair")
        self.assertEqual(1, result.returncode)
        told = {finding["where"]: finding["repair"] for finding in findings}
        for key in keys:
            self.assertIn("RENAME", told[key])
            self.assertEqual(1, self.patient.world.must("EXISTS", key))
            self.patient.send(("RENAME", key, "old:" + key))
        self.repair()
        self.assertEqual(0, self.patient.ctl("doctor").returncode)
        self.patient.send(*[("DEL", "old:" + key) for key in keys])

    def test_of_a_large_key_that_would_expire_nothing_is_read_but_that(self):
        key = f"{PREFIX}backups:{self.patient.world.app('shop')}"
        expires = 4102444800000
        self.patient.send(("PEXPIREAT", key, expires))
        undo = self.repair()
        self.assertEqual(-1, self.patient.world.must("TTL", key))
        parts, = [json.loads(line)["parts"] for line in undo.read_text().splitlines() if "parts" in line]
        self.assertEqual([("life", "", expires)], [(part["kind"], part["content"], part["expires_ms"]) for part in parts])
        self.patient.send(("ZADD", key, "1", "another"))
        self.assertEqual(0, self.patient.ctl("doctor", "--undo", str(undo)).returncode)
        self.assertEqual(expires, self.patient.world.must("PEXPIRETIME", key))
        self.assertEqual("1", self.patient.world.must("ZSCORE", key, "another"))

    def test_an_undo_takes_no_other_file(self):
        result = self.patient.ctl("doctor", "--undo", self.patient.config)
        self.assertEqual(2, result.returncode)
        self.assertIn("no undo file", result.stderr)
        self.assertEqual(2, self.patient.ctl("doctor", "--undo", "x", "--repair").returncode)

    # --- the page ---

    def test_it_knows_every_key_and_field_that_the_page_names(self):
        text = PAGE.read_text()
        id_, digest = self.completed(), "ab" * 32
        names = re.findall(r"^\| `(appbackup:[^`]*)` \| (\w+) \|", text, re.M)
        self.assertGreater(len(names), 30)
        for name, kind in names:
            for what in ("<id>", "<account>", "<app>", "<bucket>", "<owner>"):
                name = name.replace(what, id_)
            name = name.replace("<digest>", digest).replace("<state>", "failed").replace("<node>", "n1")
            if "node" in name:
                name = name.replace("<name>", "n1")
            self.assertNotIn("<", name)
            self.patient.send(("DEL", name), {
                "string": ("SET", name, "1"), "hash": ("HSET", name, "x", "1"), "set": ("SADD", name, "x"),
                "zset": ("ZADD", name, "1", "x"), "stream": ("XADD", name, "*", "x", "1")}[kind])
        whats = {found[0]: found[3] for found in self.patient.findings()}
        for name, kind in names:
            for key, what in whats.items():
                self.assertNotIn("nobody knows", what, key)
                self.assertNotIn("should be a", what, key)

    def test_it_knows_every_field_that_the_page_names(self):
        text = PAGE.read_text()
        for title, kind in (("backup", "backup"), ("job", "job"), ("task", "task")):
            section = text.split(f"### Fields of a {title}\n")[1].split("\n#")[0]
            fields = {field for row in re.findall(r"^\| (`.*?) \|", section, re.M) for field in re.findall(r"`(\w+)`", row)}
            self.assertGreater(len(fields), 10)
            key = next(key for key in self.patient.keys if kind_of(key) == kind)
            for field in fields - {"id"}:
                self.patient.send(("HSETNX", key, field, "?"))
            told = " ".join(found[3] for found in self.patient.findings() if found[0] == key)
            self.assertNotIn("no field of it", told)


if __name__ == "__main__":
    unittest.main()
