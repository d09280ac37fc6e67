"""The package in a booted Debian 12: installed, used, killed, restarted under load, switched off in mid-upload,
upgraded in mid-upload, purged. One machine, one story; each test goes on where the last has ended.

NSPAWN_SECONDS=60 restarts the units every second for so long (default: 8)."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from machine import TOP, Machine, base_tree, package_dependencies, wait_until

ACCOUNT = "6f8e7a52-3c1d-4b9e-8f27-5d0c9b1a4e63"
RESTART_SECONDS = int(os.environ.get("NSPAWN_SECONDS", "8"))
MIB = 1024 * 1024
# As started here, with the drop-ins of the package.
EXPOSURE_MAX = {"appbackupd.service": 2.0, "appbackup-worker.service": 4.0, "appbackup-recover.service": 4.0}

# It says that it is held still, and cannot be held twice.
APP = """volumes: [/srv/shop]
hooks:
  pre_snapshot:
    - name: freeze
      command: [/bin/mkdir, /srv/held]
      on_failure: abort
  post_snapshot:
    - name: thaw
      command: [/bin/rmdir, /srv/held]
"""

# Where a Debian that runs writes by itself, whatever is installed.
OTHERS = re.compile(r"/(proc|sys|dev|run|tmp|root)(/|$)|/var/(log|cache|tmp|lib/(dpkg|systemd|apt|redis|private))(/|$)"
                    r"|/etc/(\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-?)$")


def package_file():
    found = glob.glob(os.path.join(os.environ.get("PACKAGE_DIRECTORY", TOP + "/build/package"), "*.deb"))
    assert len(found) == 1, f"one package is expected in the build directory, not {found}"
    return found[0]


def next_version(package, directory):
    """The same package as one of a later version."""
    tree = os.path.join(directory, "tree")
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = os.path.join(tree, "DEBIAN/control")
    with open(control, encoding="utf-8") as old:
        text = re.sub(r"(?m)^(Version: .*)$", r"\1+next", old.read())
    with open(control, "w", encoding="utf-8") as new:
        new.write(text)
    later = os.path.join(directory, "next.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, later], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return later


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        package = package_file()
        cls.machine = Machine(base_tree(package_dependencies(package)))
        cls.addClassCleanup(cls.machine.__exit__)
        shutil.copy(package, cls.machine.path("/root/appbackup.deb"))
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copy(next_version(package, scratch), cls.machine.path("/root/next.deb"))
        cls.machine.boot()
        cls.before = cls.files()

    @classmethod
    def files(cls):
        return set(cls.machine.run("find / -xdev -print").splitlines())

    def story(self):
        return self.machine.try_run("journalctl --no-pager -n 60 -u 'appbackup*'").stdout

    def unit(self, name, prop):
        return self.machine.run(f"systemctl show -P {prop} {name}").strip()

    def ctl(self, arguments, seconds=120):
        return json.loads(self.machine.run("appbackupctl -o json " + arguments, seconds))

    def create(self):
        return self.ctl("backup create shop")["id"]

    def state(self, backup):
        return self.ctl("backup show " + backup)["state"]

    def wait_for_state(self, backup, state, seconds=60):
        wait_until(lambda: self.state(backup) == state, f"backup {backup} is {state}", seconds)

    def wait_for_end(self, backup, seconds=90):
        wait_until(lambda: self.state(backup) in ("completed", "failed"), "the end of the backup", seconds)
        self.assertEqual(self.state(backup), "completed", self.machine.run("appbackupctl backup show " + backup) + self.story())
        self.assertFalse(os.path.exists(self.machine.path("/srv/held")), "the app is held still")

    def wait_for_ready(self):
        wait_until(lambda: self.machine.try_run(
            "curl -sf -o /dev/null http://127.0.0.1:8080/readyz").returncode == 0, "readyz")

    def limit_uploads(self, bytes_per_second):
        """By SIGHUP, and so for running jobs as well."""
        path = self.machine.path("/etc/appbackup/appbackup.yaml")
        with open(path, encoding="utf-8") as old:
            text = re.sub(r"(?m)^    upload_limit: .*\n", "", old.read())
        if bytes_per_second:
            text = text.replace("    provider: directory\n",
                                f"    provider: directory\n    upload_limit: {bytes_per_second}\n")
        with open(path, "w", encoding="utf-8") as new:
            new.write(text)
        self.machine.run("systemctl reload appbackup-worker")

    def new_data(self, size=4 * MIB):
        with open(self.machine.path("/srv/shop/orders"), "wb") as out:
            out.write(os.urandom(size))

    def start_slow_backup(self):
        """One that is in mid-upload, and stays there."""
        self.new_data()
        self.limit_uploads(200_000)
        backup = self.create()
        self.wait_for_state(backup, "running")
        wait_until(lambda: self.ctl("backup show " + backup).get("bytesDone", 0) > 0, "the first byte")
        return backup

    def test_1_install(self):
        run = self.machine.run
        run("dpkg -i /root/appbackup.deb")
        for unit in ("appbackupd", "appbackup-worker", "appbackup-redis", "appbackup-recover"):
            self.assertEqual(self.unit(unit, "ActiveState"), "active", unit)
            self.assertEqual(self.unit(unit, "UnitFileState"), "enabled", unit)
        self.wait_for_ready()
        self.assertEqual(run("find /etc/credstore -type f ! -perm 0600"), "")
        self.assertEqual(run("ps -o user= -C appbackupd").strip(), "appbackup")
        self.assertEqual(run("systemctl --failed --plain --no-legend"), "")
        self.assertEqual(run(
            "systemd-analyze verify /lib/systemd/system/appbackup*.{service,socket,target,slice} 2>&1 | grep appbackup || true"), "")
        for unit, limit in EXPOSURE_MAX.items():
            seen = run("systemd-analyze security --no-pager " + unit)
            exposure = float(re.search(r"exposure level for \S+: ([\d.]+)", seen).group(1))
            print(f"{unit}: {exposure}", file=sys.stderr)
            self.assertLessEqual(exposure, limit, seen)
        self.assertNotEqual(self.machine.try_run(
            "redis-cli -s /run/appbackup-redis/redis.sock HGETALL appbackup:schema").stdout.find("NOAUTH"), -1)

    def test_2_first_backup(self):
        run = self.machine.run
        os.makedirs(self.machine.path("/srv/shop/photos"))
        self.new_data()
        self.machine.write("/srv/shop/photos/cat", "meow")
        self.machine.write("/etc/appbackup/apps.d/shop.yaml", APP)
        type(self).token = run("umask 077; appbackupctl token create test --role member").strip()
        self.assertEqual(run("stat -c '%a %U %G' /etc/appbackup/tokens.d /etc/appbackup/tokens.d/*").splitlines(),
                         ["750 root appbackup", "640 root appbackup"])
        run("appbackupctl config check")
        run("systemctl reload appbackupd appbackup-worker")
        wait_until(lambda: self.ctl("app list"), "the app is known")
        run("appbackupctl backup create shop --wait")
        run('eval "$(appbackupctl repository key shop)" && restic -q restore latest --target /root/restored'
            " && diff -r /srv/shop /root/restored/srv/shop && rm -r /root/restored")

    def test_3_each_process_killed(self):
        for victim in ("appbackupd", "appbackup-worker", "appbackup-redis", "job"):
            with self.subTest(victim):
                backup = self.start_slow_backup()
                if victim == "job":
                    self.machine.run("pkill -KILL -f 'appbackup-worker .*[-]-job'")
                else:
                    os_pid = self.unit(victim, "MainPID")
                    self.machine.run("kill -KILL " + os_pid)
                    wait_until(lambda pid=os_pid, unit=victim: self.unit(unit, "MainPID") not in ("0", pid),
                               victim + " is back")
                self.wait_for_ready()
                self.limit_uploads(None)
                self.wait_for_end(backup)

    def test_4_restarts_under_load(self):
        self.limit_uploads(None)
        self.new_data(64 * 1024)
        app = self.ctl("app list")[0]["id"]
        load = self.machine.in_network(
            [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.py"), self.token,
             f"/accounts/{ACCOUNT}/k8s/v1/apps/{app}/appBackups"], stdout=subprocess.PIPE)
        self.addCleanup(load.kill)
        end = time.monotonic() + RESTART_SECONDS
        restarts = 0
        while time.monotonic() < end:
            started = time.monotonic()
            for unit in ("appbackupd", "appbackup-worker", "appbackup-recover"):
                self.machine.run("systemctl restart " + unit)
            restarts += 1
            time.sleep(max(0, started + 1 - time.monotonic()))
        load.send_signal(signal.SIGTERM)
        seen = json.loads(load.communicate(timeout=500)[0])
        print(f"{restarts} restarts of 3 units: {seen}", file=sys.stderr)
        self.assertEqual(seen["failed"], [])
        self.assertGreater(seen["created"], restarts)
        self.assertEqual(seen["states"], {"completed": seen["created"]})

    def test_5_reboot_and_power_cut_in_mid_upload(self):
        for way in ("reboot", "power cut"):
            with self.subTest(way):
                backup = self.start_slow_backup()
                if way == "reboot":
                    self.machine.reboot()
                else:
                    self.machine.power_off()
                    self.machine.boot()
                self.wait_for_ready()
                self.limit_uploads(None)
                self.wait_for_end(backup)

    def test_6_upgrade_in_mid_upload(self):
        key = self.machine.run("sha256sum /etc/credstore/*")
        redis = self.unit("appbackup-redis", "MainPID")
        backup = self.start_slow_backup()
        self.machine.run("dpkg -i /root/next.deb")
        self.assertIn("+next", self.machine.run("dpkg-query -W appbackup"))
        self.assertEqual(self.machine.run("sha256sum /etc/credstore/*"), key)
        self.assertEqual(self.unit("appbackup-redis", "MainPID"), redis)
        self.assertTrue(os.path.exists(self.machine.path("/etc/appbackup/apps.d/shop.yaml")))
        self.limit_uploads(None)
        self.wait_for_end(backup)

    def test_7_remove_keeps_and_purge_leaves_nothing(self):
        run = self.machine.run
        run("dpkg -r appbackup")
        self.assertEqual(run("pgrep -l appbackup || true"), "")
        self.assertTrue(os.path.exists(self.machine.path("/etc/credstore/appbackup.master-key")))
        run("dpkg -i /root/next.deb")
        self.wait_for_ready()
        self.wait_for_end(self.create())
        run("dpkg -P appbackup")
        left = {path for path in self.files() - self.before
                if not OTHERS.match(path) and not path.startswith("/srv/shop")}
        self.assertEqual(left, set())
        self.assertEqual(run("getent passwd appbackup appbackup-redis; getent group appbackup appbackup-redis; "
                             "find /run -name '*appbackup*'; systemctl list-unit-files 'appbackup*' --no-legend"
                             " --plain; systemctl --failed --plain --no-legend; ls /run/appbackup* 2>&1 | "
                             "grep -v 'No such' || true"), "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
