"""config/redis-acl.conf, both ways round: with its users everything that the programs do is allowed, and nothing else."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from redis_node import RedisNode
from resp import Connection
from support import Client, wait_until
from worker_support import ACCOUNT, NodeTest

ROOT = pathlib.Path(__file__).parent / "../.."
ACL = ROOT / "config/redis-acl.conf"
USERS = ("api", "worker", "admin", "auditor")


class AclNode(RedisNode):
    """Each program has a configuration of its own, with its user; the test itself is the default user."""

    def start_redis(self):
        path = self.path("users.acl")
        pathlib.Path(path).write_text("".join(
            f"{line} >secret-{line.split()[1]}\n" for line in ACL.read_text().splitlines()))
        self.redis_options = ("--aclfile", path)
        super().start_redis()
        self.redis_cli("ACL", "LOG", "RESET")

    def write_config(self, **changes):
        self.configs = {}
        for user in ("api", "worker", "admin"):
            self.write(f"etc/{user}.password", f"secret-{user}\n", 0o600)
            super().write_config(redis={"address": "unix:" + self.path("redis.sock"), "username": user,
                                        "password_file": f"{user}.password"}, **changes)
            self.configs[user] = self.path(f"etc/{user}.yaml")
            os.rename(self.config, self.configs[user])
        self.config = self.configs["admin"]  # the tool's; those that are started have it when they are

    def start_as(self, user, start):
        self.config = self.configs[user]
        process = start()
        self.config = self.configs["admin"]
        return process

    def send(self, method, path, body=None, headers=None):
        with Client(self.port, "token", timeout=10) as client:
            return client.request(method, f"/accounts/{ACCOUNT}/{path}", body=body, headers=headers)

    def cli_as(self, user, *words):
        return subprocess.run(["redis-cli", "-s", self.path("redis.sock"), "--user", user, "--pass", f"secret-{user}",
                               "--no-auth-warning", *words], capture_output=True, text=True).stdout.strip()

    def denied(self):
        """(user, command or key) of everything that was refused."""
        lines = self.redis_cli("ACL", "LOG").split("\n")
        return {(lines[i + 2], lines[i]) for i in range(1, len(lines) - 2) if lines[i - 1] == "object"}


class RedisAclTest(NodeTest):
    def test_the_programs_may_do_all_that_they_do(self):
        with AclNode() as node:
            self.assertEqual("", node.redis_cli("FUNCTION", "LIST"))
            node.start_as("worker", node.start_worker)
            node.start_as("api", node.start_daemon)
            wait_until(lambda: node.ask().status == 200, 10, "the API has its library, by the worker")
            backups = [node.create("--name", f"b{i}") for i in range(2)]
            for backup in backups:
                node.follow(backup)
            self.through_the_api(node, backups)
            self.by_the_tool(node, backups)
            self.assertEqual(set(), node.denied())
            node.redis_cli("FUNCTION", "FLUSH")
            wait_until(lambda: node.ask().status == 200, 10, "the library is back, by the worker")
            self.assertLessEqual(node.denied(), {("api", "function|load")})

    def through_the_api(self, node, backups):
        app = json.loads(node.ctl("-o", "json", "app", "list").stdout)[0]["id"]
        for path in ("k8s/v2/apps", f"k8s/v2/apps/{app}", "topology/v1/buckets", "topology/v1/clouds",
                     "topology/v1/appBackups", f"k8s/v1/apps/{app}/appBackups", f"k8s/v1/apps/{app}/appSnaps",
                     f"k8s/v1/apps/{app}/appBackups/{backups[0]}"):
            self.assertEqual(200, node.ask(path).status, path)
        created = node.send("POST", f"k8s/v1/apps/{app}/appBackups", {
            "type": "application/astra-appBackup", "version": "1.2", "name": "by-api"}, {"Idempotency-Key": "k"})
        self.assertEqual(201, created.status, created.body)
        node.follow(created.json["id"])
        waiting = node.send("POST", f"k8s/v1/apps/{app}/appBackups", {
            "type": "application/astra-appBackup", "version": "1.2", "name": "canceled"}).json["id"]
        node.send("POST", f"k8s/v1/apps/{app}/appBackups/{waiting}/cancel")
        restored = node.send("PUT", f"k8s/v2/apps/{app}", {
            "type": "application/astra-app", "version": "2.2", "backupID": created.json["id"]},
            {"ForceUpdate": "true"})
        self.assertLess(restored.status, 300, restored.body)
        wait_until(lambda: node.ask(f"k8s/v2/apps/{app}").json["state"] == "ready", 30, "the app is restored")
        deleted = node.send("DELETE", f"k8s/v1/apps/{app}/appBackups/{created.json['id']}")
        self.assertEqual(204, deleted.status, deleted.body)

    def by_the_tool(self, node, backups):
        for words in (["backup", "list"], ["backup", "show", backups[0]], ["status"], ["queue"],
                      ["explain", backups[0]], ["history", backups[0]], ["quarantine", "list"], ["task", "list"],
                      ["verify", "shop", "--all", "--wait"], ["prune", "shop", "--wait"],
                      ["restore", backups[0], "--in-place", "--wait"], ["catalog", "rebuild", "--wait"],
                      ["pause", "app", "shop"], ["resume", "app", "shop"]):
            self.assertEqual(0, node.ctl(*words).returncode, words)
        node.ctl("backup", "delete", backups[1])
        wait_until(lambda: node.get(backups[1]) is None, 20, "it is gone")
        node.redis_cli("HSET", "appbackup:backup:" + backups[0], "hook_state", "garbage")
        node.redis_cli("SET", "appbackup:mine", "x")
        node.ctl("doctor", "--repair")
        state = pathlib.Path(node.path("state"))
        node.ctl("doctor", "--undo", str(next(state.glob("doctor-*.undo"))))
        node.ctl("doctor", "--repair")

    def test_the_auditor_sees_all_and_changes_nothing(self):
        with AclNode() as node:
            node.start_as("worker", node.start_worker)
            node.follow(node.create())
            page = (ROOT / "docs/redis.md").read_text()
            lines = re.findall(r"`(FCALL_RO appbackup_\w+ 0[^`]*)`", page)
            lines += re.findall(r"^\| `appbackup:.*\| `([A-Z][^`]*)` \|$", page, re.M)
            self.assertGreater(len(lines), 40)
            for line in lines:
                said = node.cli_as("auditor", *[word.strip('"') for word in re.sub(r" \[.*", "", line).split()])
                self.assertNotIn("NOPERM", said, line)
                self.assertNotIn("permission", said, line)
            for words in (["SET", "appbackup:schema", "1"], ["FCALL", "appbackup_sweep", "0", "3"], ["FLUSHALL"],
                          ["DEL", "appbackup:journal"], ["GET", "other"], ["CONFIG", "GET", "*"], ["FUNCTION", "FLUSH"]):
                self.assertIn("NOPERM", node.cli_as("auditor", *words), words)
            self.assertIn("ERR", node.cli_as("auditor", "FCALL_RO", "appbackup_sweep", "0", "3"))

    def test_each_user_has_exactly_the_commands_of_the_file(self):
        with AclNode() as node:
            all_commands = node.redis_cli("COMMAND", "LIST").split()
            groups = {name.split("|")[0] for name in all_commands if "|" in name}
            self.assertGreater(len(all_commands), 200)
            commands = {}
            for line in ACL.read_text().splitlines():
                commands[line.split()[1]] = {word[1:] for word in line.split() if word[0] == "+"}
            self.assertEqual(set(USERS), set(commands))
            connection = Connection(node.path("redis.sock"))
            self.addCleanup(connection.close)
            for user in USERS:
                free = {"auth", "hello", "quit", "reset"}  # for everybody, before who it is
                allowed = {name for name in all_commands if name not in groups and self.may(connection, user, name)}
                self.assertEqual(commands[user], allowed - free, user)
            library = "".join(path.read_text() for path in (ROOT / "src/store/functions").glob("**/*.lua"))
            used = {name.lower() for name in re.findall(r'(?:call|ask)\("([A-Z]+)"', library)}
            self.assertLessEqual(used, commands["admin"])
            for user in ("api", "auditor"):
                self.assertNotIn("function|load", commands[user])

    @staticmethod
    def may(connection, user, name):
        tries = [("ACL", "DRYRUN", user, *name.split("|"), *["1"] * count) for count in range(13)]
        for said in connection.send(*tries):
            if "wrong number of arguments" not in str(said):
                return "no permissions to run" not in str(said)
        return False

    def test_no_user_gets_at_what_is_not_its_own(self):
        with AclNode() as node:
            node.start_as("worker", node.start_worker)
            for user in USERS:
                for words in (["GET", "other"], ["HGETALL", "other"], ["FUNCTION", "FLUSH"], ["ACL", "LIST"], ["KEYS", "*"],
                              ["EVAL", "return 1", "0"], ["SHUTDOWN"], ["PUBLISH", "other", "x"]):
                    self.assertIn("NOPERM", node.cli_as(user, *words), (user, words))
            for function, arguments in (("job_claim", ["node1", "thief", "1000", "3"]), ("node_register", ["n", "1", "1"]),
                                        ("apps_register", ["node1", "[]"])):
                said = node.cli_as("api", "FCALL", "appbackup_" + function, "0", *arguments)
                self.assertRegex(said, "The user executing the script can't", function)
            self.assertIn("shop", node.ctl("app", "list").stdout, "nothing of it was done")


if __name__ == "__main__":
    unittest.main()
