"""docs/reasons.md against src/core/reasons.yaml and the sources: each code is explained there, with its effect and
meaning, and each that is declared can be met. Needs nothing built."""

import glob
import os
import re
import sys
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
sys.path.insert(0, SOURCE + "/config/cmake/generate")
import reasons

TRANSIENT = {"UNAVAILABLE", "TIMEOUT", "LOCKED", "NO_SPACE", "NO_MEMORY"}
# A request to end is no failure that passes, nor is a start; a file of certificates that cannot be read is one of the
# configuration.
OTHERWISE = {("TIMEOUT", "job_timeout"), ("UNAVAILABLE", "worker_stopping"), ("INVALID", "certificate_untrusted"),
             ("LOCKED", "state_directory_in_use")}
EMPTY_WORD = "*"


def read(path):
    with open(os.path.join(SOURCE, path)) as file:
        return file.read()


def read_all(pattern):
    return {path: read(path) for path in glob.glob(os.path.join(SOURCE, pattern), recursive=True)}


def shape(sentence):
    """A sentence without what is filled in: %s, or a word in capitals, or the "…" at its end."""
    return re.sub(r"%[sd]|\b[A-Z]+\b", EMPTY_WORD, sentence).replace("…", "").strip(" :" + EMPTY_WORD)


class ReasonsPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = read("docs/reasons.md")
        cls.facts = reasons.read(SOURCE + "/src/core/reasons.yaml")
        cls.table = cls.facts.reasons
        cls.code = read_all("src/**/*.[ch]")
        cls.lua = "".join(read_all("src/store/functions/**/*.lua").values())

    def test_each_code_has_a_section_with_its_effect_and_meaning(self):
        page = re.split(r"^## (.+)\n", self.page, flags=re.M)
        sections = dict(zip(page[1::2], page[2::2]))

        self.assertEqual(list(self.facts.sections), [title for title in sections if "\n### " in sections[title]])
        for title, codes in self.facts.sections.items():
            explained = re.split(r"^### `(\w+)`\n\n", sections[title], flags=re.M)
            self.assertEqual(list(codes), explained[1::2])
            for (code, row), text in zip(codes.items(), explained[2::2]):
                begin = f"**{self.facts.effects[row.effect].title}**. {row.means}"
                self.assertEqual(begin, " ".join(text.split())[:len(begin)], code)

    def test_the_effects_are_explained(self):
        for effect in self.facts.effects.values():
            self.assertIn(f"| **{effect.title}** | {effect.text} |\n", self.page)

    def test_a_code_of_a_status_has_the_same_prospects(self):
        for code, row in self.facts.sections["General"].items():
            self.assertEqual(row.effect == "retried", code.upper() in TRANSIENT, code)

    def test_each_section_is_about_a_code_that_can_be_met(self):
        met = {name.lower() for text in self.code.values() for name in re.findall(r"\bREASON_([A-Z_]+)\b", text)}
        met |= {name.lower() for text in self.code.values() for name in re.findall(r"\bSTATUS_([A-Z_]+)\b", text)}
        met |= self.codes_of_the_library()
        met |= {code for code, row in self.table.items() if row.replies}
        met |= self.refusals_of_the_library()

        for code in self.table:
            self.assertIn(code, met)

    def codes_of_the_library(self):
        calls = re.findall(r'with_detail\((?:[^()]|\([^()]*\))*?,\s*"([a-z_]+)"', self.lua)
        self.assertEqual(self.lua.count("with_detail(") - 1, len(calls), "a code is written where it is used")
        return set(calls)

    def test_the_library_has_no_code_of_its_own(self):
        self.assertLessEqual(self.codes_of_the_library(), set(self.table))

    def test_nobody_else_writes_a_type(self):
        users = {os.path.basename(path) for path, text in self.code.items() if "DETAIL_TYPE_PREFIX" in text}

        self.assertEqual({"detail.c"}, users)
        self.assertEqual(2, self.lua.count("Reasons.TYPE_PREFIX"), "its value, and with_detail()")

    def test_what_is_said_to_be_tried_again_is(self):
        pairs = {(status, reason.lower()) for text in self.code.values()
                 for status, reason in re.findall(r"\bSTATUS_([A-Z_]+),\s*REASON_([A-Z_]+)\b", text)}
        pairs |= {(row.status.upper(), code) for code, row in self.table.items() if row.status}

        self.assertGreater(len(pairs), 40)
        for status, reason in pairs - OTHERWISE - {(status, "unset") for status, _ in pairs}:
            self.assertEqual(self.table[reason].effect == "retried", status in TRANSIENT, (status, reason))

    def test_each_sentence_about_waiting_has_a_row(self):
        said = re.findall(r'(?:Reasons\.of\(|unready = (?:string\.format\()?|local why = Text\.clean\()\s*"([^"]{8,})"', self.lua)
        said += re.findall(r'string\.format\("((?:waiting|given up|not done|%s %s is paused by)[^"]*)"', self.lua)
        said += [re.search(r'"(no living worker;[^"]*)"', self.code[SOURCE + "/src/model/node.c"]).group(1)]
        rows = {shape(sentence) for sentence in re.findall(r"^\| `([^`]+)`", self.page, re.M)}

        self.assertGreater(len(said), 12, said)
        for sentence in said:
            self.assertIn(shape(sentence), rows)

    def test_each_sentence_of_readyz_has_a_row(self):
        rows = re.findall(r"^\| `((?:redis|worker): [^`]+)` \|", self.page, re.M)

        self.assertEqual({row.readyz for row in self.table.values() if row.readyz}, set(rows))

    def refusals_of_the_library(self):
        return {word.lower() for word in re.findall(r'\b(?:refuse\(|unknown = )"([A-Z_]+)"', self.lua)}

    def test_the_library_refuses_with_declared_codes(self):
        declared = {code for code, row in self.table.items() if row.status and not row.replies}

        self.assertEqual(declared, self.refusals_of_the_library())

    def test_the_catalog_refers_to_sections(self):
        for anchor in re.findall(r"reasons\.md#(\w+)", read("systemd/appbackup.catalog")):
            self.assertIn(anchor, self.table)

    def test_the_commands_of_appbackupctl_exist(self):
        known = {" ".join(words).strip() for words in re.findall(
            r'\.group = "(\w+)",(?:\s*\.verb = "(\w+)")?',
            "\n".join(text for path, text in self.code.items() if path.startswith(SOURCE + "/src/ctl/")))}
        named = re.findall(r"appbackupctl (\w+)(?: ([a-z]+))?", self.page + read("systemd/appbackup.catalog"))

        self.assertGreater(len(named), 30)
        for group, verb in named:
            self.assertTrue(group in known or f"{group} {verb}" in known, (group, verb))

    def test_links_within_the_page_lead_somewhere(self):
        for anchor in re.findall(r"\]\(#(\w+)\)", self.page):
            self.assertIn(f"### `{anchor}`", self.page)


if __name__ == "__main__":
    unittest.main()
