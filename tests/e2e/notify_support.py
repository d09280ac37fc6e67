"""The service manager's end: a NOTIFY_SOCKET that keeps what was said, in the order in which it came."""

import os
import select
import socket
import time


class Manager:
    """with Manager(directory) as manager: ... Start programs with manager.environment(watchdog_s)."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []  # (pid, {"READY": "1", ...}) of each message

    def __enter__(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def environment(self, watchdog_s=None):
        result = dict(os.environ, NOTIFY_SOCKET=self.path)
        if watchdog_s:
            result["WATCHDOG_USEC"] = str(int(watchdog_s * 1000000))
        return result

    def _take(self, seconds):
        if not select.select([self.socket], [], [], seconds)[0]:
            return False
        text, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
        pid = int.from_bytes(ancillary[0][2][:4], "little")
        self.heard.append((pid, dict(line.split("=", 1) for line in text.decode().split("\n"))))
        return True

    def now(self):
        """How many messages have come so far: a place to look from."""
        while self._take(0):
            pass
        return len(self.heard)

    def wait(self, matches, seconds, what, since=0):
        """The index of the first message from `since` on that matches(message)."""
        deadline = time.monotonic() + seconds
        index = since
        while True:
            while index < len(self.heard):
                if matches(self.heard[index][1]):
                    return index
                index += 1
            left = deadline - time.monotonic()
            if left <= 0 or not self._take(left):
                raise AssertionError(f"not within {seconds} s: {what}; heard {self.heard[since:]}")

    def wait_for(self, key, seconds=20, since=0, text=""):
        return self.wait(lambda message: key in message and text in message[key], seconds,
                         f"{key}=...{text}", since)

    def messages(self, key, since=0, until=None):
        return [message for _, message in self.heard[since:until] if key in message]

    def listen(self, seconds):
        """What comes within that time; for what must not come."""
        since = self.now()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._take(max(0, deadline - time.monotonic()))
        return [message for _, message in self.heard[since:]]
