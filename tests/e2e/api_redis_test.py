"""How the API asks Redis: in common, in pages, and while Redis is away."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import threading
import time
import unittest
import uuid

from api_support import ACCOUNTS, MEDIA, NOBODY, ONE, SHOP, WIKI, Service
from support import Client, Redis, wait_until


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


if __name__ == "__main__":
    unittest.main()
