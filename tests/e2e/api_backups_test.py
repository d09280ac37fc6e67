"""Backups as a caller of the API meets them: asked for, listed, shown, cancelled, deleted."""

import concurrent.futures
import hashlib
import json
import time
import unittest
import urllib.parse

from api_support import (
    CLOSED_SCHEMA, FOREIGN, MAIN, MEDIA, NOBODY, ONE, OTHER, PICKY, SHOP, SLOW, SPARE, TIME, UUID, WIKI, Service)
from support import BACKUP, Client, wait_until


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


class IdempotencyKey(Service):
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


if __name__ == "__main__":
    unittest.main()
