"""The resources beside backups: restores of apps, buckets, clouds and clusters."""

import json
import unittest
import urllib.parse
import uuid

from api_support import MAIN, NOBODY, ONE, SHOP, WIKI, Service
from support import Client, Redis, wait_until


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


if __name__ == "__main__":
    unittest.main()
