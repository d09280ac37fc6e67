"""The library in Redis against src/store/protocol/functions.yaml: each function takes the arguments that are declared,
in number and kind, and is refused with others before it does anything."""

import pathlib
import sys
import unittest

from resp import Connection, ErrorReply
from support import BIN, Redis, Scratch

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "config/cmake/generate"))

import functions_table as functions

ID = "aaaaaaaa-0000-4000-8000-000000000001"
GOOD = {"id": ID, "digest": "0" * 64, "name": "n", "line": "x", "sentence": "x", "text": "x", "flag": "1", "json": "[]",
        "list": "[]", "bytes": "x"}
TOO_LONG = "x" * 5000  # of all but JSON and bytes


def good(argument):
    if argument.kind == "integer":
        return str(argument.high)
    return next(iter(argument.words.are)) if argument.kind == "word" else GOOD[argument.kind]


def wrong(argument):
    """Values that must be refused."""
    if argument.kind not in ("json", "list", "bytes"):
        yield TOO_LONG
    if argument.kind in ("id", "digest", "integer", "flag", "word", "json", "list"):
        yield "wrong"
    if argument.kind == "name":
        yield "a b"
    if argument.kind == "integer":
        yield from (str(argument.low - 1), str(argument.high + 2), "1.5")
    if not argument.empty:
        yield ""


class ArgumentsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.declared = list(functions.read(str(ROOT / "src/store/protocol/functions.yaml")).functions.values())
        scratch = Scratch()
        cls.addClassCleanup(scratch.remove)
        redis = Redis(scratch)
        redis.start()
        cls.addClassCleanup(redis.stop)
        cls.redis = Connection(redis.socket)
        cls.addClassCleanup(cls.redis.close)
        for name in ("appbackup", "appbackup_doctor"):
            text = (pathlib.Path(BIN) / f"generated/store/{name}.lua").read_text()
            assert cls.redis.send(("FUNCTION", "LOAD", text))[0] == name

    def call(self, function, arguments, command="FCALL"):
        return self.redis.send((command, "appbackup_" + function.name, "0", *arguments))[0]

    def assert_refused(self, function, arguments, why):
        reply = self.call(function, arguments)
        self.assertIsInstance(reply, ErrorReply, f"{function.name}, {why}")
        self.assertEqual("INVALID_ARGUMENT", reply.code, f"{function.name}, {why}: {reply}")

    def test_the_library_has_the_functions_that_are_declared(self):
        listed = {row[1] for library in self.redis.send(("FUNCTION", "LIST"))[0] for row in library[5]}
        self.assertEqual({"appbackup_" + function.name for function in self.declared}, listed)

    def test_a_wrong_argument_is_refused(self):
        for function in self.declared:
            flat = [argument for argument in functions.leaves(function.arguments) if not argument.pairs]
            for at, argument in enumerate(flat):
                for value in wrong(argument):
                    given = [value if i == at else good(other) for i, other in enumerate(flat)]
                    self.assert_refused(function, given, f"{argument.name} {value[:20]!r}")

    def test_a_wrong_field_of_a_report_is_refused(self):
        for function in self.declared:
            flat = list(functions.leaves(function.arguments))
            start = [good(argument) for argument in flat if not argument.pairs]
            for pairs in (argument for argument in flat if argument.pairs):
                self.assert_refused(function, [*start, "colour", "1"], "a field that is not declared")
                self.assert_refused(function, [*start, pairs.members[0].name], "a field without a value")
                for field in pairs.members:
                    for value in wrong(field):
                        self.assert_refused(function, [*start, field.name, value], f"{field.name} {value[:20]!r}")

    def test_too_few_and_too_many_are_refused(self):
        for function in self.declared:
            flat = [argument for argument in functions.leaves(function.arguments) if not argument.pairs]
            needed = sum(argument.optional is None for argument in flat)
            for count in range(needed):
                self.assert_refused(function, [good(argument) for argument in flat[:count]], f"{count} arguments")
            if len(flat) == len(list(functions.leaves(function.arguments))):
                self.assert_refused(function, [good(argument) for argument in flat] + ["more"], "one too many")

    def test_only_what_reads_can_be_called_to_read(self):
        for function in self.declared:
            flat = [argument for argument in functions.leaves(function.arguments) if not argument.pairs]
            reply = self.call(function, [good(argument) for argument in flat], "FCALL_RO")
            forbidden = isinstance(reply, ErrorReply) and "write flag" in reply.text
            self.assertEqual(not function.reads, forbidden, f"{function.name}: {reply}")


if __name__ == "__main__":
    unittest.main()
