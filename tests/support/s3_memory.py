"""The least that an S3 service is, with its objects in memory: for tests that want many answers
fast, or answers that no real service gives. Signatures are not looked at."""
import re
import threading
import urllib.parse

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


class Answer:
    """What goes back. length: of the body, as the header says it; None: as it is, False: no header."""

    def __init__(self, status, body=b"", headers=()):
        self.status, self.body, self.headers = status, body, list(headers)
        self.length, self.chunked, self.closes = None, False, False

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def drop(self, name):
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]

    def to_bytes(self, method):
        lines = [f"HTTP/1.1 {self.status} Status", f"Date: {DATE}", f"Last-Modified: {DATE}", 'ETag: "0"']
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.chunked and method != "HEAD":
            lines.append("Transfer-Encoding: chunked")
        elif self.length is not False:
            lines.append(f"Content-Length: {len(self.body) if self.length is None else self.length}")
        if self.closes:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if method == "HEAD" or self.status == 204:
            return head
        return head + (chunks(self.body) if self.chunked else self.body)


def chunks(body, size=5000):
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


def unchunk(body):
    """What an upload holds whose chunks are signed one by one."""
    content, at = b"", 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return content
        content += body[end + 2:end + 2 + size]
        at = end + 4 + size


def problem(status, code, message=""):
    return Answer(status, ('<?xml version="1.0" encoding="UTF-8"?>\n'
                           f"<Error><Code>{code}</Code><Message>{message}</Message></Error>").encode(),
                  [("Content-Type", "application/xml")])


class Listing:
    """A page of ListObjectsV2, whose spelling may be changed before it is written."""

    def __init__(self, prefix, entries, token):
        self.prefix, self.entries, self.token = prefix, entries, token
        self.truncated = "true" if token else "false"  # None: not said
        self.space = ""  # of the elements' names
        self.sizes = lambda size: f"<Size>{size}</Size>"

    def to_answer(self):
        quote = urllib.parse.quote
        words = [f"<Name>bucket</Name><Prefix>{quote(self.prefix)}</Prefix>"
                 f"<KeyCount>{len(self.entries)}</KeyCount><MaxKeys>1000</MaxKeys>"
                 "<EncodingType>url</EncodingType>"]
        if self.truncated is not None:
            words.append(f"<IsTruncated>{self.truncated}</IsTruncated>")
        if self.token:
            words.append(f"<NextContinuationToken>{quote(self.token)}</NextContinuationToken>")
        words += [f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                  f"<ETag>&quot;0&quot;</ETag>{self.sizes(size)}</Contents>"
                  for key, size in self.entries]
        text = f"<ListBucketResult>{''.join(words)}</ListBucketResult>"
        space = ""
        if self.space:
            text = re.sub(r"<(/?)(\w)", rf"<\1{self.space}:\2", text)
            space = f' xmlns:{self.space}="http://s3.amazonaws.com/doc/2006-03-01/"'
            text = text.replace(f"<{self.space}:ListBucketResult>", f"<{self.space}:ListBucketResult{space}>", 1)
        return Answer(200, b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode(),
                      [("Content-Type", "application/xml")])


class MemoryStore:
    def __init__(self, page=1000):
        self.objects, self.page = {}, page
        self.mutex = threading.Lock()

    def listing(self, query):
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        size = min(self.page, int(query.get("max-keys", 1000)))
        with self.mutex:
            found = sorted((key, len(body)) for key, body in self.objects.items()
                           if key.startswith(prefix) and key > after)
        token = found[size - 1][0] if len(found) > size else ""
        return Listing(prefix, found[:size], token)

    def answer(self, method, path, headers, body):
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        key = urllib.parse.unquote(url.path).lstrip("/").partition("/")[2]
        headers = {name.lower(): value for name, value in headers}
        if not key and "location" in query:
            return Answer(200, b"<LocationConstraint/>", [("Content-Type", "application/xml")])
        if not key:
            return self.listing(query).to_answer() if method == "GET" else Answer(200)
        if "STREAMING" in headers.get("x-amz-content-sha256", ""):
            body = unchunk(body)
        with self.mutex:
            return self._object(method, key, headers, body)

    def _object(self, method, key, headers, body):
        found = self.objects.get(key)
        if method == "PUT":
            if headers.get("if-none-match") == "*" and found is not None:
                return problem(412, "PreconditionFailed")
            self.objects[key] = body
            return Answer(200)
        if method == "DELETE":
            self.objects.pop(key, None)
            return Answer(204)
        if found is None:
            return problem(404, "NoSuchKey") if method == "GET" else Answer(404)
        return self._content(found, headers.get("range", ""))

    @staticmethod
    def _content(found, asked):
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
        if not span:
            return Answer(200, found)
        start, end = int(span[1]), min(int(span[2]), len(found) - 1)
        if start >= len(found):
            refusal = problem(416, "InvalidRange")
            refusal.headers.append(("Content-Range", f"bytes */{len(found)}"))
            return refusal
        return Answer(206, found[start:end + 1], [("Content-Range", f"bytes {start}-{end}/{len(found)}")])
