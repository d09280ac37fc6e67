"""What the tests of the API share: a real Redis, appbackupd, and in place of a worker what a worker registers."""

import json
import re
import unittest

from support import BACKUP, Client, Daemon, Redis, Scratch, free_port, wait_until, write_config

ONE = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
EMPTY = "33333333-3333-4333-8333-333333333333"
SHOP = "aaaaaaaa-0000-4000-8000-000000000001"
WIKI = "aaaaaaaa-0000-4000-8000-000000000002"
FOREIGN = "aaaaaaaa-0000-4000-8000-000000000003"
LONELY = "aaaaaaaa-0000-4000-8000-000000000004"
SLOW = "aaaaaaaa-0000-4000-8000-000000000005"
PICKY = "aaaaaaaa-0000-4000-8000-000000000006"
MAIN = "bbbbbbbb-0000-4000-8000-000000000001"
SPARE = "bbbbbbbb-0000-4000-8000-000000000002"
NOBODY = "cccccccc-0000-4000-8000-00000000dead"
ACCOUNTS = {
    ONE: {"view": "viewer", "work": "member", "rule": "admin", "own": "owner"},
    OTHER: {"other": "owner"},
    EMPTY: {"empty": "member"},
}
MEDIA = BACKUP + "+json"
UUID = re.compile("^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
CLOSED_SCHEMA = {
    "type", "version", "id", "name", "bucketID", "snapshotID", "scheduleID", "state", "stateUnready",
    "stateDetails", "hookState", "hookStateDetails", "backupCreationTimestamp", "totalBytes", "bytesDone",
    "percentDone", "metadata"}


class Service(unittest.TestCase):
    """A Redis and an appbackupd for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.remove)
        cls.redis = Redis(cls.scratch)
        cls.addClassCleanup(cls.redis.kill)
        cls.redis.start()
        cls.port = free_port()
        cls.unix = cls.scratch.join("http")
        cls.config = cls.scratch.join("appbackup.yaml")
        cls.configure()
        cls.daemon = Daemon(cls.config, cls.scratch.join("daemon.log"), cls.port)
        cls.addClassCleanup(cls.daemon.kill)
        cls.daemon.start()
        with Client(cls.port) as client:
            wait_until(lambda: "redis" in client.get("/readyz").json, 10, "the library is loaded")
        cls.register()

    @classmethod
    def configure(cls, accounts=ACCOUNTS, **sections):
        write_config(cls.config, cls.redis.address,
                     [f"127.0.0.1:{cls.port}", "unix:" + cls.unix], accounts, **sections)

    @classmethod
    def register(cls):
        cls.redis.call("node_register", "testnode", "0.1.0", 2)
        cls.redis.call("apps_register", "testnode", json.dumps([
            {"id": SHOP, "account": ONE, "name": "shop"},
            {"id": WIKI, "account": ONE, "name": "wiki"},
            {"id": FOREIGN, "account": OTHER, "name": "foreign"},
            {"id": LONELY, "account": EMPTY, "name": "lonely"}]))
        for bucket, account, name, default in ((MAIN, ONE, "main", 1), (SPARE, ONE, "spare", 0)):
            cls.redis.call("bucket_register", bucket, account, name, "directory", "file://testnode", name,
                           "available", "[]", default)

    def setUp(self):
        self.client = Client(self.port, "work")
        self.addCleanup(self.client.close)

    def path(self, rest, account=ONE):
        return f"/accounts/{account}/{rest}"

    def backups(self, app=SHOP, rest=""):
        return self.path(f"k8s/v1/apps/{app}/appBackups{rest}")

    def post(self, app=SHOP, headers=None, token=None, **fields):
        body = {"type": BACKUP, "version": "1.1", **fields}
        return self.client.request("POST", self.backups(app), body,
                                   {"Content-Type": MEDIA, **(headers or {})}, token)

    def create(self, app=SHOP, **fields):
        answer = self.post(app, **fields)
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def assert_problem(self, answer, status, number, *members):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.media, "application/problem+json")
        problem = answer.json
        self.assertEqual(problem["type"], f"https://astra.netapp.io/problems/{number}", problem)
        self.assertEqual(problem["status"], str(status))
        self.assertTrue(problem["title"] and problem["detail"])
        self.assertRegex(problem["correlationID"], UUID)
        self.assertEqual(problem["correlationID"], answer.headers["X-Correlation-ID"])
        self.assertEqual(set(problem), {"type", "title", "detail", "status", "correlationID", *members})
        return problem
