"""config/cmake/generate/keys.py: which keys of Redis it refuses, and what the doctor gets to know of those that it takes. It
judges by nothing else, so what is refused here is what it could not judge."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "config/cmake/generate"))

import facts
import key_contents
import keys

HEAD = """
prefix: "paint:"
checks: {id: a number, name: letters, time: milliseconds}
arguments:
  id: {value: id, example: ID}
  account: {value: id, example: ID}
  owner: {value: name, example: OWNER}
  shelf: {value: name, example: SHELF}
blocks:
  light: {shine: name}
keys:
  pot:
    arguments: [id]
    type: hash
    expires: 30 days
    see: GET {}
    fields:
      always: {id: id, account: id, shelf: name, created_ms: time}
      perhaps: {colour: [red, ""]}
      blocks: [light]
  lid: {arguments: [shelf, account], type: hash, see: "GET {}", fields: {perhaps: {size: name}}}
"""
TAIL = "channels: {}\n"
STATES = "subjects: {}\njobs: {}\nwords: {}\n"


class KeysTest(unittest.TestCase):
    def read(self, key, head=HEAD, states=STATES):
        with tempfile.TemporaryDirectory() as scratch:
            paths = [pathlib.Path(scratch) / name for name in ("keys.yaml", "states.yaml")]
            for path, text in zip(paths, (f"{head}{key}\n{TAIL}", states)):
                path.write_text(text)
            return keys.read(*paths)

    def refusal(self, key, head=HEAD, states=STATES):
        with self.assertRaises(facts.FactError, msg=key) as refused:
            self.read(key, head, states)
        return str(refused.exception)

    def row(self, attributes):
        return f'  shop: {{see: "GET {{}}", {attributes}}}'

    def test_refuses_a_key_of_which_nobody_could_say_what_stands_in_it(self):
        for type_ in ("hash", "set", "zset"):
            self.assertIn(f"shop: a {type_} needs one of fields, leads_to and members",
                          self.refusal(self.row(f"type: {type_}")))
        self.assertIn("needs one of", self.refusal(self.row("type: set, leads_to: pot, members: id, entry: {}")))
        self.assertIn("nothing is declared of what is in a stream", self.refusal(self.row("type: stream, members: id")))

    def test_refuses_a_record_that_could_not_be_judged(self):
        for attributes, said in (
                ("fields: {always: {size: weight}}", "there is no check 'weight'"),
                ("fields: {perhaps: {size: weight}}", "there is no check 'weight'"),
                ("fields: {blocks: [shade]}", "there is no block 'shade'"),
                ("fields: {perhaps: {shine: name}, blocks: [light]}", "the field 'shine' is declared twice"),
                ("fields: {}", "the record has no fields"),
                ("fields: {always: {size: name}}, entry: {}", "'entry' goes with"),
                ("fields: {always: {size: name}}, scores: time", "'scores' goes with")):
            self.assertIn("shop: " + said, self.refusal(self.row(f"type: hash, arguments: [id], {attributes}")))
        for attributes in ("type: set, arguments: [id]", "type: hash"):
            self.assertIn("only a hash with arguments",
                          self.refusal(self.row(f"{attributes}, fields: {{always: {{size: name}}}}")))
        self.assertIn("light: there is no check 'weight'", self.refusal("", HEAD.replace("shine: name", "shine: weight")))

    def test_refuses_an_index_whose_entries_could_not_be_made_of_the_record(self):
        for attributes, said in (
                ("type: set, leads_to: pan, entry: {}", "'pan' is no key of a record"),
                ("type: set, leads_to: shop, entry: {}", "'shop' is no key of a record"),
                ("type: set, leads_to: pot", "needs to know what its entries are"),
                ("type: hash, leads_to: pot, entry: {}", "a hash needs it"),
                ("type: set, leads_to: pot, entry: {member: id}", "'member' goes with a hash"),
                ("type: zset, leads_to: pot, entry: {}", "which is its score"),
                ("type: zset, leads_to: pot, entry: {value: weight}", "pot has no field 'weight' that is a number"),
                ("type: zset, leads_to: pot, entry: {value: shelf}", "pot has no field 'shelf' that is a number"),
                ("type: set, leads_to: pot, entry: {value: created_ms}", "'value' goes with a zset"),
                ("type: hash, leads_to: pot, entry: {member: id, value: created_ms}", "'value' goes with a zset"),
                ("type: hash, leads_to: pot, entry: {member: id, value: computed}", "'value' goes with a zset"),
                ("type: hash, arguments: [shelf], leads_to: lid, entry: {member: account, value: size}", "is no field"),
                ("type: hash, leads_to: pot, entry: {member: colour}", "'colour' is no field that pot always has"),
                ("type: set, leads_to: pot, entry: {when: {weight: [1]}}", "pot has no field 'weight'"),
                ("type: set, leads_to: pot, entry: {proves: weight}", "pot has no field 'weight'"),
                ("type: set, leads_to: pot, entry: {of: [pot]}", "'of' does not go with"),
                ("type: set, arguments: [shelf], leads_to: lid, entry: {}", "what leads to lid is a hash")):
            self.assertIn(said, self.refusal(self.row(attributes)))
        self.read(self.row("type: set, arguments: [owner], leads_to: pot, entry: {}"))
        self.assertIn("'owner' is no field that pot always has",
                      self.refusal(self.row("type: set, arguments: [owner], leads_to: pot, entry: {}"),
                                   HEAD.replace("account: id, shelf", "shelf")))

    def test_refuses_members_that_could_not_be_judged(self):
        for attributes, said in (
                ("type: set, members: weight", "there is no check 'weight'"),
                ("type: hash, members: {kills: weight}", "there is no check 'weight'"),
                ("type: set, members: {kills: id}", "only members of a hash have values"),
                ("type: zset, members: id", "a zset needs it"),
                ("type: zset, members: id, scores: weight", "there is no check 'weight'"),
                ("type: set, members: id, scores: time", "'scores' goes with a zset"),
                ("type: set, members: id, entry: {of: [pan], member: account}", "'pan' is no key of a record"),
                ("type: set, members: id, entry: {of: [pot], member: colour}", "no field that pot always has"),
                ("type: zset, members: id, scores: time, entry: {of: [pot]}", "entries 'of' records go with a set")):
            self.assertIn(said, self.refusal(self.row(attributes)))

    def test_refuses_an_argument_with_an_unknown_check_and_a_life_in_another_unit(self):
        self.assertIn("owner: there is no check 'weight'", self.refusal("", HEAD.replace("value: name", "value: weight", 1)))
        self.assertIn("does not look like", self.refusal("", HEAD.replace("30 days", "4 weeks")))

    def test_refuses_a_subject_without_a_record_by_which_its_jobs_could_be_judged(self):
        subject = STATES.replace("{}", "{pot: {begin: {make: lit}, states: {lit: {}, out: {}}, ended: [out]}}", 1)
        needed = "".join(f", {field}: name" for field in sorted(key_contents.SUBJECT_FIELDS - {"account"}))
        whole = HEAD.replace("created_ms: time", "created_ms: time" + needed)

        for other in ("kettle", "lid"):
            self.assertIn(f"{other}: a subject needs a key with its id and fields",
                          self.refusal("", whole, subject.replace("pot", other)))
        self.assertIn("pot: a subject needs the fields app, bucket, job", self.refusal("", HEAD, subject))
        document = self.read("", whole.replace("state: name", "state: pot_state"), subject)
        self.assertIn('{ name = "state", is = { lit = true, out = true }, needed = true }', key_contents.lua(document))
        self.assertIn("there is no check 'pot_state'", self.refusal("", whole.replace("state: name", "state: pot_state")))

    def test_the_doctor_knows_what_is_declared(self):
        document = self.read("""
  shelves: {type: set, see: "GET {}", members: name, entry: {of: [pot], member: shelf}}
  pots: {arguments: [owner], type: zset, see: "GET {}", leads_to: pot, entry: {value: created_ms, when: {colour: [red]}}}
  lids: {arguments: [shelf], type: hash, see: "GET {}", leads_to: lid, entry: {member: account, value: computed}}
""")
        known = key_contents.lua(document)
        for line in ('{ name = "shelf", is = "name", needed = true }', '{ name = "shine", is = "name" }',
                     'is = { red = true, [""] = true }', 'entries = { "shelves", "pots" }', 'entries = { "lids" }',
                     'told = { "shelf", "account" }', 'when = { colour = { red = true } }', 'parts = { "owner" }',
                     'lids = {', 'value = "computed"'):
            self.assertIn(line, known)
        self.assertNotIn("told = { false", known)
        self.assertIn("pot = 2592000", keys.lua(document))


if __name__ == "__main__":
    unittest.main()
