"""A Redis that another version has written is taken over as it is: nobody has to do anything by hand.

data/older_world.jsonl has what that version has left; older_world.py says how it was made. All its times are long over, as
after an update that took its time: leases have ended, retries are due.
"""

import json
import unittest

from older_world import APPS, DATA, id_of
from resp import Connection, ErrorReply, pairs
from support import wait_until
from worker_support import Node, NodeTest

STATES = {
    "completed": "completed", "rebuilt": "completed", "removed": "removed", "failed": "failed", "canceled": "failed",
    "kept": "failed", "quarantined": "failed", "leaving": "deleting", "found-again": "deleting", "delayed": "pending",
    "held": "pending", "queued": "pending", "once": "pending", "next": "pending", "discovering": "discovering",
    "running": "running"}
TASKS = {"verify": "completed", "verify-all": "completed", "catalog": "completed", "prune-failed": "failed",
         "prune-canceled": "failed", "prune-delayed": "pending", "restore": "pending"}
SNAPSHOT = "89ab" * 16
ENDED = ("completed", "failed", "removed", None)


class OlderNode(Node):
    """A node whose Redis has been written by another version."""

    def start_redis(self):
        super().start_redis()
        self.connection = Connection(self.path("redis.sock"))
        for reply in self.connection.send(*[json.loads(line) for line in DATA.read_text().splitlines()]):
            assert not isinstance(reply, ErrorReply), reply

    def __exit__(self, *problem):
        self.connection.close()
        return super().__exit__(*problem)

    def call(self, function, *arguments):
        reply = self.connection.send(("FCALL", "appbackup_" + function, 0, *arguments))[0]
        assert not isinstance(reply, ErrorReply), f"{function} {arguments}: {reply}"
        return reply

    def field(self, kind, name, field="state"):
        return self.connection.send(("HGET", f"appbackup:{kind}:{id_of(kind, name)}", field))[0]

    def listed(self, *words):
        result = self.ctl("-o", "json", *words)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


class TakeoverTest(NodeTest):
    def assert_sound(self, node):
        result = node.ctl("doctor", check=False)
        self.assertEqual(0, result.returncode, result.stdout)

    def test_every_record_is_there_and_sound(self):
        with OlderNode() as node:
            self.assert_sound(node)
            for name, state in STATES.items():
                self.assertEqual(state, node.field("backup", name), name)
                self.assertIn(name, node.ctl("explain", id_of("backup", name)).stdout)
            for name, state in TASKS.items():
                self.assertEqual(state, node.field("task", name), name)
                self.assertEqual(0, node.ctl("explain", id_of("task", name)).returncode, name)
            self.assertEqual({id_of("backup", name) for name in STATES},
                             {backup["id"] for backup in node.listed("backup", "list")})
            self.assertEqual({id_of("task", name) for name in TASKS}, {task["id"] for task in node.listed("task", "list")})
            self.assertEqual([id_of("job", "quarantined")], [job["job"] for job in node.listed("quarantine", "list")])
            self.assertEqual({"solo", "node2", "other"}, {pause["name"] for pause in node.listed("queue")["paused"]})

    def test_the_functions_carry_on(self):
        with OlderNode() as node:
            self.assert_sound(node)
            node.call("node_register", "node1", "0.2.0", 4, 4, "node1:200:1")
            done = []
            for claim in iter(lambda: node.call("job_claim", "node1", "node1:200:1", 15000, 3, 0), None):
                job = pairs(claim)
                done.append((job["kind"], job["subject"]))
                if job["kind"] != "delete":
                    for state in ("discovering", "running") if job["kind"] == "backup" else ("running",):
                        node.call("job_advance", job["id"], job["epoch"], state, 15000)
                self.assertEqual("ok", node.call("job_renew", job["id"], job["epoch"], 15000, "stage", "upload"))
                snapshot = ("repository_snapshot", SNAPSHOT) if job["kind"] == "backup" else ()
                node.call("job_finish", job["id"], job["epoch"], "completed", 0, "", *snapshot)
            backups = [subject for kind, subject in done if kind == "backup"]
            self.assertEqual({id_of("backup", name) for name in ("delayed", "queued", "once", "next", "running")},
                             set(backups))
            self.assertEqual(len(backups), len(set(backups)))
            self.assertEqual(("restore", id_of("task", "restore")), done[0], "the most urgent one comes first")
            self.assertIn(("prune", id_of("task", "prune-delayed")), done)
            for name in ("leaving", "found-again"):
                self.assertIn(("delete", id_of("backup", name)), done)
                self.assertIsNone(node.field("backup", name))
            self.assertEqual("pending", node.field("backup", "held"), "its app is paused")
            self.assert_sound(node)

    def test_a_worker_carries_on(self):
        with OlderNode(kills_max=3) as node:
            for name in ("wiki", "docs", "solo"):
                node.write_app(name, node.data)
            node.start_worker()
            wait_until(lambda: all(node.field("backup", name) in ENDED for name in (
                "delayed", "queued", "once", "next", "running", "leaving", "found-again")), 90, "what had waited is done")
            for name in ("queued", "once", "next", "running", "delayed"):
                self.assertIn("completed", self.entries(node, name), name)
            wait_until(lambda: node.field("task", "restore") in ENDED, 30, "the restore has ended")
            self.assertEqual("failed", node.field("task", "restore"), "its snapshot was never in this bucket")
            self.assertEqual("pending", node.field("backup", "held"))
            self.assertEqual(0, node.ctl("quarantine", "release", id_of("job", "quarantined")).returncode)
            wait_until(lambda: "completed" in self.entries(node, "quarantined"), 60, "what was released is done")
            self.assertIn(APPS["mail"], [app["id"] for app in node.listed("app", "list")])
            self.assert_sound(node)

    @staticmethod
    def entries(node, name):
        """The states that a backup has entered, by the journal."""
        entries = node.connection.send(("XRANGE", "appbackup:journal", "-", "+"))[0]
        found = [pairs(fields) for _, fields in entries]
        return [entry["to"] for entry in found if entry["backup"] == id_of("backup", name)]


if __name__ == "__main__":
    unittest.main()
