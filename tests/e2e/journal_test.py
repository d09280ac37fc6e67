"""The log in a real journald: journalctl BACKUP_ID=… tells the story of a backup. The journald is the test's own, in a
mount namespace with a /run of its own; what systemd does for a service, $JOURNAL_STREAM, is done here by hand."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from standalone import Standalone
from support import BACKUP, wait_until

NAMESPACE = "appbackup-test"
INSIDE = "APPBACKUP_TEST_JOURNAL"
PRINTED = "what-the-hook-prints"
STORY = ["job claimed", "job starts", "stage starts", "hook has run", "hook failed",
         "snapshot planned", "stage ends", "stage starts", "job goes on with a warning", "job completed"]


class Journald:
    def __enter__(self):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs("/run/systemd")
        os.symlink("journal." + NAMESPACE, "/run/systemd/journal")
        self.process = subprocess.Popen(["/lib/systemd/systemd-journald", NAMESPACE], stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists("/run/systemd/journal/socket"), 20, "journald listens")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    @staticmethod
    def entries(*matches):
        result = subprocess.run(["journalctl", "--namespace=" + NAMESPACE, "--quiet", "-o", "json", *matches],
                                capture_output=True, text=True, timeout=30)
        return [json.loads(line) for line in result.stdout.splitlines()]


def contains_in_order(texts, wanted):
    rest = iter(texts)
    return all(any(text.startswith(want) for text in rest) for want in wanted)


class JournalTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="appbackup-test.")
        self.data = self.directory.name + "/data"
        os.mkdir(self.data)
        with open(self.data + "/file", "w") as file:
            file.write("contents")
        self.hooks = {
            "pre_snapshot": [{"name": "good", "command": ["/bin/sh", "-c", "echo " + PRINTED]},
                             {"name": "bad", "command": ["/bin/sh", "-c", f"echo {PRINTED}; exit 3"]}]}

    def tearDown(self):
        os.environ.pop("JOURNAL_STREAM", None)
        self.directory.cleanup()

    def service(self, is_journal):
        service = Standalone({"shop": {"volumes": [self.data], "hooks": self.hooks}})
        with open(service.log_path, "ab") as log:
            info = os.fstat(log.fileno())
        os.environ["JOURNAL_STREAM"] = f"{info.st_dev}:{info.st_ino}" if is_journal else "0:1"
        return service

    def back_up(self, service):
        """(the record, the correlation id of the request for it)"""
        app = service.app("shop")
        status, body, headers = service.request("POST", f"/k8s/v1/apps/{app}/appBackups",
                                                {"type": BACKUP, "version": "1.1"})
        self.assertEqual(201, status)
        wait_until(lambda: service.get(app, body["id"])["state"] in ("completed", "failed"), 60, "the backup has ended")
        record = service.get(app, body["id"])
        self.assertEqual("completed", record["state"])
        return {**record, "app": app}, headers["X-Correlation-ID"]

    def test_tells_the_story_of_a_backup(self):
        with Journald() as journald, self.service(True) as service:
            record, correlation = self.back_up(service)
            match = "BACKUP_ID=" + record["id"]
            story = wait_until(lambda: (lambda found: found if any(
                entry["MESSAGE"].startswith("job completed") for entry in found) else None)(
                    journald.entries(match)), 20, "the end is in the journal")

            texts = [entry["MESSAGE"] for entry in story]
            self.assertTrue(contains_in_order(texts, STORY), texts)
            self.assertIn("backup requested", " ".join(texts))  # by another process: before or after the claim
            for entry in story:
                self.assertEqual(record["app"], entry["APP_ID"], entry)
                self.assertIn("MESSAGE_ID", entry)
                self.assertIn(entry["SYSLOG_IDENTIFIER"], ("appbackupd", "appbackup-worker"))
            self.assertEqual([correlation], [entry["CORRELATION_ID"] for entry in story if "CORRELATION_ID" in entry])
            jobs = {entry["JOB_ID"] for entry in story if "JOB_ID" in entry}
            self.assertEqual(1, len(jobs))
            self.assertEqual({"1"}, {entry["ATTEMPT"] for entry in story if "ATTEMPT" in entry})
            stages = [entry["STAGE"] for entry in story if entry["MESSAGE"].startswith("stage starts")]
            self.assertEqual(stages, [entry["STAGE"] for entry in story if entry["MESSAGE"].startswith("stage ends")],
                             "each that was entered was left")
            self.assertIn("upload", stages)
            failed = next(entry for entry in story if entry["MESSAGE"].startswith("hook failed"))
            self.assertEqual(("bad", "pre-snapshot", "hook_failed", "4"),
                             (failed["APPBACKUP_HOOK"], failed["APPBACKUP_HOOK_STAGE"], failed["APPBACKUP_CODE"],
                              failed["PRIORITY"]))
            planned = [entry for entry in story if entry["MESSAGE"].startswith("snapshot planned")]
            self.assertEqual([(self.data, "none", "6")], [(entry["APPBACKUP_VOLUME"], entry["APPBACKUP_DRIVER"],
                                                           entry["PRIORITY"]) for entry in planned])
            warning = next(entry for entry in story if entry["MESSAGE"].startswith("job goes on with a warning"))
            self.assertEqual("not_a_snapshot", warning["APPBACKUP_CODE"], "hooks around no snapshot")

            # Neither what a hook prints nor a secret; and nothing is said twice.
            everything = json.dumps(journald.entries())
            self.assertNotIn(PRINTED, everything)
            self.assertNotIn(service.token, everything)
            with open(service.log_path) as log:
                self.assertNotIn("msg=", log.read())

    def test_says_the_same_in_lines_without_a_journal(self):
        with self.service(False) as service:
            record, correlation = self.back_up(service)
            with open(service.log_path) as log:
                lines = [line for line in log if "backup=" + record["id"] in line]

        texts = [line.partition('msg="')[2] for line in lines]
        self.assertTrue(contains_in_order(texts, STORY), lines)
        self.assertTrue(all("app=" + record["app"] in line for line in lines), lines)
        requested, = (line for line in lines if 'msg="backup requested"' in line)
        self.assertIn("correlation=" + correlation, requested)
        self.assertNotIn(PRINTED, "".join(lines))


if __name__ == "__main__":
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv])
    unittest.main()
