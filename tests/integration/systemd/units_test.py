"""The units as they are installed: systemd finds nothing wrong with them, and they give away no more than is said
in them. Needs no running systemd. Usage: units_test.py, with the build directory in APPBACKUP_BIN."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
BUILD = os.path.abspath(os.environ["APPBACKUP_BIN"])
EXPOSURE_MAX = {"appbackupd.service": 2.0, "appbackup-worker.service": 4.0, "appbackup-recover.service": 4.0}


def read(path):
    with open(path) as file:
        return file.read()


def sandbox_of(text):
    """What a service may do, not what it does: the lines from the credentials to the end of [Service]."""
    service = text.split("[Service]")[1].split("[Install]")[0]
    lines = [line for line in service.split("\n") if line and not line.startswith("#")]
    return lines[next(place for place, line in enumerate(lines) if line.startswith("LoadCredential=")):]


class UnitsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """All units in one directory, with the programs of this build: verify wants them to exist."""
        cls.directory = tempfile.mkdtemp(prefix="appbackup-units.")
        for path in glob.glob(BUILD + "/systemd/*") + glob.glob(SOURCE + "/systemd/appbackup*.*"):
            if path.endswith((".in", ".sysusers", ".tmpfiles", ".catalog")):
                continue
            text = re.sub(r"=/\S*/sbin/(appbackup\S*)", lambda found: f"={BUILD}/{found.group(1)}", read(path))
            with open(os.path.join(cls.directory, os.path.basename(path)), "w") as file:
                file.write(text)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def run_quietly(self, *command):
        result = subprocess.run(command, capture_output=True, text=True, timeout=60,
                                env={**os.environ, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"})
        return result.returncode, result.stdout + result.stderr

    def test_systemd_finds_nothing_wrong(self):
        units = sorted(os.listdir(self.directory))
        self.assertEqual(["appbackup-recover.service", "appbackup-worker.service", "appbackup.slice",
                          "appbackup.target", "appbackupd.service", "appbackupd.socket"], units)
        for unit in units:
            self.assertEqual((0, ""), self.run_quietly("systemd-analyze", "verify", "--man=no", self.path(unit)),
                             unit)

    def test_services_are_exposed_no_more_than_they_say(self):
        for unit, limit in EXPOSURE_MAX.items():
            code, text = self.run_quietly("systemd-analyze", "security", "--offline=true", "--no-pager",
                                          f"--threshold={int(limit * 10)}", self.path(unit))
            self.assertEqual(0, code, text)
            exposure = float(re.search(r"exposure level for \S+: ([\d.]+)", text).group(1))
            self.assertLessEqual(exposure, limit, text)
            print(f"{unit}: {exposure}")

    def test_the_recovery_may_do_what_the_worker_may_do(self):
        """An undo hook must not fail for what the hook itself was allowed."""
        self.assertEqual(sandbox_of(read(self.path("appbackup-worker.service"))),
                         sandbox_of(read(self.path("appbackup-recover.service"))))

    def test_each_exposure_has_its_reason(self):
        """What systemd calls an exposure, and the unit sets to it, stands behind a remark."""
        for unit in EXPOSURE_MAX:
            if "recover" in unit:
                continue
            text = read(self.path(unit))
            for setting in ("PrivateTmp=no", "ProtectHome=no", "ProtectControlGroups=no", "RestrictSUIDSGID=no",
                            "ProtectProc=default", "RestrictAddressFamilies=", "CapabilityBoundingSet=CAP"):
                if "\n" + setting in text:
                    before = text.split("\n" + setting)[0].split("\n\n")[-1]
                    self.assertIn("Exposed", before, f"{unit}: {setting}")

    def test_memory_is_bounded_and_has_room_for_what_the_configuration_allows(self):
        front_end = read(self.path("appbackupd.service"))
        high, most = (int(re.search(rf"(?m)^{name}=(\d+)M$", front_end).group(1)) << 20
                      for name in ("MemoryHigh", "MemoryMax"))
        keys = read(SOURCE + "/src/config/keys.yaml")
        totals = [int(re.search(rf'{name}:\n +type: size\n +otherwise: "(\d+)"', keys).group(1))
                  for name in ("bodies_bytes_max", "replies_bytes_max")]
        self.assertGreater(high, 2 * sum(totals))
        self.assertGreater(most, high)
        self.assertRegex(read(self.path("appbackup-worker.service")), r"(?m)^MemoryMax=\d\d%$")

    def test_users_and_directories_can_be_made(self):
        root = tempfile.mkdtemp(prefix="appbackup-root.")
        try:
            os.makedirs(root + "/etc")
            for name, text in (("passwd", "root:x:0:0::/root:/bin/sh\n"), ("group", "root:x:0:\n")):
                with open(f"{root}/etc/{name}", "w") as file:
                    file.write(text)
            for tool, name in (("systemd-sysusers", "appbackup.sysusers"), ("systemd-tmpfiles", "appbackup.tmpfiles")):
                words = ["--create"] if "tmpfiles" in tool else []
                code, text = self.run_quietly(tool, *words, f"--root={root}", f"{SOURCE}/systemd/{name}")
                self.assertEqual(0, code, text)
            self.assertRegex(read(root + "/etc/passwd"), r"(?m)^appbackup:x:\d+:\d+:")
            self.assertEqual(0o700, os.stat(root + "/var/lib/appbackup").st_mode & 0o777)
            self.assertEqual(0o755, os.stat(root + "/run/appbackup").st_mode & 0o777)
            tokens = os.stat(root + "/etc/appbackup/tokens.d")
            self.assertEqual(0o750, tokens.st_mode & 0o777)
            self.assertIn(f"\nappbackup:x:{tokens.st_gid}:", read(root + "/etc/group"))
        finally:
            shutil.rmtree(root)


if __name__ == "__main__":
    unittest.main()
