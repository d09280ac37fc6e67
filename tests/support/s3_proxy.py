#!/usr/bin/env python3
"""Between a client and an S3 service, and makes trouble.

As a program: s3_proxy.py TARGET FAULT...   prints its URL, then serves until its stdin ends.
    TARGET "memory", or "memory:PAGE": there is no service behind, objects are kept here, and PAGE of
    them are in a page of a listing
As a module: with S3Proxy(target, faults) as proxy: proxy.url, proxy.seen ...

A fault is "KIND:METHOD:FROM:COUNT[:PART]": from the FROM-th request with that method (and PART in
its path) on, COUNT of them meet it; COUNT 0 is for ever. Kinds:
    503 500 403 507 501   answered so by the proxy; the service never sees the request
    reset                 the request is read half, then the connection is reset
    late-reset            the service does it, but the answer is a reset
    cut-reset             half of the answer, then a reset
    truncate              half of the answer, then an orderly end
    flip                  one bit of the answer's body is flipped
    flip-request          one bit of the request's body is flipped
    hang                  no answer until the client goes away or other faults are set; then none either
    one of s3_odd.KINDS   only with a target in memory: such an answer, if the request can have one
    here there            the request is sent (307) to where it came, and to another domain; only with
                          a target in memory
With tls=(certificate, key) it speaks TLS.
"""
import http.client
import os
import select
import socket
import socketserver
import ssl
import struct
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import s3_odd  # noqa: E402
from s3_memory import Answer, MemoryStore  # noqa: E402

ANSWERS = {
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "403": (403, "AccessDenied", "Access Denied by a policy."),
    "507": (507, "InsufficientStorage", "The quota of the bucket is used up."),
    "501": (501, "NotImplemented", "A header you provided implies functionality that is not "
                                   "implemented."),
}


class Fault:
    def __init__(self, text):
        fields = text.split(":")
        self.kind, self.method = fields[0], fields[1]
        self.first, self.count = int(fields[2]), int(fields[3])
        self.part = fields[4] if len(fields) > 4 else ""
        self.matched = 0

    def hits(self, method, path):
        if method != self.method or self.part not in path:
            return False
        self.matched += 1
        return self.matched >= self.first and (self.count == 0 or
                                               self.matched < self.first + self.count)


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self._one():
                pass
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the client went away, which some of them do on purpose

    def _one(self):
        line = self.rfile.readline(65536).decode("latin-1")
        if not line.strip():
            return False
        method, path, _ = line.split(" ", 2)
        headers = []
        while (header := self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")):
            name, value = header.split(":", 1)
            headers.append((name, value.strip()))
        length = int(dict((n.lower(), v) for n, v in headers).get("content-length", 0))
        kind = self.server.fault_for(method, path)
        if kind == "reset":
            self.rfile.read(length // 2)
            return self._reset()
        body = self.rfile.read(length)
        return self._serve(kind, method, path, headers, body)

    def _serve(self, kind, method, path, headers, body):
        if kind == "hang":
            while self.server.hangs() and not select.select([self.connection], [], [], 0.1)[0]:
                pass
            return False
        if kind in ANSWERS:
            return self._refuse(kind, method)
        if kind == "flip-request":
            body = flip(body)
        if self.server.store:
            exchange = s3_odd.Exchange(self.server.store, method, path, headers, body)
            odd = self.server.odd_answer(kind, exchange)
            if odd or not kind:
                return self._send(odd or exchange.answer(), method)
        status, reason, answer_headers, answer = self._forward(method, path, headers, body)
        if kind == "late-reset":
            return self._reset()
        if kind == "flip":
            answer = flip(answer)
        lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in answer_headers]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        if method == "HEAD":
            return True
        if kind in ("cut-reset", "truncate"):
            self.wfile.write(answer[:len(answer) // 2])
            self.wfile.flush()
            return self._reset() if kind == "cut-reset" else False
        self.wfile.write(answer)
        return True

    def _send(self, answer, method):
        self.wfile.write(answer.to_bytes(method))
        return not answer.closes

    def _forward(self, method, path, headers, body):
        if self.server.store:
            answer = self.server.store.answer(method, path, headers, body)
            length = [("Content-Length", len(answer.body))]
            return answer.status, "Status", answer.headers + length, answer.body
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body if body else None)
            reply = connection.getresponse()
            answer = reply.read()
            kept = [(n, v) for n, v in reply.getheaders()
                    if n.lower() not in ("transfer-encoding", "content-length", "connection")]
            size = reply.getheader("content-length") if method == "HEAD" else len(answer)
            return reply.status, reply.reason, kept + [("Content-Length", size or 0)], answer
        finally:
            connection.close()

    def _refuse(self, kind, method):
        status, code, message = ANSWERS[kind]
        body = (f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message>"
                "</Error>").encode()
        self.wfile.write(f"HTTP/1.1 {status} Refused\r\nContent-Length: {len(body)}\r\n"
                         "Content-Type: application/xml\r\n\r\n".encode())
        if method != "HEAD":
            self.wfile.write(body)
        return True

    def _reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        return False


def flip(body):
    if not body:
        return body
    damaged = bytearray(body)
    damaged[len(damaged) // 2] ^= 1
    return bytes(damaged)


class S3Proxy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target, faults=(), tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        kind, _, page = target.partition(":")
        self.store = MemoryStore(int(page or 1000)) if kind == "memory" else None
        self.target = None if self.store else urllib.parse.urlsplit(target).netloc
        self.random = None  # an s3_odd.RandomFaults
        self.mutex = threading.Lock()
        self.seen = []  # (method, path)
        self.troubled = 0  # how many of them met a fault
        self.faults = []
        self.set_faults(faults)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1},
                         daemon=True).start()

    def set_faults(self, faults):
        with self.mutex:
            self.faults = [Fault(text) for text in faults]

    def hangs(self):
        with self.mutex:
            return any(fault.kind == "hang" for fault in self.faults)

    def fault_for(self, method, path):
        with self.mutex:
            self.seen.append((method, path))
            hits = [fault.kind for fault in self.faults if fault.hits(method, path)]
            self.troubled += bool(hits)
        return hits[0] if hits else None

    def odd_answer(self, kind, exchange):
        if kind in ("here", "there"):
            host = self.url if kind == "here" else "http://elsewhere.example.net"
            return Answer(307, b"", [("Location", host + exchange.path)])
        if kind in s3_odd.KINDS:
            return s3_odd.KINDS[kind](exchange) or exchange.answer()
        return self.random.choose(exchange) if self.random and not kind else None

    def handle_error(self, request, client_address):
        pass  # a client that does not trust us ends the handshake: expected here

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def main():
    arguments = sys.argv[1:]
    tls = None
    if arguments[0] == "--tls":
        tls, arguments = (arguments[1], arguments[2]), arguments[3:]
    with S3Proxy(arguments[0], arguments[1:], tls) as proxy:
        print(proxy.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
