"""What `appbackupctl config check`, `appbackupd --check` and `appbackup-worker --check` refuse, so that no restart
fails, and no restore takes the backups away, for what could have been told before."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from support import BIN, wait_until
from worker_support import Node

CTL = os.path.join(BIN, "appbackupctl")
FRONT_END = os.path.join(BIN, "appbackupd")
WORKER = os.path.join(BIN, "appbackup-worker")
NOBODY = 65534


class ConfigCheckTest(unittest.TestCase):

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.__exit__, None)
        self.node.__enter__()
        self.path = self.node.path

    def run_check(self, program, **options):
        words = ["config", "check"] if program == CTL else ["--check"]
        return subprocess.run([program, "--config", self.node.config, *words], capture_output=True, text=True,
                              timeout=30, **options)

    def assert_good(self, *programs, **options):
        for program in programs or (CTL, FRONT_END, WORKER):
            result = self.run_check(program, **options)
            self.assertEqual(0, result.returncode, (program, result))

    def assert_refused(self, key, text, *programs, file="appbackup.yaml", **options):
        """By these programs, in their own words for "wrong configuration"."""
        for program in programs:
            result = self.run_check(program, **options)
            self.assertEqual(5 if program == CTL else 78, result.returncode, (program, result))
            self.assertRegex(result.stderr, rf"{file}:\d+: {key}: .*{text}")

    def make_certificate(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt"), "-days", "2", "-subj",
                        "/CN=" + name], check=True, capture_output=True)

    def listen(self, certificate, key):
        self.node.write_config(http={"listeners": [{"address": "127.0.0.1:1"}, {
            "address": "127.0.0.1:2", "certificate": self.path(certificate), "key": self.path(key)}]})

    def test_certificates_and_keys_of_listeners(self):
        self.make_certificate("one")
        self.make_certificate("other")
        self.node.write("garbage", "garbage\n")
        self.listen("one.crt", "one.key")
        self.assert_good()
        for certificate, key, where, text in (
                ("none", "one.key", "certificate", "none': No such file or directory"),
                ("garbage", "one.key", "certificate", "garbage': no start line"),
                ("one.crt", "none", "key", "none' .*: No such file or directory"),
                ("one.crt", "garbage", "key", "garbage' .*: "),
                ("one.crt", "other.key", "key", "other.key' for .*one.crt': key values mismatch")):
            self.listen(certificate, key)
            self.assert_refused(rf"http\.listeners\[1\]\.{where}", text, CTL, FRONT_END)
            self.assert_good(WORKER)
        started = subprocess.run([FRONT_END, "--config", self.node.config], capture_output=True, text=True, timeout=30)
        self.assertEqual(78, started.returncode)
        self.assertRegex(started.stderr, r"appbackup\.yaml:\d+: http\.listeners\[1\]\.key: ")

    @unittest.skipIf(os.geteuid() != 0, "is another user")
    def test_what_the_one_who_checks_may_not_read_is_told(self):
        self.make_certificate("one")
        os.chmod(self.path("one.key"), 0o600)
        self.listen("one.crt", "one.key")
        for name in ("", "etc"):
            os.chmod(self.path(name), 0o755)
        os.chmod(self.node.config, 0o644)
        self.assert_good()
        front_end = shutil.copy(FRONT_END, self.path("appbackupd"))  # the build may be closed to others
        self.assert_refused(r"http\.listeners\[1\]\.key", "one.key' .*: Permission denied", front_end, user=NOBODY)

    def s3(self, **changes):
        self.node.write_config(buckets=[{
            "name": "far", "provider": "generic-s3", "server_url": "https://s3.example:9000", "bucket_name": "backups",
            "credentials_file": self.path("keys"), **changes}])

    def test_credentials_and_certificates_of_buckets(self):
        self.make_certificate("ca")
        self.node.write("keys", "access_key_id = a\nsecret_access_key = b\n", 0o600)
        self.node.write("garbage", "garbage\n", 0o600)
        self.s3(ca_file=self.path("ca.crt"))
        self.assert_good()
        for change, key, text in (
                ({"credentials_file": self.path("none")}, "credentials_file", "none': No such file or directory"),
                ({"credentials_file": self.path("garbage")}, "credentials_file", "line 1: 'key = value' is expected"),
                ({"ca_file": self.path("none")}, "ca_file", "none': No such file or directory"),
                ({"ca_file": self.path("garbage")}, "ca_file", "garbage': ")):
            self.s3(**change)
            self.assert_refused(r"buckets\[0\]\." + key, text, CTL, WORKER)
            self.assert_good(FRONT_END)
        self.s3(server_url="https://s3.example:99999")
        self.assert_refused(r"buckets\[0\]\.server_url", r"'https://host\[:port\]' is expected", CTL, WORKER, FRONT_END)

    def test_credentials_that_only_systemd_can_give_are_left_to_the_programs_that_get_them(self):
        self.s3(credentials_file="$CREDENTIALS_DIRECTORY/keys")
        self.assert_good()
        environment = {**os.environ, "CREDENTIALS_DIRECTORY": self.path("credentials")}
        self.assert_good(WORKER, env=environment)  # as ExecReload= is: told of it, and not given it
        os.mkdir(self.path("credentials"))
        self.assert_refused(r"buckets\[0\]\.credentials_file", "No such file", WORKER, env=environment)

    def test_the_master_key(self):
        os.unlink(self.path("etc/master.key"))
        self.assert_refused("master_key_file", "master.key': No such file or directory", CTL, WORKER)
        self.assert_good(FRONT_END)

    def test_exclude_patterns(self):
        self.node.write("etc/apps.d/shop.yaml", json.dumps({"volumes": [self.node.data], "excludes": ["a", "!b"]}, indent=1))
        self.assert_refused(r"excludes\[1\]", "there is no negation", CTL, WORKER, file="shop.yaml")

    def test_volumes_that_are_not_apart_from_buckets_and_state(self):
        os.symlink(self.node.directory, self.path("elsewhere"))
        for volume, text in ((self.node.directory, "apart from state_directory"),
                             (self.path("state/undo"), "apart from state_directory"),
                             (self.path("bucket/sub"), "apart from the path of bucket 'local'"),
                             (self.path("elsewhere/bucket"), "apart from the path of bucket 'local'")):
            self.node.write_app("shop", volume)
            self.assert_refused(r"volumes\[0\]", text, CTL, WORKER, file="shop.yaml")
        started = subprocess.run([WORKER, "--config", self.node.config], capture_output=True, text=True, timeout=30)
        self.assertEqual(78, started.returncode)
        self.assertRegex(started.stderr, r"shop\.yaml:\d+: volumes\[0\]: ")
        self.node.write_app("shop", self.node.data)
        self.assert_good()

    def test_a_reload_keeps_the_volumes_that_are_apart(self):
        worker = self.node.start_worker()
        self.node.write_app("shop", self.node.directory)
        worker.send_signal(signal.SIGHUP)
        wait_until(lambda: 'kept="the old one"' in self.node.log(), 20, "refused")
        self.assertRegex(self.node.log(), r"shop\.yaml:\d+: volumes\[0\]: .*apart from")
        backup = json.loads(self.node.ctl("-o", "json", "backup", "create", "shop").stdout)["id"]
        record, _ = self.node.follow(backup)
        self.assertEqual("failed", record["state"], "the job reads it again, and refuses as well")
        self.assertEqual([], os.listdir(self.node.bucket))

    def test_tokens_are_revoked_where_no_token_can_be_read(self):
        os.mkdir(self.path("etc/tokens.d"), 0o750)
        self.node.write("etc/tokens.d/main.bad.yaml", "nonsense\n")
        self.assertEqual(5, self.node.ctl("token", "list", check=False).returncode)
        self.node.ctl("token", "revoke", "bad")
        self.node.ctl("token", "list")


if __name__ == "__main__":
    unittest.main()
