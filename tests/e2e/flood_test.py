"""One caller who takes all that he can get: connections, bodies, replies that he does not read. All others are served
meanwhile, and the memory comes back."""

import contextlib
import os
import resource
import socket
import threading
import time
import unittest

from api_support import MEDIA, Service
from support import BIN, Client, wait_until

MIB = 1 << 20
DEADLINE_S = 3  # for an answer to anybody else


def is_sanitized():
    """A sanitizer keeps what was freed: its figures are its own."""
    with open(os.path.join(BIN, "appbackupd"), "rb") as program:
        return b"__asan_init" in program.read()


class Flood(Service):
    @classmethod
    def setUpClass(cls):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
        super().setUpClass()

    @classmethod
    def configure(cls, **_):
        super().configure(http={"bodies_bytes_max": 16 * MIB, "replies_bytes_max": 16 * MIB})

    def setUp(self):
        super().setUp()
        self.crowd = contextlib.ExitStack()
        self.addCleanup(self.crowd.close)

    def resident(self):
        with open(f"/proc/{self.daemon.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024

    def expect_resident(self, most, what):
        if not is_sanitized():
            self.assertLess(self.resident(), most, what)

    def expect_given_back(self, before):
        self.crowd.close()
        if not is_sanitized():
            wait_until(lambda: self.resident() < before + 8 * MIB, 15, "the memory is given back")

    def connect(self, receive_bytes=None):
        connection = self.crowd.enter_context(socket.socket())
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def expect_service(self):
        for token, path, statuses in ((None, "/healthz", (200,)), (None, "/readyz", (200, 503)),
                                      ("work", self.path("k8s/v2/apps"), (200,))):
            began = time.monotonic()
            with Client(self.port, token, timeout=DEADLINE_S) as client:
                answer = client.get(path)
            self.assertIn(answer.status, statuses, path)
            self.assertLess(time.monotonic() - began, DEADLINE_S, path)

    def head(self, length, token=None):
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        return (f"POST {self.backups()} HTTP/1.1\r\nHost: x\r\n{authorization}Content-Type: {MEDIA}\r\n"
                f"Content-Length: {length}\r\n\r\n").encode()

    def status_of(self, connection):
        return int(connection.recv(65536).split(b" ", 2)[1])

    def test_connections_that_say_nothing_keep_nobody_out(self):
        before = self.resident()
        for _ in range(1100):
            self.connect()
        self.expect_service()

        stop = threading.Event()

        def go_on():
            while not stop.is_set():
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as another:
                    another.recv(1, socket.MSG_DONTWAIT)

        attacker = threading.Thread(target=go_on)
        attacker.start()
        try:
            for _ in range(10):
                self.expect_service()
        finally:
            stop.set()
            attacker.join()
        self.expect_given_back(before)

    def test_a_caller_who_has_shown_a_token_keeps_his_connection(self):
        self.assertEqual(self.client.get(self.path("k8s/v2/apps")).status, 200)
        mine = self.client.connection.sock
        for _ in range(1500):
            self.connect()
        self.assertEqual(self.client.get(self.path("k8s/v2/apps")).status, 200)
        self.assertIs(self.client.connection.sock, mine)

    def test_bodies_without_a_token_are_not_waited_for(self):
        before = self.resident()
        for _ in range(300):
            connection = self.connect()
            with contextlib.suppress(OSError):
                connection.sendall(self.head(MIB - 1) + b"x" * (MIB - 2))
        self.expect_service()
        self.expect_resident(before + 16 * MIB, "none of them is kept")
        connection = self.connect()
        connection.sendall(self.head(MIB - 1))
        self.assertEqual(self.status_of(connection), 401)
        self.expect_given_back(before)

    def test_bodies_with_a_token_share_what_there_is(self):
        before = self.resident()
        waiting, refused = [], 0
        for _ in range(60):
            connection = self.connect()
            connection.sendall(self.head(MIB, "work"))
            connection.settimeout(0.05)
            try:
                answer = connection.recv(65536)
                self.assertEqual(answer.split(b" ", 2)[1], b"503", answer)
                self.assertIn(b"\r\nRetry-After: ", answer)
                self.assertIn(b"\r\nConnection: close\r\n", answer)
                refused += 1
            except TimeoutError:
                connection.settimeout(5)
                connection.sendall(b"x" * (MIB - 1))
                waiting.append(connection)
        self.assertEqual((len(waiting), refused), (16, 44))
        self.expect_service()
        self.expect_resident(before + 40 * MIB, "no more than there is room for")
        waiting[0].sendall(b"x")
        self.assertEqual(self.status_of(waiting[0]), 400)
        self.expect_given_back(before)

    def test_replies_that_nobody_reads_give_way(self):
        labels = [{"name": f"label-{number}", "value": "x" * 250} for number in range(64)]
        for _ in range(400):
            self.create(metadata={"labels": labels})
        self.assertGreater(len(self.client.get(self.backups()).body), 6 * MIB)
        before = self.resident()
        request = f"GET {self.backups()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer work\r\n\r\n"
        for _ in range(40):
            reader = self.connect(receive_bytes=4096)
            reader.sendall(request.encode())
            self.assertIn(self.status_of(reader), (200, 503))
        self.expect_service()
        self.expect_resident(before + 64 * MIB, "no more than there is room for")

        def is_served():
            with Client(self.port, "work", timeout=DEADLINE_S) as client:
                answer = client.get(self.backups())
            self.assertIn(answer.status, (200, 503))
            return answer.status == 200 and len(answer.body) > 6 * MIB

        wait_until(is_served, 10, "those who have stopped give way to a reader")
        self.expect_given_back(before)


if __name__ == "__main__":
    unittest.main()
