"""The admin's tool as people and scripts meet it; the worker behind it is real."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from worker_support import ACCOUNT, BIN, Node, wait_until

CTL = os.path.join(BIN, "appbackupctl")
NIL = "00000000-0000-0000-0000-000000000000"


def run_on_terminal(words, columns=100, **environment):
    """(exit code, all that was written) with stderr on a terminal of that width."""
    import fcntl
    import struct
    import termios
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([CTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=slave, env={**os.environ, "TERM": "xterm", **environment})
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # EIO: the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(master)
    return process.wait(60), written.decode()


class CtlTest(unittest.TestCase):
    def test_tokens_and_the_configuration_without_redis(self):
        with Node() as node:
            node.redis.kill()
            made = node.ctl("token", "create", "cron", "--role", "member")
            self.assertRegex(made.stdout, r"^[0-9a-f]{64}\n$")
            self.assertIn("systemctl reload appbackupd", made.stderr)
            listed = json.loads(node.ctl("-o", "json", "token", "list").stdout)
            self.assertIn(("cron", "member"), [(one["name"], one["role"]) for one in listed])
            self.assertNotIn(made.stdout.strip(), json.dumps(listed))
            self.assert_exit(1, node.ctl("token", "create", "cron", "--role", "viewer", check=False), "already")
            self.assert_exit(2, node.ctl("token", "create", "other", "--role", "king", check=False), "--role")
            self.assertIn("in order", node.ctl("config", "check").stdout)

            wrong = os.path.join(os.path.dirname(node.config), "tokens.d", "main.wrong.yaml")
            with open(wrong, "w", encoding="utf-8") as file:
                file.write("role: viewer\nsha256: 1\n")
            self.assert_exit(5, node.ctl("config", "check", check=False), "main.wrong.yaml:2: sha256")
            os.remove(wrong)
            node.ctl("token", "revoke", "cron")
            self.assertNotIn("cron", node.ctl("token", "list").stdout)

    def test_a_token_made_by_root_is_read_by_the_front_end_and_by_nobody_else(self):
        """Whatever the umask is. The machine has a user for the front end here, in a mount namespace of its own."""
        front_end, others = 4242, 4343
        with Node() as node:
            os.chmod(node.directory, 0o755)
            os.chmod(node.path("etc"), 0o755)
            node.write("etc/passwd", f"root:x:0:0::/root:/bin/sh\nappbackup:x:{front_end}:{front_end}::/:/bin/false\n", 0o644)
            def run(words, uid):
                return subprocess.run(
                    ["unshare", "--mount", "sh", "-c", 'umask 077; mount --bind "$1" /etc/passwd; shift; exec "$@"', "sh",
                     node.path("etc/passwd"), "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *words],
                    capture_output=True, text=True, timeout=60)
            made = run([CTL, "--config", node.config, "token", "create", "cron", "--role", "member"], 0)
            self.assertEqual(0, made.returncode, made.stderr)
            check = [os.path.join(BIN, "appbackupd"), "--config", node.config, "--check"]
            seen = run(check, front_end)
            self.assertEqual(0, seen.returncode, seen.stderr)
            seen = run(check, others)
            self.assertEqual(78, seen.returncode, seen.stderr)
            self.assertIn("tokens.d: open: Permission denied", seen.stderr)

    def assert_exit(self, code, result, text):
        self.assertEqual(code, result.returncode, result.stderr)
        self.assertIn(text, result.stderr)
        self.assertEqual("", result.stdout)

    def test_a_backup_from_create_to_delete(self):
        with Node() as node:
            node.start_worker()
            result = node.ctl("backup", "create", "shop", "--name", "one", "--wait")
            self.assertRegex(result.stdout, r"^backup [0-9a-f-]{36} 'one' of shop: completed\n$")
            self.assertNotIn("\r", result.stderr)
            self.assertNotIn("\033", result.stderr)
            self.assertRegex(result.stderr.splitlines()[-1], r"^completed 100 %, ([0-9.]+ \w+) of \1$")
            backup = result.stdout.split()[1]

            shown = node.ctl("backup", "show", backup).stdout
            self.assertRegex(shown, r"(?m)^id +" + backup + "$")
            self.assertRegex(shown, r"(?m)^state +completed, 100 %, ")
            self.assertRegex(shown, r"(?m)^hooks +success$")

            table = node.ctl("backup", "list").stdout.splitlines()
            self.assertEqual(2, len(table))
            self.assertEqual(["APP", "NAME", "STATE", "DONE", "SIZE", "AGE", "ID"], table[0].split())
            self.assertTrue(table[1].startswith("shop  one "), table[1])
            self.assertTrue(table[1].endswith(backup))
            self.assertEqual(table[0].index("ID"), table[1].index(backup), "columns are aligned")

            listed = json.loads(node.ctl("-o", "json", "backup", "list", "shop").stdout)
            self.assertEqual([json.loads(node.ctl("-o", "json", "backup", "show", backup).stdout)],
                             listed)
            self.assertEqual("application/astra-appBackup", listed[0]["type"])

            self.assertIn("is being deleted", node.ctl("backup", "delete", backup).stdout)
            wait_until(lambda: node.get(backup) is None, 15, "the record is gone")
            self.assertEqual([], json.loads(node.ctl("-o", "json", "backup", "list").stdout))

    def test_wait_gives_json_on_stdout_and_progress_on_stderr(self):
        with Node() as node:
            node.start_worker()
            result = node.ctl("backup", "create", "shop", "--bucket", "local", "-o", "json", "--wait")
            record = json.loads(result.stdout)
            self.assertEqual(("completed", 100), (record["state"], record["percentDone"]))
            self.assertIn("completed 100 %", result.stderr)

    def test_wait_says_why_a_backup_failed(self):
        with Node(retries_max=0) as node:
            node.write("hook", "#!/bin/sh\n[ $APPBACKUP_STAGE != pre-backup ] || "
                       "{ echo the printer is on fire; exit 3; }\n", 0o755)
            node.start_worker()
            os.rename(node.bucket, node.bucket + ".away")
            result = node.ctl("backup", "create", "shop", "--wait", check=False)
            self.assertEqual(1, result.returncode)
            self.assertRegex(result.stdout, r"of shop: failed\n$")
            self.assertIn("bucket 'local'", result.stderr)
            os.rename(node.bucket + ".away", node.bucket)

            result = node.ctl("backup", "create", "shop", "--wait")
            self.assertIn("the printer is on fire", result.stderr)
            self.assertIn("exit code 3", result.stderr)

    def test_a_bar_is_redrawn_on_a_terminal(self):
        with Node() as node:
            node.add_bulk(30)
            node.start_worker()
            words = ["--config", node.config, "backup", "create", "shop", "--wait"]
            code, written = run_on_terminal(words, columns=72)
            self.assertEqual(0, code, written)
            self.assertIn("\033[32m", written)
            frames = re.sub(r"\033\[[0-9;]*[mK]", "", written).split("\r")
            frames = [frame.rstrip("\n") for frame in frames if frame.strip()]
            self.assertGreater(len(frames), 2)
            for frame in frames:
                self.assertLess(len(frame), 72, frame)
            self.assertRegex(frames[-1], r"^\[#{10,40}\] 100 %  completed")
            percents = [int(re.search(r"(\d+) %", frame).group(1)) for frame in frames]
            self.assertEqual(sorted(percents), percents)

            code, written = run_on_terminal(words, NO_COLOR="1")
            self.assertEqual(0, code)
            self.assertNotRegex(written, r"\033\[[0-9;]*m")

    def test_an_interrupt_leaves_the_backup_running(self):
        with Node() as node:
            node.write("block", "")
            node.start_worker()
            waiting = subprocess.Popen(
                [CTL, "--config", node.config, "backup", "create", "shop", "--wait"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            wait_until(node.is_closed, 10, "the backup runs")
            self.assertTrue(select.select([waiting.stderr], [], [], 10)[0], "it follows the backup")
            waiting.send_signal(signal.SIGINT)
            _, said = waiting.communicate(timeout=10)
            self.assertEqual(130, waiting.returncode)
            self.assertIn("The backup goes on", said)
            backup = re.search(r"backup show ([0-9a-f-]{36})", said).group(1)
            os.unlink(node.path("block"))
            self.assertEqual("completed", node.follow(backup)[0]["state"])

    def test_it_works_with_redis_only(self):
        with Node() as node:
            worker = node.start_worker()
            worker.terminate()
            worker.wait(20)
            record = json.loads(node.ctl("-o", "json", "backup", "create", "shop").stdout)
            self.assertEqual("pending", record["state"])
            self.assertEqual(NIL, record["metadata"]["createdBy"])
            apps = json.loads(node.ctl("-o", "json", "app", "list").stdout)
            self.assertEqual(["shop"], [app["name"] for app in apps])
            self.assertEqual(record["id"], json.loads(
                node.ctl("-o", "json", "backup", "list", apps[0]["id"]).stdout)[0]["id"])
            table = node.ctl("app", "list", "--account", ACCOUNT).stdout.splitlines()
            self.assertEqual(["NAME", "STATE", "NODE", "AGE", "ID"], table[0].split())
            self.assertEqual("shop", table[1].split()[0])
            node.ctl("backup", "delete", record["id"])
            self.assertIsNone(node.get(record["id"]), "nobody had begun: it is gone at once")

    def test_a_list_longer_than_a_page_is_whole(self):
        with Node() as node:
            worker = node.start_worker()
            worker.terminate()
            worker.wait(20)
            template = json.loads(node.ctl("-o", "json", "backup", "create", "shop").stdout)["id"]
            app = node.redis_cli("HGET", f"appbackup:backup:{template}", "app")
            lines = []
            for i in range(1100):
                lines.append(f"COPY appbackup:backup:{template} appbackup:backup:{self.id(i)}")
                lines.append(f"HSET appbackup:backup:{self.id(i)} id {self.id(i)} name b{i}")
                lines.append(f"ZADD appbackup:backups:{app} {1000 + i} {self.id(i)}")
            subprocess.run(["redis-cli", "-s", node.path("redis.sock")], input="\n".join(lines),
                           text=True, stdout=subprocess.DEVNULL, check=True)
            listed = json.loads(node.ctl("-o", "json", "backup", "list", "shop").stdout)
            self.assertEqual([f"b{i}" for i in range(1100)], [b["name"] for b in listed[:1100]])
            table = node.ctl("backup", "list", "shop").stdout.splitlines()
            self.assertEqual(1 + 1101, len(table))

    @staticmethod
    def id(number):
        return f"{number:08x}-0000-4000-8000-000000000000"

    def test_the_repository_key_opens_the_repository(self):
        with Node() as node:
            node.start_worker()
            node.ctl("backup", "create", "shop", "--wait")
            script = (f'eval "$({CTL} --config {node.config} repository key shop)" && '
                      'restic --no-cache snapshots --json')
            listed = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
            self.assertEqual(1, len(json.loads(listed.stdout)))
            self.assertEqual("", listed.stderr, "no warning unless it stands on a terminal")

            # When all but configuration, master key and bucket is lost, the id is enough.
            key = json.loads(node.ctl("-o", "json", "repository", "key", "shop").stdout)
            app = os.path.basename(key["repository"])
            os.unlink(node.path("etc/apps.d/shop.yaml"))
            node.stop_redis()
            self.assertEqual(key, json.loads(node.ctl("-o", "json", "repository", "key", app).stdout))
            self.assert_exit(4, node.ctl("repository", "key", "other", check=False), "redis")

    def test_the_key_of_what_lies_in_s3_is_told_where_nobody_knows_the_app(self):
        with Node() as node:
            node.write("etc/s3-keys", "[default]\naws_access_key_id = a\naws_secret_access_key = b\n", 0o600)
            node.write_config(buckets=[{"name": "offsite", "provider": "generic-s3", "bucket_name": "b",
                                        "server_url": "http://127.0.0.1:1", "credentials_file": "s3-keys"}])
            node.ctl("repository", "key", "shop")  # loads the library into an empty Redis
            os.unlink(node.path("etc/apps.d/shop.yaml"))

            result = node.ctl("-o", "json", "repository", "key", "shop")

            self.assertIn("Nobody here knows app 'shop'", result.stderr)
            self.assertTrue(json.loads(result.stdout)["password"])

    def test_the_key_of_nothing_is_refused(self):
        with Node() as node:
            node.start_worker()
            self.assert_exit(3, node.ctl("repository", "key", "nope", check=False), "no app 'nope'")
            self.assert_exit(3, node.ctl("repository", "key", "shop", "--bucket", "nope", check=False),
                             "no bucket 'nope'")
            os.unlink(node.path("etc/master.key"))
            self.assert_exit(5, node.ctl("repository", "key", "shop", check=False), "master.key")

    def test_exit_codes(self):
        with Node() as node:
            node.start_worker()
            for words in ([], ["backup"], ["backup", "eat"], ["backup", "show"], ["--nope"],
                          ["backup", "show", "not-an-id"], ["backup", "list", "--wait"],
                          ["backup", "create", "shop", "--name", "Not A Label"],
                          ["app", "list", "-o", "xml"], ["explain", "x"], ["pause", "app"], ["top", "--wait"],
                          ["retry", NIL, "--reason", "x" * 256]):
                result = node.ctl(*words, check=False)
                self.assertEqual(2, result.returncode, words)
                self.assertTrue(result.stderr.startswith("appbackupctl: "), result.stderr)
            for words, text in ((["backup", "show", NIL], "backup"),
                                (["backup", "delete", NIL], "backup"),
                                (["backup", "create", "nope"], "no app 'nope'"),
                                (["backup", "list", "nope"], "no app 'nope'"),
                                (["backup", "create", "shop", "--bucket", "x"], "no bucket 'x'"),
                                (["app", "list", "--account", "x"], "no account 'x'")):
                self.assert_exit(3, node.ctl(*words, check=False), text)

            node.ctl("backup", "create", "shop", "--name", "taken")
            self.assert_exit(1, node.ctl("backup", "create", "shop", "--name", "taken", check=False),
                             "taken")
            self.assert_exit(5, subprocess.run([CTL, "--config", "/nonexistent", "app", "list"],
                                               capture_output=True, text=True), "/nonexistent")
            node.stop_redis()
            started = time.monotonic()
            self.assert_exit(4, node.ctl("app", "list", check=False), "redis")
            self.assertLess(time.monotonic() - started, 5)

    def test_help_and_version(self):
        general = subprocess.run([CTL, "--help"], capture_output=True, text=True)
        self.assertEqual(0, general.returncode)
        for words in ("backup create", "backup list", "backup show", "backup delete", "app list",
                      "repository key", "status", "top", "queue", "explain", "history", "cancel", "retry",
                      "requeue", "quarantine list", "quarantine release", "quarantine drop", "pause",
                      "resume"):
            self.assertIn(words, general.stdout)
            one = subprocess.run([CTL, *words.split(), "--help"], capture_output=True, text=True)
            self.assertEqual(0, one.returncode)
            self.assertIn("Usage: appbackupctl " + words, one.stdout)
            self.assertIn("Exit codes:", one.stdout)
        version = subprocess.run([CTL, "--version"], capture_output=True, text=True)
        self.assertRegex(version.stdout, r"^appbackupctl [0-9]+\.[0-9]+")

    def test_the_configuration_may_come_from_the_environment(self):
        with Node() as node:
            node.start_worker()
            result = subprocess.run([CTL, "app", "list"], capture_output=True, text=True,
                                    env={**os.environ, "APPBACKUP_CONFIG": node.config})
            self.assertIn("shop", result.stdout)

    def test_a_full_disk_behind_stdout_is_noticed(self):
        with Node() as node:
            node.start_worker()
            with open("/dev/full", "w") as full:
                result = subprocess.run([CTL, "--config", node.config, "app", "list"], stdout=full,
                                        stderr=subprocess.PIPE, text=True)
            self.assertEqual(1, result.returncode)
            self.assertIn("stdout", result.stderr)


if __name__ == "__main__":
    unittest.main()
