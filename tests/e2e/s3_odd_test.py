"""S3 answers that are none, under the whole worker: nothing is judged by them, and nothing is lost.

The random part runs for S3_REQUESTS requests (600; 10000 in a long run), as SEED says."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from s3_odd import RandomFaults
from s3_proxy import S3Proxy
from support import seed, wait_until
from worker_support import Node, NodeTest, contents

REQUESTS = int(os.environ.get("S3_REQUESTS", "600"))
RATE = 0.06
HARMLESS = {"bucket_unreachable", "timeout"}  # what a job may fail with, for want of an answer


class OddNode(Node):
    def __init__(self, proxy, **settings):
        super().__init__(restore_directories=["/"], retry_delays_s=[1], **settings)
        self.proxy = proxy
        self.restic_environment = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret"}

    def write_config(self, **changes):
        self.write("etc/s3-keys", "[default]\naws_access_key_id = access\naws_secret_access_key = secret\n", 0o600)
        super().write_config(buckets=[{"name": "offsite", "provider": "generic-s3", "server_url": self.proxy.url,
                                       "bucket_name": "bucket", "prefix": "some/where",
                                       "credentials_file": "s3-keys"}], **changes)

    def verify(self):
        result = self.ctl("-o", "json", "verify", "shop", "--all", "--wait", check=False)
        return json.loads(result.stdout)

    def restore(self, backup):
        """The task, and what it has restored."""
        target = self.path("target")
        shutil.rmtree(target, ignore_errors=True)
        result = self.ctl("-o", "json", "restore", backup, "--target", target, "--wait", check=False)
        return json.loads(result.stdout), contents(target + self.data)


def codes(record):
    return {detail["type"].rsplit("/", 1)[-1].rsplit(":", 1)[-1].rsplit("#", 1)[-1]
            for detail in record.get("stateDetails") or []}


class S3Odd(NodeTest):
    def assert_all_well(self, node, backups):
        task = node.verify()
        self.assertEqual("completed", task["state"], task)
        for backup, wanted in backups.items():
            self.assertEqual("completed", node.get(backup)["state"])
            task, restored = node.restore(backup)
            self.assertEqual("completed", task["state"], task)
            self.assertEqual(wanted, restored)
        self.assertEqual(len(backups), len(json.loads(node.restic(
            "-o", "s3.bucket-lookup=path", "snapshots", "--json"))))
        self.assertIn("no errors were found", node.restic("-o", "s3.bucket-lookup=path", "check", "--read-data"))

    def test_a_proxy_that_answers_oddly_for_an_hour_harms_nothing(self):
        with S3Proxy("memory") as proxy, OddNode(proxy, retries_max=0) as node:
            node.start_worker()
            backup = node.create("--wait")
            wanted = contents(node.data)
            for kind, answers in (("whole", True), ("chunked", True), ("no-length", True), ("sizeless", True),
                                  ("zero-sizes", True), ("part-as-whole", False), ("unnamed-part", False),
                                  ("page-200", False), ("empty-list", False)):
                with self.subTest(kind):
                    proxy.set_faults([f"{kind}:GET:1:0", f"{kind}:HEAD:1:0"])
                    task = node.verify()

                    if answers:
                        self.assertEqual("completed", task["state"], task)
                    else:
                        self.assertEqual("failed", task["state"], task)
                        self.assertIn("bucket_unreachable", json.dumps(task["stateDetails"]))
                    self.assertEqual("completed", node.get(backup)["state"])
                    proxy.set_faults([])
            self.assert_all_well(node, {backup: wanted})

    def test_an_exclusive_lock_without_a_length_is_respected(self):
        with S3Proxy("memory") as proxy, OddNode(proxy, retries_max=0) as node:
            node.start_worker()
            node.create("--wait")
            exclusive = self.lock_exclusively(node, proxy)
            for kind in ("no-length", "zero-length", "chunked", "sizeless", "zero-sizes"):
                proxy.set_faults([f"{kind}:GET:1:0", f"{kind}:HEAD:1:0"])

                record, _ = node.follow(node.create())

                self.assertEqual("failed", record["state"], (kind, record))
                self.assertIn("repository_locked", json.dumps(record["stateDetails"]), kind)
            self.assertIn(exclusive, proxy.store.objects)

    def lock_exclusively(self, node, proxy):
        """The lock of a stock restic that prunes, and stands still."""
        key = node.repository_key()
        environment = {"PATH": os.environ["PATH"], "HOME": node.directory, "RESTIC_REPOSITORY": key["repository"],
                       "RESTIC_PASSWORD": key["password"], **node.restic_environment}
        proxy.set_faults(["hang:GET:1:0:/index/"])
        prune = subprocess.Popen(["restic", "--no-cache", "-o", "s3.bucket-lookup=path", "prune"], env=environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(prune.wait)
        self.addCleanup(prune.kill)
        wait_until(lambda: any("/index/" in path for method, path in list(proxy.seen)[-3:]) and
                   any("/locks/" in name for name in list(proxy.store.objects)), 30, "restic has its lock")
        prune.send_signal(signal.SIGSTOP)
        return next(name for name in proxy.store.objects if "/locks/" in name)

    def test_random_answers_are_survived(self):
        number = seed()
        choice = random.Random(number)
        with S3Proxy("memory:7") as proxy, OddNode(proxy, retries_max=6) as node:
            node.start_worker()
            wait_until(lambda: any("/probe/" in path for _, path in list(proxy.seen)), 30, "the bucket was looked at")
            proxy.seen.clear()
            proxy.random = RandomFaults(number, RATE)
            backups, failures, rounds = {}, [], 0
            while len(proxy.seen) < REQUESTS or rounds < 4:
                self.one_round(node, choice, backups, failures, rounds)
                rounds += 1
            proxy.random, troubled = None, proxy.random.counts
            print(f"seed {number}: {len(proxy.seen)} requests in {rounds} rounds, "
                  f"{sum(troubled.values())} troubled: {troubled}; {len(backups)} backups; failed: {failures}")
            self.assertGreater(len(backups), rounds // 4)
            self.assert_all_well(node, backups)

    def one_round(self, node, choice, backups, failures, number):
        """A backup of changed data; a verification, a restore or the deletion of an earlier one."""
        node.write(f"data/{number % 10}.bin", choice.randbytes(choice.randrange(100, 300000)))
        record, _ = node.follow(node.create(), seconds=200)
        if self.ended_well(record, failures):
            backups[record["id"]] = contents(node.data)
        if number % 3 == 0:
            self.ended_well(node.verify(), failures)
        if number % 4 == 1 and backups:
            backup = choice.choice(sorted(backups))
            task, restored = node.restore(backup)
            if self.ended_well(task, failures):
                self.assertEqual(backups[backup], restored)
        if number % 2 == 1 and len(backups) > 3:
            self.delete(node, choice.choice(sorted(backups)), backups)
        for backup in backups:
            self.assertEqual("completed", node.get(backup)["state"], "judged by an odd answer")

    @staticmethod
    def delete(node, backup, backups):
        node.ctl("backup", "delete", backup)

        def ended():
            record = node.get(backup)
            return record is None or record["state"] != "deleting"
        wait_until(ended, 200, "the delete ends")
        while node.get(backup) is not None:  # given up for want of an answer: asked for again
            node.ctl("backup", "delete", backup, check=False)
            wait_until(ended, 200, "the delete ends")
        del backups[backup]

    def ended_well(self, record, failures):
        if record["state"] == "completed":
            return True
        self.assertEqual("failed", record["state"], record)
        found = codes(record)
        self.assertTrue(found & HARMLESS and not found & {"data_damaged", "corrupt"}, record)
        failures.append(sorted(found))
        return False


if __name__ == "__main__":
    unittest.main()
