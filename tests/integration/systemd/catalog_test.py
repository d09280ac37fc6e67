"""systemd/appbackup.catalog as journalctl reads it. Needs no running systemd."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../../.."


class CatalogTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="appbackup-catalog.")
        os.makedirs(self.root + "/usr/lib/systemd/catalog")
        os.makedirs(self.root + "/var/lib/systemd/catalog")
        shutil.copy(SOURCE + "/systemd/appbackup.catalog", self.root + "/usr/lib/systemd/catalog")

    def tearDown(self):
        shutil.rmtree(self.root)

    def journalctl(self, *words):
        result = subprocess.run(["journalctl", "--root=" + self.root, *words], capture_output=True, text=True,
                                timeout=30, env={**os.environ, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"})
        self.assertEqual((0, ""), (result.returncode, result.stderr))
        return result.stdout

    def test_is_accepted_whole(self):
        self.journalctl("--update-catalog")
        with open(SOURCE + "/systemd/appbackup.catalog") as file:
            ids = re.findall(r"^-- ([0-9a-f]{32})$", file.read(), re.M)

        listed = self.journalctl("--list-catalog").strip().split("\n")

        self.assertEqual(sorted(ids), sorted(line.split()[0] for line in listed))
        for line in listed:
            self.assertRegex(line, r"^[0-9a-f]{32} appbackup: \S")

    def test_refers_to_fields_that_the_log_has(self):
        named = {"BACKUP_ID": "backup", "APP_ID": "app", "JOB_ID": "job", "STAGE": "stage", "ATTEMPT": "attempt",
                 "CORRELATION_ID": "correlation"}
        sources = ""
        for folder in ("worker", "api", "main"):
            for name in os.listdir(f"{SOURCE}/src/{folder}"):
                with open(f"{SOURCE}/src/{folder}/{name}") as file:
                    sources += file.read()
        keys = set(re.findall(r'LOG_(?:TEXT|NUMBER)\("(\w+)"', sources)) | set(
            re.findall(r'log_set_context\("(\w+)"', sources)) | {"backup"}
        with open(SOURCE + "/systemd/appbackup.catalog") as file:
            fields = set(re.findall(r"@(\w+)@", file.read()))

        for field in fields:
            key = named.get(field, field.removeprefix("APPBACKUP_").lower())
            self.assertIn(key, keys, field)


if __name__ == "__main__":
    unittest.main()
