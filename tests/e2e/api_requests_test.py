"""What the API says of requests: media types, and everything that can be wrong."""

import json
import unittest
import uuid

from api_support import EMPTY, FOREIGN, LONELY, MAIN, MEDIA, NOBODY, ONE, OTHER, SHOP, WIKI, Service
from support import BACKUP, Client


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


if __name__ == "__main__":
    unittest.main()
