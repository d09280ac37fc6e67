"""The whole service in one directory, as the quick start has it: appbackupd --standalone."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from support import BACKUP, BIN, free_port, wait_until


class Standalone:
    """with Standalone({"shop": {...}}) as service: ...

    apps: {name: the contents of apps.d/<name>.yaml, as a structure (JSON is YAML)}.
    """

    def __init__(self, apps, binaries=BIN, directory=None):
        self.binaries = os.path.abspath(binaries)
        self.directory = directory or tempfile.mkdtemp(prefix="appbackup-test.")
        self.state = os.path.join(self.directory, "state")
        self.port = free_port()
        self.connection = None
        self.process = None
        os.makedirs(os.path.join(self.state, "apps.d"), mode=0o700)
        for name, definition in apps.items():
            with open(os.path.join(self.state, "apps.d", name + ".yaml"), "w") as file:
                json.dump(definition, file)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is not None:
            with open(self.log_path, errors="replace") as log:
                print("--- the end of the log\n" + log.read()[-8000:])
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def log_path(self):
        return os.path.join(self.directory, "log")

    @property
    def config(self):
        return os.path.join(self.state, "appbackup.yaml")

    def start(self):
        command = [os.path.join(self.binaries, "appbackupd"), "--standalone",
                   "--state-directory", self.state, "--listen", f"127.0.0.1:{self.port}"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._is_ready, 30, "/readyz answers 200")
        with open(os.path.join(self.state, "token")) as file:
            self.token = file.read().strip()
        with open(self.config) as file:
            self.account = re.search(r"id: *\"?([0-9a-f-]{36})", file.read()).group(1)

    def _is_ready(self):
        if self.process.poll() is not None:
            with open(self.log_path, errors="replace") as log:
                raise AssertionError("appbackupd ended:\n" + log.read()[-8000:])
        try:
            probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            probe.request("GET", "/readyz")
            return probe.getresponse().status == 200
        except OSError:
            return False

    def stop(self):
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("appbackupd did not end within 60 s of SIGTERM") from None

    def request(self, method, path, body=None, headers=None):
        """(status, decoded body or None, headers) over one kept-alive connection."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        fields = {"Authorization": "Bearer " + self.token}
        if body is not None:
            fields["Content-Type"] = BACKUP + "+json"
        fields.update(headers or {})
        self.connection.request(method, f"/accounts/{self.account}{path}",
                                None if body is None else json.dumps(body), fields)
        response = self.connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None, response.headers

    def app(self, name):
        def found():
            _, body, _ = self.request("GET", "/k8s/v2/apps")
            return next((item["id"] for item in body["items"] if item["name"] == name), None)
        return wait_until(found, 10, f"the worker, which lives, has told of app {name}")

    def create(self, app, **fields):
        """The new backup's id."""
        status, body, _ = self.request("POST", f"/k8s/v1/apps/{app}/appBackups",
                                       {"type": BACKUP, "version": "1.1", **fields})
        if status != 201:
            raise AssertionError(f"POST: {status} {body}")
        return body["id"]

    def get(self, app, backup):
        status, body, _ = self.request("GET", f"/k8s/v1/apps/{app}/appBackups/{backup}")
        return body if status == 200 else None

    def wait(self, app, backup, seconds=120):
        """The record once it has ended."""
        def ended():
            record = self.get(app, backup)
            return record if record["state"] in ("completed", "failed") else None
        return wait_until(ended, seconds, "the backup ends")

    def back_up(self, app_name, seconds=120):
        app = self.app(app_name)
        return self.wait(app, self.create(app), seconds)

    def restic(self, app_name, *arguments, check=True):
        """Runs the stock restic on the app's repository; its standard output."""
        key = json.loads(subprocess.run(
            [os.path.join(self.binaries, "appbackupctl"), "--config", self.config, "-o", "json",
             "repository", "key", app_name], check=True, capture_output=True).stdout)
        environment = {
            "PATH": os.environ["PATH"], "HOME": self.directory, "TZ": "UTC",
            "RESTIC_REPOSITORY": key["repository"], "RESTIC_PASSWORD": key["password"]}
        result = subprocess.run(["restic", "--no-cache", *arguments], env=environment,
                                capture_output=True)
        if check and result.returncode != 0:
            raise AssertionError(f"restic {arguments}: {result.stdout} {result.stderr}")
        return result.stdout.decode(errors="replace")
