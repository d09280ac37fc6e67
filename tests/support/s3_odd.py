"""Odd answers, as proxies before S3 services and some services give them. Each function makes one of
the answer that a MemoryStore would have given, or of the request; None: it has nothing to make it of.

The sets at the end say what an answer of each kind is to a client that knows its business."""
import gzip
import random
import re
import threading

from s3_memory import Answer, problem

LOGIN = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in</body></html>\n"


class Exchange:
    """A request, and what the store says to it."""

    def __init__(self, store, method, path, headers, body):
        self.store, self.method, self.path = store, method, path
        self.headers, self.body = headers, body
        key, _, query = path.partition("?")
        self.lists = method == "GET" and "list-type" in query
        self.gets = method == "GET" and not self.lists
        self.ranged = self.gets and any(name.lower() == "range" for name, _ in headers)

    def answer(self, without=""):
        kept = [(name, value) for name, value in self.headers if name.lower() != without]
        return self.store.answer(self.method, self.path, kept, self.body)

    def found(self, *statuses):
        """The store's answer, if it is one of these and has something in it."""
        answer = self.answer()
        return answer if answer.status in statuses and answer.body else None

    def listing(self):
        import urllib.parse
        query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2], keep_blank_values=True))
        return self.store.listing(query) if self.lists else None


def whole(exchange):
    return exchange.answer(without="range") if exchange.ranged else None


def part_as_whole(exchange):
    answer = exchange.found(206)
    if answer and exchange.ranged:
        answer.status = 200
        answer.drop("Content-Range")
    return answer


def unnamed_part(exchange):
    answer = exchange.found(206)
    if answer:
        answer.drop("Content-Range")
    return answer


def other_part(exchange):
    answer = exchange.found(206)
    if answer:
        first, last, total = map(int, re.findall(r"\d+", answer.header("Content-Range")))
        answer.drop("Content-Range")
        answer.headers.append(("Content-Range", f"bytes {first + 1}-{last + 1}/{total + 1}"))
    return answer


def short(exchange):
    """Without the end, and the length fits what is there."""
    answer = exchange.found(200, 206) if exchange.gets else None
    if answer:
        answer.body = answer.body[:-7]
    return answer


def cut(exchange):
    """Without the end, and the length does not fit."""
    answer = exchange.found(200, 206) if exchange.method == "GET" else None
    if answer:
        answer.length, answer.closes = len(answer.body), True
        answer.body = answer.body[:len(answer.body) // 2]
    return answer


def long(exchange):
    answer = exchange.found(206)
    if answer:
        answer.body += b"more"
    return answer


def chunked(exchange):
    answer = exchange.answer() if exchange.method == "GET" else None
    if answer:
        answer.chunked = True
    return answer


def without_end(exchange):
    answer = exchange.found(200, 206) if exchange.gets else None
    if answer:
        answer.length, answer.closes = False, True
        answer.body = answer.body[:len(answer.body) // 2]
    return answer


def compressed(exchange):
    answer = exchange.found(200, 206) if exchange.gets else None
    if answer:
        answer.body = gzip.compress(answer.body)
        answer.headers.append(("Content-Encoding", "gzip"))
    return answer


def two_lengths(exchange):
    answer = exchange.found(200, 206) if exchange.gets else None
    if answer:
        answer.headers.append(("Content-Length", str(len(answer.body) + 5)))
        answer.closes = True
    return answer


def error_in_200(exchange):
    answer = problem(500, "InternalError", "We encountered an internal error. Please try again.")
    answer.status = 200
    return answer if exchange.method != "HEAD" else None


def page_200(exchange):
    return Answer(200, LOGIN, [("Content-Type", "text/html")])


def page_404(exchange):
    return Answer(404, LOGIN, [("Content-Type", "text/html")])


def page_502(exchange):
    return Answer(502, b"<html><body>502 Bad Gateway</body></html>")


def empty_200(exchange):
    return Answer(200) if exchange.method == "GET" else None


def accepted(exchange):
    return Answer(202) if exchange.method in ("PUT", "DELETE") else None


def no_content(exchange):
    return Answer(204) if exchange.method in ("GET", "HEAD") else None


def redirected(exchange):
    return Answer(302, LOGIN, [("Location", "https://login.example.net/")])


def busy(exchange):
    return problem(503, "SlowDown", "Please reduce your request rate.")


def no_length(exchange):
    answer = exchange.answer() if exchange.method == "HEAD" else None
    if answer:
        answer.length = False
    return answer


def zero_length(exchange):
    answer = exchange.answer() if exchange.method == "HEAD" else None
    if answer:
        answer.length = 0
    return answer


def flipped(exchange):
    answer = exchange.found(200, 206) if exchange.gets else None
    if answer:
        damaged = bytearray(answer.body)
        damaged[len(damaged) // 2] ^= 1
        answer.body = bytes(damaged)
    return answer


def _spelt(exchange, **words):
    listing = exchange.listing()
    if listing is None:
        return None
    for name, value in words.items():
        setattr(listing, name, value)
    return listing.to_answer()


def capital_truth(exchange):
    listing = exchange.listing()
    return listing and _spelt(exchange, truncated=listing.truncated.capitalize())


def token_alone(exchange):
    listing = exchange.listing()
    return _spelt(exchange, truncated=None) if listing and listing.token else None


def spaced(exchange):
    return _spelt(exchange, space="s3")


def sizeless(exchange):
    return _spelt(exchange, sizes=lambda size: "")


def zero_sizes(exchange):
    return _spelt(exchange, sizes=lambda size: "<Size>0</Size>")


def empty_list(exchange):
    return _spelt(exchange, entries=[], token="", truncated="false")


def other_list(exchange):
    """As a cache answers that does not look at the query."""
    listing = exchange.listing()
    return listing and _spelt(exchange, prefix="other/", entries=[("other/" + key, size) for key, size in
                                                                 listing.entries])


def untold_end(exchange):
    return _spelt(exchange, entries=[], token="", truncated=None)


def cut_list(exchange):
    answer = exchange.answer() if exchange.lists else None
    if answer:
        answer.body = answer.body[:-40]
    return answer


def for_ever(exchange):
    listing = exchange.listing()
    return listing and _spelt(exchange, token="again", truncated="true")


def full_garage(exchange):
    return problem(403, "AccessDenied", "Forbidden: Bucket size quota is reached, maximum total size of "
                                        "objects for this bucket: 53687091200")


def full_b2(exchange):
    return problem(403, "AccessDenied", "Cannot upload files, storage cap exceeded.")


def full_minio(exchange):
    return problem(400, "XMinioAdminBucketQuotaExceeded", "Bucket quota exceeded")


def full_swift(exchange):
    return problem(413, "EntityTooLarge", "Upload exceeds quota.")


def full_507(exchange):
    return Answer(507, b"<html><body>Insufficient Storage</body></html>")


# What it is: as good as any other answer,
FINE = (whole, chunked, no_length, zero_length, capital_truth, token_alone, spaced, sizeless, zero_sizes)
# no answer, as can be seen in it,
NONE = (part_as_whole, unnamed_part, other_part, cut, long, without_end, compressed, two_lengths,
        error_in_200, page_200, page_404, page_502, accepted, no_content, redirected, busy,
        other_list, untold_end, cut_list, for_ever)
# wrong, as shows only in what else is known,
WRONG = (short, flipped, empty_200, empty_list)
# or the end of the job.
FULL = (full_garage, full_b2, full_minio, full_swift, full_507)
KINDS = {kind.__name__.replace("_", "-"): kind for kind in FINE + NONE + WRONG + FULL}


class RandomFaults:
    """Troubles a part of all requests, as the seed says. One that is tried again meets trouble `row`
    times in a row at most, and an object that was wrong once is right the next time."""

    def __init__(self, seed, rate, row=2):
        self.random, self.rate, self.row = random.Random(seed), rate, row
        self.mutex = threading.Lock()
        self.in_a_row, self.counts = {}, {}

    def choose(self, exchange):
        """The odd answer to this request, or None."""
        with self.mutex:
            return self._choose(exchange)

    def _choose(self, exchange):
        name = (exchange.method, exchange.path)
        troubled, was_wrong = self.in_a_row.get(name, (0, False))
        if troubled >= self.row or self.random.random() >= self.rate:
            self.in_a_row.pop(name, None)
            return None
        kinds = list(FINE + NONE + (() if was_wrong else WRONG))
        self.random.shuffle(kinds)  # the first that such a request can have
        kind, answer = next((kind, answer) for kind in kinds if (answer := kind(exchange)))
        self.in_a_row[name] = (troubled + 1, was_wrong or kind in WRONG)
        self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
        return answer
