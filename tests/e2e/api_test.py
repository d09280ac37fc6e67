"""The API as a caller meets it: a real Redis, appbackupd, and in place of a worker what a worker registers."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse
import uuid

from support import BACKUP, BIN, Client, Daemon, Redis, Scratch, free_port, wait_until, write_config

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


class Cancel(Service):
    def cancel(self, backup, body=None, path=None, **options):
        return self.client.request("POST", path or self.backups(rest=f"/{backup}/cancel"), body, **options)

    def test_a_waiting_one_has_ended_with_the_answer(self):
        for path in ("k8s/v1/apps/" + SHOP + "/appBackups/", "topology/v1/appBackups/"):
            with self.subTest(path=path):
                backup = self.create()["id"]
                answer = self.cancel(backup, {"reason": "no \u00e4pple"}, self.path(path + backup + "/cancel"))
                self.assertEqual(answer.status, 202, answer)
                record = answer.json
                self.assertEqual(record, self.client.get(self.backups(rest="/" + backup)).json)
                self.assertEqual(record["state"], "failed")
                self.assertEqual(record["stateUnready"], ["canceled on request: no \u00e4pple"])
                self.assertEqual([detail["type"].rsplit("/", 1)[1] for detail in record["stateDetails"]], ["canceled"])
                self.assertLessEqual(set(record), CLOSED_SCHEMA)
                self.assert_problem(self.cancel(backup), 409, 128)
                # DELETE is what follows.
                self.assertEqual(self.client.request("DELETE", self.backups(rest="/" + backup)).status, 204)

    def test_without_a_body_and_with_an_empty_one(self):
        for body in (None, "", "{}"):
            with self.subTest(body=body):
                answer = self.cancel(self.create()["id"], body)
                self.assertEqual((answer.status, answer.json["stateUnready"]), (202, ["canceled on request"]))

    def test_what_is_refused(self):
        backup = self.create()["id"]
        self.assert_problem(self.cancel(backup, token="view"), 403, 11)
        self.assert_problem(self.cancel(NOBODY), 404, 1)
        self.assert_problem(self.cancel(backup, path=self.backups(WIKI, f"/{backup}/cancel")), 404, 1)
        self.assert_problem(self.cancel(backup, path=self.backups(rest="/x/cancel")), 400, 35)
        self.assert_problem(self.cancel(backup, "{"), 400, 7)
        for body in ([], {"why": "x"}, {"reason": 1}, {"reason": "x" * 256}):
            with self.subTest(body=body):
                self.assert_problem(self.cancel(backup, body), 400, 8, "schemaValidationFailure")
        self.assertEqual(self.client.get(self.backups(rest="/" + backup)).json["state"], "pending")
        self.assertEqual(self.client.get(self.backups(rest=f"/{backup}/cancel")).status, 405)

    def test_one_that_is_being_deleted(self):
        backup = self.create()["id"]
        job = self.redis.cli("HGET", "appbackup:backup:" + backup, "job")
        self.redis.cli("HSET", "appbackup:backup:" + backup, "state", "deleting")
        self.assert_problem(self.cancel(backup), 409, 174)
        self.redis.cli("HSET", "appbackup:backup:" + backup, "state", "pending")
        self.assertTrue(job)


class OneAtATime(Service):
    @classmethod
    def register(cls):
        super().register()
        cls.redis.call("node_register", "pickynode", "0.1.0", 2)
        cls.redis.call("apps_register", "pickynode", json.dumps([
            {"id": PICKY, "account": ONE, "name": "picky", "concurrent_backups": "refuse"}]))

    def test_an_app_may_refuse_a_second_backup(self):
        first = self.create(PICKY)
        self.assert_problem(self.post(PICKY), 409, 112)
        answer = self.client.request("POST", self.backups(PICKY, f"/{first['id']}/cancel"))
        self.assertEqual(answer.status, 202, answer)
        self.create(PICKY)


class Once(Service):
    def key(self, key, **options):
        return self.post(headers={"Idempotency-Key": key}, **options)

    def test_a_repetition_gets_the_same_backup(self):
        first = self.key("k 1", name="once", metadata={"labels": [{"name": "a", "value": "b"}]})
        self.assertEqual(first.status, 201, first)
        self.assertNotIn("Idempotent-Replayed", first.headers)
        body = (b'{"metadata": {"labels": [{"value": "b", "name": "a"}]},\n "name": "once", '
                b'"version": "1.1", "type": "application/astra-appBackup"}')
        again = self.client.request("POST", self.backups(), body, {"Idempotency-Key": "k 1"})
        self.assertEqual(again.status, 201, again)
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual(again.headers["Location"], first.headers["Location"])
        self.assertEqual(again.json, first.json)

        # And by then the backup may have gone on.
        self.redis.cli("HSET", "appbackup:backup:" + first.json["id"], "bytes_total", "10",
                       "bytes_done", "5", "percent_done", "50")
        again = self.key("k 1", name="once", metadata={"labels": [{"name": "a", "value": "b"}]})
        self.assertEqual((again.status, again.json["percentDone"]), (201, 50))

    def test_a_key_belongs_to_one_request_of_one_app(self):
        first = self.key("k2", name="one")
        self.assert_problem(self.key("k2", name="two"), 409, 10)
        self.assert_problem(self.key("k2", name="one", version="1.2"), 409, 10)
        other = self.key("k2", app=WIKI, name="one")
        self.assertEqual(other.status, 201, other)
        self.assertNotEqual(other.json["id"], first.json["id"])
        self.assertEqual(self.client.request("DELETE", self.backups(rest="/" + first.json["id"])).status, 204)
        self.assert_problem(self.key("k2", name="one"), 409, 10)

    def test_a_refused_request_leaves_its_key_unused(self):
        self.assert_problem(self.key("k3", name="Not a name"), 400, 8, "schemaValidationFailure")
        self.assert_problem(self.key("k3", bucketID=NOBODY), 400, 108)
        self.assertEqual(self.key("k3", name="now-good").status, 201)

    def test_a_key_is_printable_and_short(self):
        for key in ("", "x" * 256, "tab\there", "\xe4"):
            with self.subTest(key=key):
                problem = self.assert_problem(self.key(key), 400, 12, "invalidParams")
                self.assertEqual(problem["invalidParams"][0]["name"], "Idempotency-Key")
        self.assertEqual(self.key("x" * 255).status, 201)

    def test_a_thousand_at_once_make_one(self):
        def post(number):
            with Client(self.port, "work") as client:
                return [client.request("POST", self.backups(), {"type": BACKUP, "version": "1.1"},
                                       {"Content-Type": MEDIA, "Idempotency-Key": "flood"})
                        for _ in range(25)]
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            answers = [answer for part in pool.map(post, range(40)) for answer in part]
        self.assertEqual(len(answers), 1000)
        self.assertEqual({answer.status for answer in answers}, {201})
        self.assertEqual(len({answer.json["id"] for answer in answers}), 1)
        self.assertEqual(len({answer.headers["Location"] for answer in answers}), 1)
        self.assertEqual(sum("Idempotent-Replayed" not in answer.headers for answer in answers), 1)
        listed = self.client.get(self.backups() + "?include=id").json["items"]
        self.assertEqual(listed.count([answers[0].json["id"]]), 1)


class Backups(Service):
    def test_a_post_gives_a_pending_backup_and_its_location(self):
        answer = self.post(name="first", version="1.2",
                           metadata={"labels": [{"name": "tier", "value": "gold"}]})

        self.assertEqual(answer.status, 201, answer)
        backup = answer.json
        self.assertEqual(answer.headers["Location"],
                         f"http://127.0.0.1:{self.port}" + self.backups(rest="/" + backup["id"]))
        self.assertEqual((backup["type"], backup["version"], backup["name"], backup["state"]),
                         (BACKUP, "1.2", "first", "pending"))
        self.assertEqual(backup["bucketID"], MAIN)
        self.assertRegex(backup["id"], UUID)
        self.assertEqual(backup["stateUnready"], [])
        self.assertIn({"name": "tier", "value": "gold"}, backup["metadata"]["labels"])
        self.assertRegex(backup["metadata"]["creationTimestamp"], TIME)
        self.assertRegex(backup["metadata"]["createdBy"], UUID)
        self.assertLessEqual(set(backup), CLOSED_SCHEMA)
        at_location = self.client.get(urllib.parse.urlsplit(answer.headers["Location"]).path)
        self.assertEqual(at_location.status, 200)
        self.assertEqual(at_location.json["id"], backup["id"])

    def test_name_and_bucket_are_assigned_when_absent_and_kept_when_given(self):
        assigned = self.create()
        chosen = self.create(name="chosen", bucketID=SPARE)

        self.assertRegex(assigned["name"], "^backup-[0-9]{14}-[0-9a-f]{8}$")
        self.assertEqual(assigned["bucketID"], MAIN)
        self.assertEqual((chosen["name"], chosen["bucketID"]), ("chosen", SPARE))

    def test_the_version_is_echoed_in_every_answer(self):
        for version in ("1.0", "1.1", "1.2"):
            backup = self.create(version=version)
            self.assertEqual(backup["version"], version)
            self.assertEqual(self.client.get(self.backups(rest="/" + backup["id"])).json["version"], version)

    def test_the_list_shows_a_new_backup_at_once(self):
        backup = self.create()

        for path in (self.backups(), self.path("topology/v1/appBackups")):
            answer = self.client.get(path)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.media, "application/json")
            self.assertEqual(set(answer.json), {"items", "metadata"})
            self.assertIn(backup["id"], [item["id"] for item in answer.json["items"]])

    def test_include_projects_and_limit_cuts(self):
        first = self.create(WIKI)
        time.sleep(0.002)  # those of one millisecond are in the order of their ids
        second = self.create(WIKI)

        answer = self.client.get(self.backups(WIKI, "?include=id,state,scheduleID,name,name"))
        rows = {row[0]: row for row in answer.json["items"]}
        self.assertEqual(rows[first["id"]], [first["id"], "pending", None, first["name"], first["name"]])
        answer = self.client.get(self.backups(WIKI, "?limit=1&include=id"))
        self.assertEqual(answer.json["items"], [[first["id"]]])
        self.assertIn([second["id"]], self.client.get(self.backups(WIKI, "?include=id")).json["items"])

    def test_a_long_list_is_read_in_pages_and_is_complete(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            def make(part):
                with Client(self.port, "other") as client:
                    made = []
                    for _ in range(part):
                        answer = client.request("POST", f"/accounts/{OTHER}/k8s/v1/apps/{FOREIGN}/appBackups",
                                                {"type": BACKUP, "version": "1.0", "bucketID": shared})
                        assert answer.status == 201, answer
                        made.append(answer.json["id"])
                    return made
            shared = "bbbbbbbb-0000-4000-8000-000000000009"
            self.redis.call("bucket_register", shared, OTHER, "huge", "directory", "file://testnode", "huge",
                            "available", "[]", 0)
            wanted = [backup for part in pool.map(make, [140] * 8) for backup in part]

        with Client(self.port, "other") as client:
            path = f"/accounts/{OTHER}/k8s/v1/apps/{FOREIGN}/appBackups?include=id"
            found = [row[0] for row in client.get(path).json["items"]]
            self.assertEqual(len(found), len(set(found)))
            self.assertEqual(set(found), set(wanted))
            self.assertEqual(client.get(path + "&limit=700").json["items"], [[row] for row in found[:700]])

    def test_get_one_has_an_etag_that_is_the_md5_of_the_document(self):
        backup = self.create()
        path = self.backups(rest="/" + backup["id"])

        answer = self.client.get(path)
        tag = answer.headers["ETag"]
        self.assertEqual(tag, '"' + hashlib.md5(answer.body).hexdigest() + '"')
        unchanged = self.client.get(path, headers={"If-None-Match": tag})
        self.assertEqual((unchanged.status, unchanged.body), (304, b""))
        changed = self.client.get(path, headers={"If-None-Match": '"0"'})
        self.assertEqual(changed.status, 200)

    def test_a_pending_backup_that_is_deleted_vanishes(self):
        backup = self.create()
        path = self.backups(rest="/" + backup["id"])

        answer = self.client.request("DELETE", path, {"type": BACKUP, "version": "1.1"})

        self.assertEqual((answer.status, answer.body), (204, b""))
        wait_until(lambda: self.is_gone(path), 5, "the backup is gone")

    def is_gone(self, path):
        answer = self.client.get(path)
        return answer.status == 404 or answer.json["state"] == "deleting"

    def test_delete_by_way_of_the_topology_works_as_well(self):
        backup = self.create()
        path = self.path("topology/v1/appBackups/" + backup["id"])

        self.assertEqual(self.client.get(path).json["id"], backup["id"])
        self.assertEqual(self.client.request("DELETE", path).status, 204)

    def test_a_deletion_under_way_cannot_be_asked_for_again(self):
        self.redis.call("node_register", "slownode", "0.1.0", 1)
        self.redis.call("apps_register", "slownode", json.dumps([{"id": SLOW, "account": ONE, "name": "slow"}]))
        backup = self.create(SLOW)
        self.redis.call("job_claim", "slownode", "tester", 60000, 3)
        path = self.backups(SLOW, "/" + backup["id"])

        self.assertEqual(self.client.request("DELETE", path).status, 204)

        self.assertEqual(self.client.get(path).json["state"], "deleting")
        self.assert_problem(self.client.request("DELETE", path), 409, 174)

    def test_the_unix_socket_serves_the_same(self):
        with Client(unix=self.unix, token="work") as client:
            answer = client.request("POST", self.backups(), {"type": BACKUP, "version": "1.0"},
                                    {"Content-Type": MEDIA})
            self.assertEqual(answer.status, 201)
            self.assertEqual(answer.headers["Location"],
                             "http://localhost" + self.backups(rest="/" + answer.json["id"]))

    def test_a_host_that_is_none_does_not_get_into_the_location(self):
        answer = self.post(headers={"Host": "evil/..?x"})
        self.assertEqual(answer.headers["Location"], self.backups(rest="/" + answer.json["id"]))

    def test_bodies_of_get_and_delete_are_ignored_on_a_kept_connection(self):
        backup = self.create()
        kept = self.client.connection.sock
        for method, path, body in (
                ("GET", self.backups(), {}), ("GET", self.backups(rest="/" + backup["id"]), "not JSON"),
                ("DELETE", self.backups(rest="/" + backup["id"]), "{{{"), ("GET", self.backups(), {})):
            answer = self.client.request(method, path, body, {"Content-Type": "application/json"})
            self.assertIn(answer.status, (200, 204), answer)
            self.assertIs(self.client.connection.sock, kept)

    def test_errors_keep_the_connection_too(self):
        self.assertEqual(self.client.get(self.backups()).status, 200)
        kept = self.client.connection.sock
        for _ in range(3):
            self.assertEqual(self.client.request("POST", self.backups(), "{").status, 400)
            self.assertEqual(self.client.get("/nothing").status, 404)
            self.assertEqual(self.client.get(self.backups()).status, 200)
            self.assertIs(self.client.connection.sock, kept)


class Sharing(Service):
    """Requests that come in one turn of the loop: the daemon is stopped until all of them are there."""

    def ask_at_once(self, requests):
        """requests: (path, headers). The answers, and how many questions the store was asked for them."""
        clients = [Client(self.port, "work") for _ in requests]
        for client in clients:
            self.addCleanup(client.close)
            self.assertEqual(client.get("/healthz").status, 200)
        before = self.questions()
        self.daemon.send(signal.SIGSTOP)
        try:
            for client, (path, headers) in zip(clients, requests):
                client.connection.request("GET", path, None, {"Authorization": "Bearer work", **headers})
        finally:
            self.daemon.send(signal.SIGCONT)
        answers = [client.connection.getresponse() for client in clients]
        bodies = [answer.read() for answer in answers]
        return list(zip(answers, bodies)), self.questions() - before

    def questions(self):
        """For records; what the daemon asks for its own sake reads no hash."""
        found = re.search(r"cmdstat_hgetall:calls=(\d+)", self.redis.cli("INFO", "commandstats"))
        return int(found.group(1)) if found else 0

    def test_callers_of_the_same_backup_share_one_question(self):
        path = self.backups(rest="/" + self.create()["id"])
        tag = self.client.get(path).headers["ETag"]
        requests = [(path, {"Accept": "application/json"}), (path, {"Accept": MEDIA}),
                    (path, {"If-None-Match": tag}), (path, {})] * 4

        answers, questions = self.ask_at_once(requests)

        for index, (answer, body) in enumerate(answers):
            media, status = [("application/json", 200), (MEDIA, 200), (None, 304),
                             ("application/json", 200)][index % 4]
            self.assertEqual((answer.status, answer.headers["ETag"]), (status, tag))
            if media:
                self.assertEqual(answer.headers["Content-Type"], media)
                self.assertEqual('"' + hashlib.md5(body).hexdigest() + '"', tag)
        self.assertLess(questions, len(requests))
        correlations = {answer.headers["X-Correlation-ID"] for answer, _ in answers}
        self.assertEqual(len(correlations), len(requests))

    def test_callers_of_different_backups_get_their_own(self):
        made = [self.create() for _ in range(8)]
        requests = [(self.backups(rest="/" + backup["id"]), {}) for backup in made * 3]

        answers, _ = self.ask_at_once(requests)

        self.assertEqual([json.loads(body)["id"] for _, body in answers],
                         [backup["id"] for backup in made * 3])

    def test_each_caller_of_what_is_not_there_gets_a_problem_of_its_own(self):
        answers, _ = self.ask_at_once([(self.backups(rest="/" + NOBODY), {})] * 6)

        problems = [json.loads(body) for _, body in answers]
        self.assertEqual({answer.status for answer, _ in answers}, {404})
        self.assertEqual(len({problem["correlationID"] for problem in problems}), 6)

    def test_the_paths_of_app_and_account_are_told_apart(self):
        backup = self.create(SHOP)["id"]
        paths = [self.backups(SHOP, "/" + backup), self.backups(WIKI, "/" + backup),
                 self.path("topology/v1/appBackups/" + backup)]

        answers, _ = self.ask_at_once([(path, {}) for path in paths * 3])

        self.assertEqual([answer.status for answer, _ in answers], [200, 404, 200] * 3)


class Gate:
    """A unix socket before that of Redis. before_list(n) is called before the n-th question for a page goes on."""

    def __init__(self, path, behind):
        self.behind = behind
        self.lists = 0
        self.before_list = lambda number: None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                front, _ = self.listener.accept()
            except OSError:
                return
            back = socket.socket(socket.AF_UNIX)
            back.connect(self.behind)
            for ends in ((front, back, self.look), (back, front, lambda data: None)):
                threading.Thread(target=self.forward, args=ends, daemon=True).start()

    @staticmethod
    def forward(source, target, look):
        with source, target, contextlib.suppress(OSError):  # the other thread may have closed them
            while data := source.recv(1 << 16):
                look(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def look(self, data):
        if b"appbackup_backup_list" in data:
            self.lists += 1
            self.before_list(self.lists)


class Paging(Service):
    """A list of more than a page, and what is done between two pages."""

    @classmethod
    def configure(cls, accounts=ACCOUNTS, **sections):
        cls.gate = Gate(cls.scratch.join("gate"), cls.redis.socket)
        cls.addClassCleanup(cls.gate.close)
        super().configure(accounts, redis={"address": "unix:" + cls.scratch.join("gate")}, **sections)

    def fill(self, app):
        """540 backups, 60 each of the same millisecond, in their order."""
        for _ in range(9):
            self.redis.call("backup_create", *[
                field for _ in range(60)
                for field in (uuid.uuid4(), uuid.uuid4(), ONE, app, NOBODY, "1.1", "", "", "", "[]")])
        return self.redis.cli("ZRANGE", "appbackup:backups:" + app, "0", "-1").split()

    def list_while(self, app, *deleted):
        """The list, and these are deleted before its second page."""
        def delete(number):
            for backup in deleted if number == 2 else ():
                self.redis.call("backup_delete", ONE, app, backup, "test")

        self.gate.lists = 0
        self.gate.before_list = delete
        items = self.client.get(self.backups(app, "?include=id")).json["items"]
        self.assertEqual(self.gate.lists, 2)
        return [row[0] for row in items]

    def test_nothing_that_lives_is_left_out_when_others_are_deleted(self):
        made = self.fill(SHOP)

        self.assertEqual(self.list_while(SHOP, *made[:3]), made)

    def test_the_last_one_of_a_page_may_be_deleted(self):
        made = self.fill(WIKI)

        self.assertEqual(self.list_while(WIKI, made[499], made[500]), made[:500] + made[501:])


class MediaTypes(Service):
    def test_the_answer_has_the_type_that_was_asked_for(self):
        backup = self.create()
        one, many = self.backups(rest="/" + backup["id"]), self.backups()
        for path, accept, media in (
                (one, None, "application/json"), (one, "*/*", "application/json"),
                (one, "application/*;q=0.5", "application/json"), (one, MEDIA, MEDIA),
                (one, f"{MEDIA}, application/json;q=0.9", MEDIA),
                (many, MEDIA, MEDIA), (many, BACKUP + "s+json", BACKUP + "s+json"),
                (many, "application/json", "application/json")):
            answer = self.client.get(path, headers={"Accept": accept})
            self.assertEqual((answer.status, answer.media), (200, media), accept)

    def test_a_post_is_answered_in_the_type_it_asks_for(self):
        self.assertEqual(self.post(headers={"Accept": MEDIA}).media, MEDIA)
        self.assertEqual(self.post().media, "application/json")

    def test_what_cannot_be_answered_is_refused_as_json(self):
        for accept in ("text/html", "application/xml, text/*", "application/json;q=0", BACKUP):
            self.assert_problem(self.client.get(self.backups(), headers={"Accept": accept}), 406, 32)
            self.assert_problem(self.post(headers={"Accept": accept}), 406, 32)

    def test_a_refused_post_has_made_nothing(self):
        before = len(self.client.get(self.backups()).json["items"])
        self.assert_problem(self.post(headers={"Accept": "text/html"}), 406, 32)
        self.assertEqual(len(self.client.get(self.backups()).json["items"]), before)

    def test_a_delete_has_no_body_so_accept_does_not_matter(self):
        backup = self.create()
        answer = self.client.request("DELETE", self.backups(rest="/" + backup["id"]),
                                     headers={"Accept": "text/html"})
        self.assertEqual(answer.status, 204)

    def test_json_by_any_name_may_be_posted_and_nothing_else(self):
        for media in ("application/json", "application/json; charset=utf-8", BACKUP + "s+json", None):
            self.assertEqual(self.post(headers={"Content-Type": media}).status, 201, media)
        for media in ("text/plain", "application/x-www-form-urlencoded", "application/astra-appSnap+json"):
            answer = self.post(headers={"Content-Type": media})
            problem = self.assert_problem(answer, 400, 12, "invalidParams")
            self.assertEqual(problem["invalidParams"][0]["name"], "Content-Type")


class BadInput(Service):
    def test_no_token(self):
        for authorization in (None, "Basic d29yazo=", "Bearer", "Bearer "):
            answer = self.client.get(self.backups(), headers={"Authorization": authorization}, token="")
            problem = self.assert_problem(answer, 401, 3)
            self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))
            self.assertIn(problem["correlationID"], self.daemon.log)

    def test_wrong_token(self):
        for token in ("wrong", "wor", "work1", "WORK", "work " * 1000):
            problem = self.assert_problem(self.client.get(self.backups(), token=token), 401, 4)
            self.assertIn(problem["correlationID"], self.daemon.log)
            self.assertNotIn("token=" + token, self.daemon.log)

    def test_role_too_low(self):
        backup = self.create()
        path = self.backups(rest="/" + backup["id"])
        self.assertEqual(self.client.get(path, token="view").status, 200)
        self.assert_problem(self.post(token="view"), 403, 11)
        self.assert_problem(self.client.request("DELETE", path, token="view"), 403, 11)
        for token in ("rule", "own"):
            self.assertEqual(self.post(token=token).status, 201)

    def test_account_of_somebody_else(self):
        for method, path in (("GET", "k8s/v2/apps"), ("GET", f"k8s/v1/apps/{FOREIGN}/appBackups"),
                             ("POST", f"k8s/v1/apps/{FOREIGN}/appBackups")):
            self.assert_problem(self.client.request(method, self.path(path, OTHER)), 404, 2)
            self.assert_problem(self.client.request(method, self.path(path, NOBODY)), 404, 2)

    def test_malformed_ids(self):
        for account in ("x", ONE.upper().replace("1", "A"), ONE[:-1], "1" * 36):
            self.assert_problem(self.client.get(self.path("k8s/v2/apps", account)), 400, 33)
        for path in (self.backups("x"), self.backups(SHOP, "/x"), self.path("topology/v1/buckets/1"),
                     self.path("k8s/v2/apps/" + SHOP.upper()), self.path("topology/v1/clouds/%2e%2e")):
            self.assert_problem(self.client.get(path), 400, 35)

    def test_unknown_app_and_the_app_of_another_account(self):
        for app in (NOBODY, FOREIGN):
            self.assert_problem(self.post(app), 404, 2)
            for path in (self.backups(app), self.backups(app, "/" + NOBODY),
                         self.path(f"k8s/v1/apps/{app}/appSnaps"), self.path("k8s/v2/apps/" + app)):
                self.assert_problem(self.client.get(path), 404, 2)

    def test_unknown_backup(self):
        theirs = Client(self.port, "other")
        self.addCleanup(theirs.close)
        path = self.backups(rest="/" + NOBODY)
        self.assert_problem(self.client.get(path), 404, 2)
        self.assert_problem(self.client.request("DELETE", path), 404, 1)
        mine = self.create(WIKI)["id"]
        self.assert_problem(self.client.get(self.backups(SHOP, "/" + mine)), 404, 2)
        self.assert_problem(self.client.request("DELETE", self.backups(SHOP, "/" + mine)), 404, 1)
        self.assert_problem(
            theirs.get(self.path("topology/v1/appBackups/" + mine, OTHER)), 404, 2)
        self.assert_problem(
            theirs.request("DELETE", self.path("topology/v1/appBackups/" + mine, OTHER)), 404, 1)
        self.assertEqual(self.client.get(self.backups(WIKI, "/" + mine)).json["state"], "pending")

    def test_unknown_other_resources(self):
        for path in ("topology/v1/buckets/", "topology/v1/clouds/", "topology/v1/managedClusters/"):
            self.assert_problem(self.client.get(self.path(path + NOBODY)), 404, 2)

    def test_unknown_paths(self):
        for path in ("/", "/accounts", f"/accounts/{ONE}", self.path("k8s/v1/apps"), "/healthz/x",
                     self.path("k8s/v9/apps"), self.backups(rest="/" + NOBODY + "/more")):
            self.assert_problem(self.client.get(path), 404, 2)

    def test_body_that_is_not_json(self):
        for body in ("", "{", "{}{}", "nonsense", b"\xff\xfe", '{"type": "a", "type": "b"}',
                     '{"a": {"b": 1, "b": 2}}', "[1,]", "{'type': 1}", '{"a": NaN}', "[" * 100000, '{"a": "\\u0000"}'):
            answer = self.client.request("POST", self.backups(), body, {"Content-Type": MEDIA})
            self.assert_problem(answer, 400, 7)

    def test_body_that_is_not_such_a_resource(self):
        for field, body in (
                ("body", []), ("body", "\"text\""), ("body", "null"), ("body", "1"),
                ("type", {"version": "1.1"}), ("version", {"type": BACKUP}),
                ("type", {"type": "application/astra-appSnap", "version": "1.1"}),
                ("type", {"type": None, "version": "1.1"}),
                ("version", {"type": BACKUP, "version": "2.0"}),
                ("version", {"type": BACKUP, "version": 1.1}),
                *[("name", {"type": BACKUP, "version": "1.1", "name": name}) for name in
                  ("", "Upper", "-a", "a-", "a_b", "a" * 64, "ä", 7, None, ["a"], "a.b")],
                ("bucketID", {"type": BACKUP, "version": "1.1", "bucketID": "main"}),
                ("bucketID", {"type": BACKUP, "version": "1.1", "bucketID": MAIN.upper()}),
                ("snapshotID", {"type": BACKUP, "version": "1.1", "snapshotID": "1"}),
                ("path", {"type": BACKUP, "version": "1.1", "path": "/etc"}),
                ("id", {"type": BACKUP, "version": "1.1", "id": NOBODY}),
                ("metadata", {"type": BACKUP, "version": "1.1", "metadata": []}),
                ("labels", {"type": BACKUP, "version": "1.1", "metadata": {"labels": {}}}),
                ("labels", {"type": BACKUP, "version": "1.1", "metadata": {"labels": [{"name": "a"}]}})):
            answer = self.client.request("POST", self.backups(), body, {"Content-Type": MEDIA})
            problem = self.assert_problem(answer, 400, 8, "schemaValidationFailure")
            self.assertIn(field, problem["schemaValidationFailure"], body)

    def test_the_largest_labels_that_the_schema_allows_are_kept(self):
        labels = [{"name": f"{number:03}" + "\U0001f600" * 252, "value": "\U0001f600" * 255}
                  for number in range(64)]
        kept = self.create(metadata={"labels": labels})["metadata"]["labels"]
        for label in labels:
            self.assertIn(label, kept)

    def test_unknown_bucket(self):
        self.assert_problem(self.post(bucketID=NOBODY), 400, 108)

    def test_unknown_snapshot_and_one_of_another_app(self):
        snapshot = str(uuid.uuid4())
        self.assert_problem(self.post(snapshotID=snapshot), 400, 46)
        self.redis.cli("HSET", "appbackup:snapshot:" + snapshot, "id", snapshot, "app", WIKI)
        self.assert_problem(self.post(snapshotID=snapshot), 403, 47)

    def test_no_bucket_at_all(self):
        with Client(self.port, "empty") as client:
            answer = client.request("POST", f"/accounts/{EMPTY}/k8s/v1/apps/{LONELY}/appBackups",
                                    {"type": BACKUP, "version": "1.0"}, {"Content-Type": MEDIA})
            self.assert_problem(answer, 400, 127)

    def test_name_in_use(self):
        self.create(name="taken")
        self.assert_problem(self.post(name="taken"), 409, 143)
        self.assertEqual(self.post(WIKI, name="taken").status, 201, "names are per app")

    def test_query_parameters(self):
        backup = self.create()
        one = self.backups(rest="/" + backup["id"])
        for path, names in (
                (self.backups(rest="?orderBy=name"), ["orderBy"]), (self.backups(rest="?filter=x"), ["filter"]),
                (self.backups(rest="?limit=0&skip=1&count=true"), ["skip", "count"]),
                (one + "?include=id", ["include"]), (self.path("topology/v1/buckets?limit=1"), ["limit"]),
                (self.backups(rest="?%ff=1"), None)):
            problem = self.assert_problem(self.client.get(path), 400, 6, "invalidParams")
            if names:
                self.assertEqual([entry["name"] for entry in problem["invalidParams"]], names)
        for path, name in (
                (self.backups(rest="?limit=0"), "limit"), (self.backups(rest="?limit=-1"), "limit"),
                (self.backups(rest="?limit=ten"), "limit"), (self.backups(rest="?limit="), "limit"),
                (self.backups(rest="?include="), "include"), (self.backups(rest="?include=id,,name"), "include"),
                (self.path("k8s/v2/apps?filter=name"), "filter")):
            problem = self.assert_problem(self.client.get(path), 400, 5, "invalidParams")
            self.assertEqual([entry["name"] for entry in problem["invalidParams"]], [name])
            self.assertTrue(problem["invalidParams"][0]["reason"])
        self.assert_problem(
            self.client.request("POST", self.backups(rest="?limit=1"), {"type": BACKUP, "version": "1.0"}),
            400, 6, "invalidParams")

    def test_other_methods(self):
        for path, allowed in ((self.backups(), {"GET", "HEAD", "POST"}),
                              (self.backups(rest="/" + NOBODY), {"GET", "HEAD", "DELETE"}),
                              (self.path("k8s/v2/apps"), {"GET", "HEAD"}),
                              (self.path("k8s/v2/apps/" + SHOP), {"GET", "HEAD", "PUT"}), ("/healthz", {"GET", "HEAD"})):
            for method in {"PUT", "PATCH", "DELETE", "POST", "OPTIONS"} - allowed:
                answer = self.client.request(method, path)
                self.assert_problem(answer, 405, 69)
                self.assertEqual(set(answer.headers["Allow"].split(", ")), allowed, (method, path))

    def test_body_too_large(self):
        body = json.dumps({"type": BACKUP, "version": "1.1", "name": "a" * (2 << 20)})
        answer = self.client.request("POST", self.backups(), body, {"Content-Type": MEDIA})
        self.assert_problem(answer, 413, 85)
        with Client(self.port, "work") as client:
            self.assertEqual(client.get(self.backups()).status, 200)


class Restores(Service):
    def complete(self, backup):
        """Does the worker's part, as far as the store is concerned."""
        epoch = self.claim(backup["id"], "backup")
        job = self.redis.cli("HGET", "appbackup:backup:" + backup["id"], "job")
        self.redis.call("job_advance", job, epoch, "discovering", 60000)
        self.redis.call("job_advance", job, epoch, "running", 60000)
        self.redis.call("job_finish", job, epoch, "completed", 0, "")

    def claim(self, subject, kind):
        """Claims until it has the job of this record; the others stay claimed."""
        key = {"backup": "appbackup:backup:", "task": "appbackup:task:"}[kind] + subject
        job = self.redis.cli("HGET", key, "job")
        for _ in range(200):
            if self.redis.cli("HGET", "appbackup:job:" + job, "state") == "claimed":
                return self.redis.cli("HGET", "appbackup:job:" + job, "epoch")
            self.redis.call("job_claim", "restorenode", "tester", 60000, 3)
        raise AssertionError("the job is not claimed")

    def restore(self, app, backup, headers=None, token=None, **fields):
        body = {"type": "application/astra-app", "version": "2.2", "backupID": backup, **fields}
        return self.client.request("PUT", self.path("k8s/v2/apps/" + app), body,
                                   {"ForceUpdate": "true", **(headers or {})}, token)

    def restorable(self):
        """An app of its own with a completed backup."""
        app = str(uuid.uuid4())
        self.redis.call("node_register", "restorenode", "0.1.0", 1)
        self.redis.call("apps_register", "restorenode", json.dumps(
            [{"id": app, "account": ONE, "name": "restored"}]))
        self.addCleanup(self.redis.call, "apps_register", "restorenode", "[]")
        backup = self.create(app)
        self.complete(backup)
        return app, backup["id"]

    def test_an_app_is_restored_in_place(self):
        app, backup = self.restorable()
        path = self.path("k8s/v2/apps/" + app)
        self.assertEqual(self.client.get(path).json["state"], "ready")

        answer = self.restore(app, backup)

        self.assertEqual((answer.status, answer.body), (204, b""), answer)
        shown = self.client.get(path).json
        self.assertEqual(shown["state"], "restoring")
        self.assertIn("in place", shown["stateDetails"][0]["detail"])
        self.assertEqual([["restored", "restoring"]], self.client.get(self.path(
            "k8s/v2/apps?include=name,state&filter=" + urllib.parse.quote(f"id eq '{app}'"))).json["items"])
        self.assert_problem(self.restore(app, backup), 409, 112)
        self.assert_problem(self.client.request("DELETE", self.backups(app, "/" + backup)), 409, 142)
        task = self.redis.cli("SMEMBERS", "appbackup:active-tasks:" + app)
        epoch = self.claim(task, "task")
        job = self.redis.cli("HGET", "appbackup:task:" + task, "job")
        self.redis.call("job_advance", job, epoch, "running", 60000)
        self.assertEqual(self.client.get(path).json["state"], "restoring")
        self.redis.call("job_finish", job, epoch, "completed", 0, "")
        shown = self.client.get(path).json
        self.assertEqual((shown["state"], shown["stateDetails"]), ("ready", []))
        self.assertEqual(self.client.request("DELETE", self.backups(app, "/" + backup)).status, 204)

    def test_a_restore_that_failed_shows_in_the_app(self):
        app, backup = self.restorable()
        self.assertEqual(self.restore(app, backup).status, 204)
        task = self.redis.cli("SMEMBERS", "appbackup:active-tasks:" + app)
        epoch = self.claim(task, "task")
        job = self.redis.cli("HGET", "appbackup:task:" + task, "job")
        self.redis.call("job_advance", job, epoch, "running", 60000)
        self.redis.call("job_finish", job, epoch, "failed", 0, "pack 12 is 'damaged'")
        shown = self.client.get(self.path("k8s/v2/apps/" + app)).json
        self.assertEqual(shown["state"], "failed")
        self.assertIn("pack 12 is 'damaged'", shown["stateDetails"][0]["detail"])

    def test_a_restore_that_cannot_be_is_refused(self):
        app, backup = self.restorable()
        pending = self.create(app)["id"]
        foreign = self.create(WIKI)["id"]
        self.assert_problem(self.restore(app, backup, {"ForceUpdate": None}), 403, 79)
        self.assert_problem(self.restore(app, backup, {"ForceUpdate": "yes"}), 400, 12, "invalidParams")
        self.assert_problem(self.restore(NOBODY, backup), 404, 1)
        self.assert_problem(self.restore(app, NOBODY), 400, 74)
        self.assert_problem(self.restore(app, foreign), 403, 76)
        self.assert_problem(self.restore(app, pending), 409, 152)
        self.assert_problem(self.restore(app, backup, restoreFilter={}), 409, 155)
        self.assert_problem(self.restore(app, backup, {"Content-Type": "text/plain"}), 400, 12, "invalidParams")
        self.assert_problem(self.restore(app, backup, token="view"), 403, 11)
        for fields in ({"type": "application/astra-appBackup"}, {"version": "1.2"}, {"name": "x"},
                       {"backupID": "x"}, {"snapshotID": NOBODY}, {"restoreFilter": "x"}):
            self.assert_problem(self.restore(app, **{"backup": backup, **fields}) if "backupID" not in fields
                                else self.restore(app, fields["backupID"]), 400, 8, "schemaValidationFailure")
        answer = self.client.request("PUT", self.path("k8s/v2/apps/" + app), {
            "type": "application/astra-app", "version": "2.2", "snapshotID": NOBODY}, {"ForceUpdate": "true"})
        self.assert_problem(answer, 400, 46)
        self.assertEqual(self.client.get(self.path("k8s/v2/apps/" + app)).json["state"], "ready")


class OtherResources(Service):
    def test_apps(self):
        listed = self.client.get(self.path("k8s/v2/apps")).json["items"]
        self.assertEqual([app["name"] for app in listed], ["shop", "wiki"])
        shop = self.client.get(self.path("k8s/v2/apps/" + SHOP)).json
        self.assertEqual(shop, listed[0])
        for field in ("id", "name", "state", "clusterID", "clusterName", "namespaces",
                      "namespaceScopedResources", "metadata", "protectionState"):
            self.assertIn(field, shop)
        self.assertEqual(shop["clusterName"], "testnode")

    def test_apps_can_be_filtered(self):
        for text, names in (("name eq 'shop'", ["shop"]), ("name in 'wiki,shop'", ["shop", "wiki"]),
                            ("name gt 'shop'", ["wiki"]), ("name eq 'none'", []),
                            (f"name eq 'shop',id eq '{WIKI}'", [])):
            query = urllib.parse.quote(text) + "&include=name"
            answer = self.client.get(self.path("k8s/v2/apps?filter=" + query))
            self.assertEqual(answer.json["items"], [[name] for name in names], text)
        plus = self.client.get(self.path("k8s/v2/apps?filter=name+eq+'shop'"))
        self.assertEqual([app["id"] for app in plus.json["items"]], [SHOP])

    def test_buckets(self):
        listed = self.client.get(self.path("topology/v1/buckets")).json["items"]
        self.assertEqual([bucket["name"] for bucket in listed], ["main", "spare"])
        self.assertEqual(self.client.get(self.path("topology/v1/buckets/" + MAIN)).json, listed[0])
        for field in ("id", "name", "provider", "state", "bucketParameters"):
            self.assertIn(field, listed[0])

    def test_clouds_and_clusters_name_the_default_bucket(self):
        for collection in ("clouds", "managedClusters"):
            path = self.path("topology/v1/" + collection)
            listed = self.client.get(path).json["items"]
            self.assertEqual(len(listed), 1)
            self.assertEqual(listed[0]["defaultBucketID"], MAIN)
            self.assertEqual(self.client.get(f"{path}/{listed[0]['id']}").json, listed[0])
        self.assertEqual(listed[0]["name"], "testnode")
        cloud = self.client.get(self.path("topology/v1/clouds")).json["items"][0]
        self.assertEqual(cloud["cloudType"], "private")
        self.assertEqual(listed[0]["cloudID"], cloud["id"])

    def test_snapshots_of_a_known_app_are_none(self):
        answer = self.client.get(self.path(f"k8s/v1/apps/{SHOP}/appSnaps"))
        self.assertEqual(answer.json, {"items": [], "metadata": {}})

    def test_double_slashes_of_sloppy_clients_are_skipped(self):
        self.assertEqual(self.client.get(f"/accounts/{ONE}//k8s/v2/apps").status, 200)

    def test_head_is_a_get_without_a_body(self):
        answer = self.client.request("HEAD", self.path("k8s/v2/apps/" + SHOP))
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["ETag"], self.client.get(self.path("k8s/v2/apps/" + SHOP)).headers["ETag"])

    def test_health_needs_no_token(self):
        with Client(self.port) as client:
            self.assertEqual(client.get("/healthz").json, {"status": "ok"})
            self.redis.call("node_heartbeat", "testnode", 0)
            answer = client.get("/readyz")
            self.assertEqual((answer.status, answer.json["status"]), (200, "ready"), answer)
            self.assertGreaterEqual(answer.json["workers"], 1)

    def test_ready_says_what_is_not(self):
        self.addCleanup(self.redis.cli, "CONFIG", "SET", "appendonly", "yes")
        self.redis.cli("CONFIG", "SET", "appendonly", "no")
        answer = self.client.get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("append-only", " ".join(answer.json["notReady"]))
        self.assertIn("redis_not_durable", answer.json["codes"])
        self.assertIn("Retry-After", answer.headers)
        wait_until(lambda: "Redis is not safe" in self.daemon.log, 15, "the log says so as well")
        time_of_first = self.daemon.log.count("Redis is not safe")
        self.redis.cli("CONFIG", "SET", "appendonly", "yes")
        wait_until(lambda: "Redis is safe again" in self.daemon.log, 15, "and that it is over")
        self.assertEqual((time_of_first, self.daemon.log.count("Redis is not safe")), (1, 1))


class RedisAway(Service):
    def assert_refused_in_time(self):
        started = time.monotonic()
        answer = self.client.get(self.backups())
        self.assertLess(time.monotonic() - started, 1.0)
        problem = self.assert_problem(answer, 503, 41)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertIn(problem["correlationID"], self.daemon.log)
        self.assert_problem(self.post(), 503, 41)
        self.assertEqual(self.client.get("/readyz").status, 503)
        self.assertEqual(self.client.get("/healthz").status, 200)

    def assert_recovers(self):
        wait_until(lambda: self.client.get(self.backups()).status == 200, 5, "it serves again")
        self.assertEqual(self.post().status, 201)

    def test_a_redis_that_stands_still(self):
        self.redis.send(signal.SIGSTOP)
        try:
            self.assert_refused_in_time()
        finally:
            self.redis.send(signal.SIGCONT)
        self.assert_recovers()

    def test_a_redis_that_is_killed_and_comes_back(self):
        backup = self.create()
        wait_until(lambda: self.is_on_disk(backup["id"]), 5, "the append-only file has it")
        self.redis.kill()
        self.assert_refused_in_time()
        self.redis.start()
        self.assert_recovers()
        self.assertEqual(self.client.get(self.backups(rest="/" + backup["id"])).json["id"], backup["id"])

    def is_on_disk(self, backup):
        folder = os.path.join(self.redis.directory, "appendonlydir")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                if backup.encode() in file.read():
                    return True
        return False


class Configuration(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.config = self.scratch.join("appbackup.yaml")
        self.port = free_port()

    def write(self, **sections):
        write_config(self.config, "unix:" + self.scratch.join("none"), [f"127.0.0.1:{self.port}"], ACCOUNTS,
                     **sections)

    def run_daemon(self, *arguments):
        return subprocess.run([os.path.join(BIN, "appbackupd"), *arguments], capture_output=True, text=True,
                              timeout=20)

    def test_a_wrong_one_ends_it_before_it_listens(self):
        for change, key in (({"http": {"bodybytes": 1}}, "bodybytes"),
                            ({"http": {"connections_max": "many"}}, "connections_max"),
                            ({"redis": {"address": "nowhere"}}, "redis.address"),
                            ({"http": {"listeners": [{"address": "0.0.0.0:1"}]}}, "certificate")):
            self.write(**change)
            for arguments in (("--config", self.config), ("--config", self.config, "--check")):
                result = self.run_daemon(*arguments)
                self.assertEqual(result.returncode, 78, result)
                self.assertRegex(result.stderr, re.escape(self.config) + r":\d+: .*" + key)
                self.assertNotIn("listening", result.stderr)

    def test_one_that_is_missing_or_is_no_yaml(self):
        self.assertEqual(self.run_daemon("--config", self.config).returncode, 78)
        with open(self.config, "w") as file:
            file.write("a: [1\nb: }\n")
        result = self.run_daemon("--config", self.config)
        self.assertEqual(result.returncode, 78)
        self.assertIn(self.config + ":", result.stderr)

    def test_a_good_one_passes_the_check(self):
        self.write()
        result = self.run_daemon("--config", self.config, "--check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_help_version_and_wrong_usage(self):
        self.assertIn("--standalone", self.run_daemon("--help").stdout)
        self.assertRegex(self.run_daemon("--version").stdout, r"^appbackupd \d+\.\d+\.\d+\n$")
        for arguments in (("--nonsense",), ("extra",), ("--standalone",), ("--listen", "127.0.0.1:1"),
                          ("--standalone", "--state-directory", "x", "--config", "y")):
            self.assertEqual(self.run_daemon(*arguments).returncode, 64, arguments)

    def test_it_starts_and_answers_without_redis_and_stops_when_told(self):
        self.write()
        daemon = Daemon(self.config, self.scratch.join("log"), self.port)
        self.addCleanup(daemon.kill)
        daemon.start()
        with Client(self.port, "work") as client:
            self.assertEqual(client.get("/healthz").status, 200)
            answer = client.get("/readyz").json
            self.assertEqual((answer["notReady"], answer["codes"]), (["redis: no answer"], ["redis_unavailable"]))
            started = time.monotonic()
            self.assertEqual(client.get(f"/accounts/{ONE}/k8s/v2/apps").status, 503)
            self.assertLess(time.monotonic() - started, 1.0)
        self.assertEqual(daemon.stop(15), 0)
        self.assertIn("appbackupd has stopped", daemon.log)

    def test_a_hangup_changes_the_tokens_unless_the_new_configuration_is_wrong(self):
        self.write()
        daemon = Daemon(self.config, self.scratch.join("log"), self.port)
        self.addCleanup(daemon.kill)
        daemon.start()
        with Client(self.port) as client:
            def number(token):
                return client.get(f"/accounts/{ONE}/topology/v1/clouds/{NOBODY}", token=token).status
            self.assertEqual((number("work"), number("new")), (404, 401))
            write_config(self.config, "unix:" + self.scratch.join("none"), [f"127.0.0.1:{self.port}"],
                         {ONE: {"new": "member"}})
            daemon.send(signal.SIGHUP)
            wait_until(lambda: "configuration read again" in daemon.log, 10, "the log says that it has reloaded")
            self.assertEqual((number("work"), number("new")), (401, 404))
            self.write(http={"bodybytes": 1})
            daemon.send(signal.SIGHUP)
            wait_until(lambda: "configuration not usable" in daemon.log, 10, "the log says that it has not")
            self.assertEqual((number("work"), number("new")), (401, 404))
        self.assertEqual(daemon.stop(15), 0)

    def test_a_request_under_way_is_answered_before_it_stops(self):
        redis = Redis(self.scratch)
        self.addCleanup(redis.kill)
        redis.start()
        write_config(self.config, redis.address, [f"127.0.0.1:{self.port}"], ACCOUNTS)
        daemon = Daemon(self.config, self.scratch.join("log"), self.port)
        self.addCleanup(daemon.kill)
        daemon.start()
        with Client(self.port, "work") as client:
            wait_until(lambda: client.get(f"/accounts/{ONE}/k8s/v2/apps").status == 200, 10, "it serves")
            redis.send(signal.SIGSTOP)
            self.addCleanup(lambda: redis.is_running and redis.send(signal.SIGCONT))
            client.connection.putrequest("GET", f"/accounts/{ONE}/k8s/v2/apps")
            client.connection.putheader("Authorization", "Bearer work")
            client.connection.endheaders()
            with Client(self.port) as later:  # who came later is answered: so the first is under way
                self.assertEqual(later.get("/healthz").status, 200)
            daemon.send(signal.SIGTERM)
            wait_until(lambda: "stopping" in daemon.log, 5, "it has the signal")
            redis.send(signal.SIGCONT)
            self.assertEqual(client.connection.getresponse().status, 200)
        self.assertEqual(daemon.stop(15), 0)


class Standalone(unittest.TestCase):
    """What appbackupd --standalone does with its directory and its children."""

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.state = self.scratch.join("state")
        self.port = free_port()
        self.daemon = self.make(self.port)
        self.addCleanup(self.daemon.kill)

    def make(self, port):
        daemon = Daemon("", self.scratch.join("log"), port)
        daemon.command = [os.path.join(BIN, "appbackupd"), "--standalone", "--state-directory", self.state,
                          "--listen", f"127.0.0.1:{port}"]
        return daemon

    def ready(self, daemon):
        with Client(daemon.port) as client:
            wait_until(lambda: client.get("/readyz").status == 200, 30, "/readyz answers 200")

    def mode(self, *names):
        return os.stat(os.path.join(self.state, *names)).st_mode & 0o777

    def children(self, name):
        """The pids of the daemon's children that run this program."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    text = file.read()
                parent = int(text.rpartition(")")[2].split()[1])
                if parent == self.daemon.process.pid and f"({name[:15]})" in text:
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def child(self, name):
        return wait_until(lambda: self.children(name), 10, f"{name} runs")[0]

    def is_gone(self, pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    def test_the_directory_is_made_once_and_kept_private(self):
        self.daemon.start()
        self.ready(self.daemon)
        self.assertEqual([self.mode(), self.mode("token"), self.mode("master.key"), self.mode("appbackup.yaml"),
                          self.mode("bucket"), self.mode("apps.d"), self.mode("redis")],
                         [0o700, 0o600, 0o600, 0o600, 0o700, 0o700, 0o700])
        kept = {name: self.read(name) for name in ("token", "master.key", "appbackup.yaml")}
        self.assertRegex(kept["master.key"], "^[0-9a-f]{64}\n$")
        account = re.search("id: ([0-9a-f-]{36})", kept["appbackup.yaml"]).group(1)
        log = self.daemon.log
        self.assertIn(account, log)
        self.assertNotIn(kept["token"].strip(), log)
        with Client(self.port, kept["token"].strip()) as client:
            clouds = client.get(f"/accounts/{account}/topology/v1/clouds").json["items"]
        self.assertIn("defaultBucketID", clouds[0])
        self.assertEqual(self.daemon.stop(60), 0)

        self.daemon.start()
        self.ready(self.daemon)
        for name, text in kept.items():
            self.assertEqual(self.read(name), text, name)
        with Client(self.port, kept["token"].strip()) as client:
            again = client.get(f"/accounts/{account}/topology/v1/clouds").json["items"]
        self.assertEqual(again, clouds, "the records of the first run are there")
        self.assertEqual(self.daemon.stop(60), 0)

    def read(self, name):
        with open(os.path.join(self.state, name)) as file:
            return file.read()

    def test_a_second_one_on_the_same_directory_is_refused(self):
        self.daemon.start()
        second = self.make(free_port())
        result = subprocess.run(second.command, capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("lock", result.stderr)
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)

    def test_a_worker_that_dies_is_started_again(self):
        self.daemon.start()
        self.ready(self.daemon)
        first = self.child("appbackup-worker")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: [pid for pid in self.children("appbackup-worker") if pid != first], 10, "a new one")
        self.assertEqual(self.daemon.stop(60), 0)

    def test_a_redis_that_dies_is_started_again_and_has_its_records(self):
        self.daemon.start()
        self.ready(self.daemon)
        first = self.child("redis-server")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: [pid for pid in self.children("redis-server") if pid != first], 10, "a new one")
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)

    def test_it_gives_up_when_redis_cannot_be_kept_up(self):
        self.daemon.start()
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)
        with open(os.path.join(self.state, "redis", "appendonlydir", "appendonly.aof.manifest"), "w") as file:
            file.write("this is no manifest\n")
        self.daemon.process = subprocess.Popen(self.daemon.command, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, errors = self.daemon.process.communicate(timeout=60)
        self.assertEqual(self.daemon.process.returncode, 1, errors)
        self.assertIn(b"redis-server ends again and again", errors)

    def test_it_takes_its_children_along_when_it_is_killed(self):
        self.daemon.start()
        self.ready(self.daemon)
        pids = [self.child("redis-server"), self.child("appbackup-worker")]
        self.daemon.kill()
        wait_until(lambda: all(self.is_gone(pid) for pid in pids), 40, "its children have ended")
        self.daemon.start()
        self.ready(self.daemon)
        self.assertEqual(self.daemon.stop(60), 0)

    def test_children_end_in_order(self):
        self.daemon.start()
        self.ready(self.daemon)
        self.child("appbackup-worker")
        self.assertEqual(self.daemon.stop(60), 0)
        ends = [line for line in self.daemon.log.splitlines() if 'msg="ended"' in line]
        self.assertEqual(["worker" in ends[0], "--recover" in ends[1], "redis" in ends[2], len(ends)],
                         [True, True, True, 3], ends)

    def test_an_address_for_strangers_is_refused(self):
        self.daemon.command[-1] = "0.0.0.0:8080"
        result = subprocess.run(self.daemon.command, capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("TLS", result.stderr)
        self.assertFalse(os.path.exists(self.state))


if __name__ == "__main__":
    unittest.main()
