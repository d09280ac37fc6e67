"""config/cmake/generate/facts.py: facts that are wrong are refused with their place, those that are right are written the
same way each time. Needs nothing built."""

import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../../..")
sys.path.insert(0, SOURCE + "/config/cmake/generate")
import facts

SCHEMA = facts.record(
    title=facts.text(),
    rows=facts.table(facts.record(
        kind=facts.choice("big", "small"),
        count=facts.integer(0, 9, 1),
        dark=facts.flag(False),
        words=facts.listing(facts.name(), ()),
    )),
)
SCRIPT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import facts
facts.main(lambda path: facts.read(path, facts.table(facts.text())),
           {"paint/colours.h": lambda rows: facts.enum("colour", [row.upper() for row in rows]),
            "paint/colours.lua": lambda rows: "local Colours = " + facts.lua(rows) + "\\n"})
"""


class FactsTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = scratch.name
        self.path = os.path.join(self.directory, "facts.yaml")

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def read(self, text):
        self.write(text)
        return facts.read(self.path, SCHEMA)

    def refusal(self, text):
        with self.assertRaises(facts.FactError) as caught:
            self.read(text)
        return str(caught.exception).removeprefix(os.path.relpath(self.path, SOURCE))

    def test_values_are_read_as_the_schema_says_and_not_as_they_look(self):
        read = self.read("title: no\nrows:\n  one: {kind: big, count: 7, dark: true, words: [on, off]}\n"
                         "  two:\n    kind: small\n")

        self.assertEqual("no", read.title)
        self.assertEqual(["one", "two"], list(read.rows))
        self.assertEqual((7, True, ["on", "off"]), (read.rows["one"].count, read.rows["one"].dark, read.rows["one"].words))
        self.assertEqual((1, False, ()), (read.rows["two"].count, read.rows["two"].dark, read.rows["two"].words))
        self.assertEqual("two", read.rows["two"].name)

    def test_a_mistake_is_refused_with_line_and_key(self):
        good = "title: a\nrows:\n  one:\n    kind: big\n"

        for text, refusal in (
                ("", ":1: there is nothing in it"),
                ("title: [\n", ":2: expected the node content, but found '<stream end>'"),
                ("title: a\n", ":1: 'rows' is missing"),
                ("title: ''\nrows: {}\n", ":1: title: a text is expected here"),
                ("title: [a]\nrows: {}\n", ":1: title: one value is expected here"),
                (good + "  one:\n    kind: big\n", ":5: rows: 'one' stands there twice"),
                (good + "  Two: {}\n", ":5: rows: 'Two' does not look like " + facts.NAME),
                (good + "    colour: red\n", ":5: rows.one: 'colour' is not known, only kind, count, dark, words"),
                (good + "    count: 10\n", ":5: rows.one.count: '10' is no number from 0 to 9"),
                (good + "    count: 0x1\n", ":5: rows.one.count: '0x1' is no number from 0 to 9"),
                (good + "    dark: yes\n", ":5: rows.one.dark: 'yes' is none of true, false"),
                (good + "    words: a\n", ":5: rows.one.words: a list is expected here"),
                (good + "    words:\n      - a\n      - '?'\n", ":7: rows.one.words.1: '?' does not look like " + facts.NAME),
                (good.replace("big", "huge"), ":4: rows.one.kind: 'huge' is none of big, small"),
                ("title: a\nrows: [one]\n", ":2: rows: keys with values are expected here")):
            with self.subTest(text):
                self.assertEqual(refusal, self.refusal(text))

    def test_literals_mean_what_they_are_made_of(self):
        self.assertEqual(r'"a \"b\" \\ \n ?\?="', facts.c_string('a "b" \\ \n ??='))
        self.assertEqual('{ a = 1, ["end"] = { true, "x\\"" }, ["b-c"] = {} }',
                         facts.lua({"a": 1, "end": [True, 'x"'], "b-c": {}}, 1))
        self.assertEqual("{\n    a = { b = \"c\" },\n}", facts.lua({"a": {"b": "c"}}))

    def run_script(self, *outputs):
        script = os.path.join(self.directory, "paint.py")
        with open(script, "w") as file:
            file.write(SCRIPT)
        return subprocess.run(
            [sys.executable, "-B", script, SOURCE + "/config/cmake/generate", "--facts", self.path, "--directory",
             self.directory + "/made", "--outputs", *outputs], capture_output=True, text=True, check=False)

    def test_a_generator_writes_its_outputs_with_a_head(self):
        self.write("red: warm\nblue: cold\n")
        head = "Generated from {0}/facts.yaml by {0}/paint.py: change it there.".format(os.path.relpath(self.directory, SOURCE))

        self.assertEqual("", self.run_script("paint/colours.h", "paint/colours.lua").stderr)

        with open(self.directory + "/made/paint/colours.h") as file:
            self.assertEqual(f"/* {head} */\n#ifndef GENERATED_PAINT_COLOURS_H\n#define GENERATED_PAINT_COLOURS_H\n\n"
                             "enum colour {\n    RED = 0,\n    BLUE,\n};\n\n#endif\n", file.read())
        with open(self.directory + "/made/paint/colours.lua") as file:
            self.assertEqual(f"-- {head}\nlocal Colours = {{\n    red = \"warm\",\n    blue = \"cold\",\n}}\n", file.read())

    def test_a_generator_refuses_what_it_cannot_make(self):
        self.write("red: warm\nred: cold\n")
        self.assertIn("facts.yaml:2: 'red' stands there twice", self.run_script("paint/colours.h", "paint/colours.lua").stderr)
        self.assertIn("CMake expects paint/colours.h", self.run_script("paint/colours.h").stderr)
        self.assertFalse(os.path.exists(self.directory + "/made"))


if __name__ == "__main__":
    unittest.main()
