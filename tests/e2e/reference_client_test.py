"""The requests of the reference client (actoolkit), in its order and with its quirks, over HTTPS with one
kept-alive connection per command: bodies on GET and DELETE, no fractions in times, version 1.1."""

import datetime
import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile
import unittest

from standalone import Standalone
from support import BACKUP, free_port, wait_until


class Command:
    """One command of the client: a session with one connection."""

    def __init__(self, service, port, authority):
        self.service = service
        context = ssl.create_default_context(cafile=authority)
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        self.connection.connect()
        self.socket = self.connection.sock

    def request(self, method, path, body, **headers):
        fields = {"Authorization": "Bearer " + self.service.token, "Accept": "*/*",
                  "Content-Type": "application/json", **headers}
        self.connection.request(method, f"/accounts/{self.service.account}/{path}",
                                json.dumps(body), fields)
        response = self.connection.getresponse()
        text = response.read()
        assert self.connection.sock is self.socket, "the server closed a kept-alive connection"
        return response.status, json.loads(text) if text else None

    def get(self, path):
        status, body = self.request("GET", path, {})
        assert status == 200, (status, body)
        return body


class ReferenceClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix="appbackup-test.")
        source = os.path.join(directory, "source")
        os.makedirs(source)
        with open(os.path.join(source, "file"), "w") as file:
            file.write("content")
        cls.service = Standalone({"shop": {"volumes": [source]}}, directory=directory)
        cls.addClassCleanup(cls.service.__exit__, None)
        cls.service.start()
        cls.add_tls_listener(directory)

    @classmethod
    def add_tls_listener(cls, directory):
        cls.certificate = os.path.join(directory, "certificate.pem")
        cls.key = os.path.join(directory, "key.pem")
        cls.make_certificate()
        cls.service.stop()
        cls.tls_port = free_port()
        with open(cls.service.config) as file:
            text = file.read()
        listener = (f"  listeners:\n    - address: 127.0.0.1:{cls.tls_port}\n"
                    f"      certificate: {cls.certificate}\n      key: {cls.key}\n")
        assert "  listeners:\n" in text, text
        with open(cls.service.config, "w") as file:
            file.write(text.replace("  listeners:\n", listener, 1))
        cls.service.start()

    @classmethod
    def make_certificate(cls):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=appbackup",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", cls.key, "-out", cls.certificate],
            check=True, capture_output=True)

    def command(self):
        command = Command(self.service, self.tls_port, self.certificate)
        self.addCleanup(command.connection.close)
        return command

    def app(self, command):
        apps = command.get("k8s/v2/apps")["items"]
        for app in apps:
            for field in ("id", "name", "state", "clusterID", "clusterName", "namespaces",
                          "namespaceScopedResources"):
                self.assertIn(field, app)
            self.assertIsInstance(app["namespaces"], list)
        return next(app["id"] for app in apps if app["name"] == "shop")

    def create(self, name, **fields):
        command = self.command()
        app = self.app(command)
        for bucket in command.get("topology/v1/buckets")["items"]:
            for field in ("id", "name", "provider"):
                self.assertIn(field, bucket)
        self.app(command)
        self.assertEqual(command.get(f"k8s/v1/apps/{app}/appSnaps")["items"], [])
        media = BACKUP + "+json"
        status, backup = command.request(
            "POST", f"k8s/v1/apps/{app}/appBackups",
            {"type": BACKUP, "version": "1.1", "name": name, **fields},
            **{"Content-Type": media, "Accept": media})
        self.assertLess(status, 400, backup)
        self.app(command)
        listed = command.get(f"k8s/v1/apps/{app}/appBackups")["items"]
        self.assertIn(backup["id"], [item["id"] for item in listed], "visible at once after the 201")

        def ended():
            items = command.get(f"k8s/v1/apps/{app}/appBackups")["items"]
            state = next(item["state"] for item in items if item["id"] == backup["id"])
            return state if state in ("completed", "failed") else None
        self.assertEqual(wait_until(ended, 60, "the backup ends"), "completed")
        return app, backup["id"]

    def test_create_backup_polls_the_list_until_it_is_completed(self):
        self.create("from-the-client")

    def test_create_backup_into_a_named_bucket(self):
        bucket = self.command().get("topology/v1/buckets")["items"][0]["id"]
        self.create("into-a-bucket", bucketID=bucket)

    def test_list_backups_has_what_the_table_shows(self):
        self.create("to-be-listed")
        command = self.command()
        listed = command.get(f"k8s/v1/apps/{self.app(command)}/appBackups")
        self.assertIn("metadata", listed)
        for item in listed["items"]:
            self.assertTrue(item["id"] and item["name"] and item["state"])
            datetime.datetime.strptime(item["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")

    def test_destroy_backup_removes_it(self):
        _, backup = self.create("to-be-destroyed")
        command = self.command()
        self.app(command)
        app = self.app(command)
        command.get(f"k8s/v1/apps/{app}/appBackups")
        status, _ = command.request("DELETE", f"k8s/v1/apps/{app}/appBackups/{backup}",
                                    {"type": BACKUP, "version": "1.1"})
        self.assertEqual(status, 204)
        def gone():
            items = command.get(f"k8s/v1/apps/{app}/appBackups")["items"]
            return backup not in [item["id"] for item in items]
        wait_until(gone, 30, "the backup is gone from the list")
        self.assertNotIn(backup, self.service.restic("shop", "snapshots", "--json"))

    def test_an_error_can_be_explained(self):
        command = self.command()
        app = self.app(command)
        status, problem = command.request(
            "DELETE", f"k8s/v1/apps/{app}/appBackups/00000000-0000-4000-8000-000000000000", {})
        self.assertEqual(status, 404)
        self.assertEqual(problem["status"], "404")
        for cloud in command.get("topology/v1/clouds")["items"]:
            self.assertTrue(cloud["id"] and cloud["cloudType"])

    def test_a_wrong_token_is_told_in_the_words_the_client_looks_for(self):
        command = self.command()
        headers = {"Authorization": "Bearer wrong"}
        for path in ("k8s/v2/apps", "topology/v1/clouds"):
            status, problem = command.request("GET", path, {}, **headers)
            self.assertEqual((status, problem["title"]), (401, "Invalid bearer token"))

    def test_a_renewed_certificate_is_taken_on_sighup_and_cuts_nobody(self):
        before = self.command()
        self.app(before)
        old = before.socket.getpeercert(binary_form=True)
        self.make_certificate()
        self.service.process.send_signal(signal.SIGHUP)
        def renewed():
            try:
                return self.command().socket.getpeercert(binary_form=True) != old
            except ssl.SSLError:
                return False  # still the old one, which the new authority does not vouch for
        wait_until(renewed, 10, "new connections get the new certificate")
        self.app(before)

    def test_clusters_have_what_a_restore_asks_for(self):
        for cluster in self.command().get("topology/v1/managedClusters")["items"]:
            for field in ("id", "name", "cloudID", "managedState"):
                self.assertIn(field, cluster)


if __name__ == "__main__":
    unittest.main()
