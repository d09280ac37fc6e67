"""The checks of tests/lint find what they are for: each is shown a tree or a text in which it is, and one in which it
is not."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../lint")
import asserts
import includes
import keys
import labels
import lua

CMAKE = """add_module(core LIBRARIES Threads::Threads)
# add_module(ghost NEEDS core)
add_module(store NEEDS core
    LIBRARIES PkgConfig::HIREDIS)
add_module(api NEEDS core store)
"""


def problems(files, known=()):
    """What the check of includes says of a tree of these files: {path: the names that it includes}."""
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "CMakeLists.txt").write_text(CMAKE)
        for path, names in files.items():
            (Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(root) / path).write_text("".join(f'#include "{name}"\n' for name in names))
        tree = includes.Tree(root)
        return includes.check_directions(tree) + includes.check_circles(tree, known)


class Directions(unittest.TestCase):
    def test_a_module_may_include_itself_and_what_it_needs(self):
        self.assertEqual([], problems({
            "include/core/log.h": [], "include/store/store.h": ["core/log.h"], "src/store/link/merge.h": [],
            "src/store/link/merge.c": ["merge.h", "store/store.h"], "src/api/api.c": ["store/store.h"],
            "src/main/daemon.c": ["store/store.h", "core/log.h"]}))

    def test_nothing_else(self):
        found = problems({"include/core/log.h": [], "include/api/api.h": [], "src/core/log.c": ["api/api.h"],
                          "src/store/link/merge.c": ["api/api.h"]})
        self.assertEqual(2, len(found))
        self.assertIn('src/core/log.c includes "api/api.h": core does not need api', found)

    def test_a_generated_header_is_of_its_module(self):
        files = {"src/core/log.c": ["store/calls.h"]}
        self.assertEqual(1, len(problems(files)), "not made yet")
        files["build/clang/generated/store/calls.h"] = []
        self.assertEqual(1, len(problems(files)))

    def test_a_folder_needs_a_line_in_cmake(self):
        self.assertEqual(1, len(problems({"src/ghost/ghost.c": []})))


class Circles(unittest.TestCase):
    CIRCLE = {"include/store/store.h": [], "src/store/store.c": ["store/store.h", "link/merge.h"],
              "src/store/link/merge.h": [], "src/store/link/merge.c": ["merge.h", "store/store.h"]}

    def test_a_source_and_its_header_are_one_file(self):
        self.assertEqual(["these include each other: store/merge store/store"], problems(self.CIRCLE))

    def test_one_that_is_listed_may_stay_as_long_as_it_does_not_grow(self):
        self.assertEqual([], problems(self.CIRCLE, [{"store", "merge", "old"}]))
        self.assertEqual(1, len(problems(self.CIRCLE, [{"merge", "old"}])))

    def test_it_is_found_however_long_it_is(self):
        files = {f"src/core/f{i}.h": [f"f{(i + 1) % 50}.h"] for i in range(50)}
        self.assertEqual(2, len(problems(files)), "as files and as headers")
        files["src/core/f49.h"] = []
        self.assertEqual([], problems(files))


class Labels(unittest.TestCase):
    TABLE = ("/*\n * Store: keeps things.\n *\n * Errors    NOT_FOUND: there is none; the text\n"
             " *           names it\n * Ownership the caller\'s\n * Threads   one\n */\n")

    def broken(self, text):
        return [number for number, _ in labels.broken_lines(text)]

    def test_a_table_is_one(self):
        self.assertEqual([], self.broken(self.TABLE))

    def test_a_label_in_mid_line(self):
        self.assertEqual([1], self.broken(" * keeps things. Threads   one handle for many\n"))

    def test_a_label_at_the_end_of_a_line(self):
        self.assertEqual([1], self.broken(" * does not answer. Source\n * getpwnam(3)\n"))

    def test_text_of_a_label_at_the_margin(self):
        self.assertEqual([5], self.broken(self.TABLE.replace(" *           names", " * names")))

    def test_text_that_is_no_table(self):
        self.assertEqual([], self.broken("/* Errors are logged once.  Two spaces. Keys are bytes. */\n"
                                         "/* Everything that comes later\n * begins at the margin. */\n"))


class Lua(unittest.TestCase):
    HEAD = "#!lua name=test\n"

    def complaints(self, text):
        return list(lua.check("test.lua", self.HEAD + text))

    def test_half_of_the_locals_may_be_in_use(self):
        text = "".join(f"local name{i} = {i}\n" for i in range(lua.LOCALS_MAX))
        self.assertEqual([], self.complaints(text))
        self.assertEqual(1, len(self.complaints(text + "local one_more = 1\n")))

    def test_half_of_the_upvalues_may_be_in_use(self):
        names = [f"name{i}" for i in range(lua.UPVALUES_MAX + 1)]
        text = "".join(f"local {name} = 1\n" for name in names)
        self.assertEqual([], self.complaints(f"{text}redis.call(function() return {' + '.join(names[1:])} end)\n"))
        found, = self.complaints(f"{text}redis.call(function() return {' + '.join(names)} end)\n")
        self.assertIn(f"line {len(names) + 2}: {len(names)} upvalues", found)

    def test_a_name_that_nobody_knows(self):
        found, = self.complaints("local Jobs = {}\nreturn Job.load()\n")
        self.assertIn("line 3: Job is no local", found)


class Keys(unittest.TestCase):
    def lines(self, text):
        return [number for number, _ in keys.spelt(text)]

    def test_a_key_in_c_and_in_lua(self):
        self.assertEqual([1, 2, 3], self.lines('"appbackup:job:%s"\nredis.call("GET", "appbackup:schema")\n'
                                               'Keys.PREFIX .. "job:" .. id\n'))

    def test_what_is_no_key(self):
        self.assertEqual([], self.lines('printf("appbackup: %s", text)\nbelow "appbackup:" are keys\n'
                                        'MATCH, Keys.PREFIX .. "*"\n'))


class Asserts(unittest.TestCase):
    def test_a_word_that_holds_when_it_should_not(self):
        self.assertEqual([(1, "gt"), (4, "gt")], asserts.uses("cr_expect(gt(sz, count, 20));\n/* two\n lines */\n"
                                                              "cr_assert(all(eq(int, a, 1), gt (int, b, 1)));\n"))

    def test_what_is_no_use_of_it(self):
        self.assertEqual([], asserts.uses("/* gt() holds\n * when gt(1, 1) */ // gt(\nweight(1);\n"
                                          'cr_expect(lt(sz, 1, 2), "gt(%d) \\" gt(");\n'))


if __name__ == "__main__":
    unittest.main()
