"""config/appbackup.yaml and config/apps.d/website.yaml are the manual of src/config/keys.yaml: each key stands there,
with its range and its default, and the comment in front of it or behind it names the words that it may be."""

import os
import re
import sys
import unittest

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(TOP, "config", "cmake", "generate"))
import config_keys  # noqa: E402

DOCUMENTS = config_keys.read(os.path.join(TOP, "src/config/keys.yaml")).documents
SAMPLES = {"config": "config/appbackup.yaml", "app": "config/apps.d/website.yaml"}


class Place:
    """A key in a sample: what stands behind it, and the comment about it or what it is a part of."""

    def __init__(self, line, value, lines, parent):
        self.line, self.value = lines[line], value
        behind = re.search(r"[^#]# (.*)$", self.line)
        self.behind = behind.group(1) if behind else ""
        above = []
        for text in reversed(lines[:line]):
            if not re.match(r"\s*#( |$)", text):
                break
            above.insert(0, re.sub(r"^\s*#", "", text).strip())
        self.comment = " ".join(above + [self.behind, parent.comment if parent else ""])


def places(sample):
    """Path -> places of the key, with every line in use: "#key" is "key"."""
    with open(os.path.join(TOP, sample), encoding="utf-8") as file:
        lines = [re.sub(r"^( *)#([^ #])", r"\1\2", line.rstrip("\n")) for line in file]
    found = {}

    def visit(node, path, parent):
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                visit(item, path + "[]", parent)
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = f"{path}.{key.value}" if path else key.value
                words = ", ".join(item.value for item in value.value if isinstance(item, yaml.ScalarNode)) \
                    if isinstance(value, yaml.SequenceNode) else value.value
                place = Place(key.start_mark.line, words, lines, parent)
                found.setdefault(below, []).append(place)
                visit(value, below, place)

    visit(yaml.compose("\n".join(lines)), "", None)
    return found


class SampleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.places = {name: places(sample) for name, sample in SAMPLES.items()}

    def keys(self, kind):
        """(key, its places) of each key of these types. All stages of hooks have the keys of the one that is shown
        in full."""
        found = []
        for name in SAMPLES:
            for key in config_keys.every_key(DOCUMENTS[name].keys):
                shown = re.sub(r"^hooks\.\w+\[\]", "hooks.pre_snapshot[]", key.path)
                self.assertTrue(shown in self.places[name], f"{SAMPLES[name]} does not have {shown}")
                if key.type in kind:
                    found.append((key, self.places[name][shown]))
        self.assertGreater(len(found), 0)
        return found

    def check(self, kind, is_shown):
        """Do the places of each key of these types show what they have to?"""
        for key, found in self.keys(kind):
            with self.subTest(key.path):
                self.assertTrue(any(is_shown(key, place) for place in found), [place.comment for place in found])

    def test_every_key_stands_there(self):
        self.assertGreater(len(self.keys(config_keys.MEMBERS)), 80)

    def test_nothing_else_stands_there(self):
        for name in SAMPLES:
            known = {key.path for key in config_keys.every_key(DOCUMENTS[name].keys)}
            self.assertEqual(set(self.places[name]) - known, set())

    def test_every_number_has_its_range_behind_it(self):
        self.check(config_keys.NUMBERS, lambda key, place: place.behind == f"{key.min}-{key.max}")

    def test_every_list_of_numbers_has_its_range(self):
        self.check(("numbers",), lambda key, place: f"{key.min}-{key.max} each" in place.comment)

    def test_every_default_is_shown_or_told(self):
        self.check(("text", "number", "size", "choice", "flag", "numbers"), lambda key, place:
                   key.otherwise in (None, place.value)
                   or re.search(rf"\bDefault:? {re.escape(key.otherwise)}\b", place.comment))

    def test_every_word_is_named(self):
        self.check(("choice", "flag"), lambda key, place:
                   all(re.search(rf"\b{word}\b", place.comment) for word in key.words or ("true", "false")))

    def test_every_limit_of_a_list_is_told(self):
        self.check(config_keys.LISTS, lambda key, place:
                   re.search(rf"\bat most {key.entries[1]}\b", place.comment, re.IGNORECASE))


if __name__ == "__main__":
    unittest.main()
