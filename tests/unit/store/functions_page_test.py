"""What is said of the library's functions by hand goes together with src/store/protocol/functions.yaml."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "config/cmake/generate"))

import functions_table as functions  # noqa: E402: it stands in the folder of the generators

USERS = {"api": "api", "worker": "worker", "ctl": "admin"}  # a program, and the user of Redis that it is


class FunctionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.declared = functions.read(str(ROOT / "src/store/protocol/functions.yaml")).functions.values()

    def test_the_page_has_the_row_of_each_function(self):
        rows = [line for line in (ROOT / "docs/redis.md").read_text().splitlines() if line.startswith("| `appbackup_")]
        self.assertGreater(len(rows), 40)
        for function in self.declared:
            self.assertIn(functions.row(function), rows)
        named = {re.match(r"\| `appbackup_(\w+)`", row)[1] for row in rows}
        self.assertEqual({function.name for function in self.declared}, named)
        self.assertEqual(len(rows), len(named), "each function has one row")

    def test_each_user_of_redis_may_call_what_its_program_calls(self):
        users = {}
        for line in (ROOT / "config/redis-acl.conf").read_text().splitlines():
            words = line.split()
            users[words[1]] = {word[1:] for word in words if word.startswith("+fcall")}
        wanted = {"auditor": {"fcall_ro"}}
        for function in self.declared:
            for program in function.callers:
                wanted.setdefault(USERS[program], set()).add("fcall_ro" if function.reads else "fcall")
        self.assertEqual(wanted, users)


if __name__ == "__main__":
    unittest.main()
