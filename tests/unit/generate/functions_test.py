"""config/cmake/generate/functions.py: which tables of functions it refuses, and what it makes of one."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "config/cmake/generate"))

import facts
import functions
import functions_table

HEAD = """
limits: {name: 63}
words:
  colour: {are: [red, green]}
records:
  app: {}
groups:
  claim: {of: struct job, header: model/job.h, arguments: {job: {is: id, c: id}}}
functions:
"""
PAINT = """
  paint:
    does: writes
    callers: [worker]
    arguments:
%s
    reply: %s
    help: paints
    by_hand: %s
"""


class FunctionsTest(unittest.TestCase):
    def read(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(HEAD + text)
            file.flush()
            return functions.read(file.name)

    def paint(self, arguments, reply="nothing", by_hand="X"):
        lines = "\n".join("      " + argument for argument in arguments)
        return self.read(PAINT % (lines, reply, by_hand))

    def test_refuses_what_does_not_go_together(self):
        for arguments, by_hand, said in (
                (["a: {is: id, optional: ''}", "b: {is: id}"], "X Y", "behind an optional argument"),
                (["a: {is: name}"], "X", "'max' goes with"),
                (["a: {is: name, max: size}"], "X", "there is no limit 'size'"),
                (["a: {is: integer, from: 1}"], "X", "'from' and 'to'"),
                (["a: {is: word, words: taste}"], "X", "there are no words 'taste'"),
                (["a: {is: digest, empty: true}"], "X", "'empty' does not go with digest"),
                (["a: {group: crowd}"], "X", "there is no group 'crowd'"),
                (["a: {is: id}"], "X Y", "by_hand has 2 words"),
                (["a: {is: name, max: name, optional: ''}", "b: {is: sentence, optional: ''}"], "X", "stands last"),
                (["claim: {group: claim}", "job: {is: id}"], "X Y", "the same name")):
            with self.assertRaises(facts.FactError, msg=said) as refused:
                self.paint(arguments, by_hand=by_hand)
            self.assertIn(said, str(refused.exception))

    def test_refuses_an_unknown_word_as_reply(self):
        with self.assertRaises(facts.FactError):
            self.paint(["a: {is: id}"], reply="word taste")

    def test_makes_the_same_arguments_for_both_sides(self):
        document = self.paint(["claim: {group: claim}", "colour: {is: word, words: colour}",
                               "name: {is: name, max: name, empty: true}", "note: {is: sentence, optional: ''}"],
                              reply="record app or none", by_hand="JOB COLOUR NAME [NOTE]")
        builder = functions.functions_c(document)
        for line in ('call_begin(call, "FCALL", "appbackup_paint");', "call_add_text(call, claim->id);",
                     "call_add_text(call, colour_name(colour));", "call_add_text(call, name);"):
            self.assertIn(line, builder)
        reader = functions.arguments_lua(document)
        for line in ('job = a:id("job")', 'colour = a:choice("colour", Functions.WORDS.colour)',
                     'name = a:optional_name("name", 63)', 'note = a:has_more() and a:sentence("note") or ""'):
            self.assertIn(line, reader)
        self.assertIn("struct app *ret_app, bool *ret_found, struct error *err)", functions.blocking_h(document))
        self.assertEqual("| `appbackup_paint` | paints | `JOB COLOUR NAME [NOTE]` |",
                         functions_table.row(document.functions["paint"]))


if __name__ == "__main__":
    unittest.main()
