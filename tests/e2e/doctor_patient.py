"""A Redis that the doctor is asked to look at, and the tool to ask with."""

import json
import os
import pathlib
import subprocess

from doctor_world import ACCOUNTS, PREFIX, World
from resp import Connection, ErrorReply, pairs
from support import BIN, Redis, Scratch, wait_until

# Of each key its type, contents and end of life; but for the order of members, which Redis chooses, that is all of it.
LOOK = """
local world = {}
for _, key in ipairs(redis.call("KEYS", "appbackup:*")) do
    local kind, content, bytes = redis.call("TYPE", key).ok, {}, ""
    if kind == "hash" then
        content = redis.call("HGETALL", key)
    elseif kind == "set" then
        content = redis.call("SMEMBERS", key)
    elseif kind == "zset" then
        content = redis.call("ZRANGE", key, 0, -1, "WITHSCORES")
    end
    if kind == "string" or kind == "list" or kind == "stream" then
        bytes = redis.sha1hex(redis.call("DUMP", key))
    end
    world[#world + 1] = { key, kind, content, redis.call("PEXPIRETIME", key), bytes }
end
return cjson.encode(world)
"""


class Patient:
    """A Redis with the populated world, which can be had again as it was, and the tool to look at it with."""

    def __init__(self):
        self.scratch = Scratch()
        self.redis = Redis(self.scratch, appendonly="no")
        try:
            self.set_up()
        except BaseException:
            self.redis.kill()
            self.scratch.remove()
            raise

    def set_up(self):
        self.redis.start()
        wait_until(lambda: os.path.exists(self.redis.socket), 10, "Redis listens")
        self.write_config()
        self.connection = Connection(self.redis.socket)
        self.original = Connection(self.redis.socket)
        self.send(("PING",))
        self.load()
        self.world = World(self.connection)
        self.world.populate()
        self.original.send(("SELECT", "1"))
        self.script, = self.send(("SCRIPT", "LOAD", LOOK))
        self.keys = sorted(self.world.must("KEYS", PREFIX + "*"))
        self.send(*[("COPY", key, key, "DB", "1") for key in self.keys])
        self.healthy = self.look()

    def write_config(self):
        for name in ("apps.d", "state"):
            os.makedirs(self.scratch.join(name))
        pathlib.Path(self.scratch.join("master.key")).write_text("ab" * 32)
        os.chmod(self.scratch.join("master.key"), 0o600)
        self.config = self.scratch.join("appbackup.yaml")
        pathlib.Path(self.config).write_text(json.dumps({
            "node": "node1", "state_directory": self.scratch.join("state"), "apps_directory": "apps.d",
            "master_key_file": "master.key", "redis": {"address": "unix:" + self.redis.socket, "timeout_ms": 10000},
            "accounts": [{"id": id_, "name": f"account{i}"} for i, id_ in enumerate(ACCOUNTS)],
            "buckets": [{"name": "main", "provider": "directory", "path": self.scratch.join("bucket")}]}))

    def stop(self):
        self.connection.close()
        self.original.close()
        self.redis.stop()
        self.scratch.remove()

    def send(self, *commands):
        replies = self.connection.send(*commands)
        for command, reply in zip(commands, replies):
            assert not isinstance(reply, ErrorReply), (command, reply)
        return replies

    def look(self):
        """key -> (type, contents, end of life, bytes), but the journal, which also tells of repairs."""
        seen, = self.send(("EVALSHA", self.script, "0"))
        world = {}
        for key, kind, content, life, data in json.loads(seen):
            if key != PREFIX + "journal" or kind != "stream":
                content = tuple(sorted(pairs(content).items() if kind in ("hash", "zset") else content))
                world[key] = (kind, content, life, data)
        return world

    def values(self):
        """key -> (type, dict): for those who choose corruptions."""
        return {key: (kind, dict(content) if kind in ("hash", "zset") else dict.fromkeys(content))
                for key, (kind, content, _, _) in {**self.healthy, PREFIX + "journal": ("stream", (), 0, 0)}.items()}

    def heal(self):
        self.send(("FLUSHDB",))
        self.original.send(*[("COPY", key, key, "DB", "0") for key in self.keys])

    def ctl(self, *words, **options):
        return subprocess.run([os.path.join(BIN, "appbackupctl"), "--config", self.config, "--account", ACCOUNTS[0],
                               *words], capture_output=True, text=True, **options)

    def load(self):
        """Both libraries."""
        result = self.ctl("doctor", "--load")
        assert result.returncode == 0, result.stderr

    def look_at(self, function, *arguments):
        """A page; each doctor removes his library when he is done, so it may have to be loaded again."""
        reply, = self.connection.send(("FCALL_RO", "appbackup_" + function, "0", *arguments))
        if isinstance(reply, ErrorReply) and "Function not found" in reply.text:
            self.load()
            return self.look_at(function, *arguments)
        assert not isinstance(reply, ErrorReply), reply
        return reply

    def examine(self, *words):
        result = self.ctl("-o", "json", "doctor", *words)
        assert result.returncode in (0, 1) and "Sanitizer" not in result.stderr, (result.returncode, result.stderr)
        findings = json.loads(result.stdout)
        return result, findings

    def findings(self):
        """The same from the library alone, for the many."""
        found, cursor = [], "0"
        while True:
            cursor, flat, large = self.look_at("doctor_look", cursor, 1000)
            found += [flat[i:i + 6] for i in range(0, len(flat), 6)]
            for key in large:
                found += self._findings_in(key)
            if cursor == "0":
                return found

    def _findings_in(self, key):
        found, cursor = [], "0"
        while True:
            cursor, flat, _ = self.look_at("doctor_look_in", key, cursor, 100)
            found += [flat[i:i + 6] for i in range(0, len(flat), 6)]
            if cursor == "0":
                return found
