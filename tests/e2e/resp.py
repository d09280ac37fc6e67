"""Redis past redis-cli: many commands in one round trip, replies of any size."""

import socket


class ErrorReply:
    def __init__(self, text):
        self.text = text

    @property
    def code(self):
        return self.text.split(" ")[0]

    def __repr__(self):
        return f"-{self.text}"


class Connection:
    """RESP 2 on a unix socket. Bytes that are no UTF-8 come and go as Python keeps them in text."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *commands):
        """All of them at once; their replies."""
        parts = []
        for words in commands:
            parts.append(b"*%d\r\n" % len(words))
            for word in words:
                word = str(word).encode(errors="surrogateescape")
                parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(parts))
        return [self._reply() for _ in commands]

    def _reply(self):
        line = self.file.readline()[:-2].decode()
        kind, text = line[0], line[1:]
        if kind == "-":
            return ErrorReply(text)
        if kind == "$":
            return self.file.read(int(text) + 2)[:-2].decode(errors="surrogateescape") if text != "-1" else None
        if kind == "*":
            return [self._reply() for _ in range(int(text))] if text != "-1" else None
        return int(text) if kind == ":" else text


def pairs(flat, convert=str):
    return {flat[i]: convert(flat[i + 1]) for i in range(0, len(flat), 2)}
