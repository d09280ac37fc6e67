"""docs/redis.md and config/redis-acl.conf against src/store/protocol/keys.yaml: each key that is declared is explained
there with its fields, and each user may write what is declared. And the doctor has the checks that are declared. Needs
nothing built."""

import os
import re
import sys
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
sys.path.insert(0, SOURCE + "/config/cmake/generate")
import key_contents
import keys
import states

DOCTOR = "src/store/functions/doctor/"


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


class KeysPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.declared = keys.read(SOURCE + "/src/store/protocol/keys.yaml", SOURCE + "/src/model/states.yaml")
        cls.page = read("docs/redis.md")
        cls.rows = [[cell.strip() for cell in row.split(" | ")]
                    for row in re.findall(r"^\| (`appbackup:.*) \|$", cls.page, re.M)]
        cls.states = states.read(SOURCE + "/src/model/states.yaml")
        cls.rights = {line.split()[1]: line.split() for line in read("config/redis-acl.conf").splitlines()}

    def shown(self, key):
        return keys.shown(self.declared, key, lambda argument: f"<{argument}>")

    def example(self, key):
        return keys.shown(self.declared, key, lambda argument: self.declared.arguments[argument].example)

    def test_each_key_has_a_row_with_its_type_and_the_command_that_shows_it(self):
        expected = [(f"`{self.shown(key)}`", key.type, f"`{key.see.replace('{}', self.example(key))}`")
                    for key in self.declared.keys.values()]

        self.assertEqual(expected, [(key, type_, see) for key, type_, _, see in self.rows])

    def test_the_page_says_which_keys_expire(self):
        for key, (_, _, holds, _) in zip(self.declared.keys.values(), self.rows):
            self.assertEqual(key.expires is not None, "expires" in holds, key.name)
            self.assertIn(key.expires or "", holds, key.name)

    def section(self, title):
        return re.search(rf"^### {title}\n(.*?)(?=^#)", self.page, re.M | re.S).group(1)

    def fields(self, name):
        return {field for field, _, _ in key_contents.fields(self.declared, self.declared.keys[name])}

    @staticmethod
    def words(text):
        return set(re.findall(r"`(\w+)`", text))

    def tables_of_fields(self):
        """What stands in the first column, of each record that has a table."""
        titles = re.findall(r"^### (Fields of an? ([\w-]+))$", self.page, re.M)
        cells = {name: re.findall(r"^\| (`.*?) \|", self.section(title), re.M) for title, name in titles}
        return {name: set().union(*map(self.words, column)) for name, column in cells.items() if column}

    def test_the_tables_of_fields_have_those_that_are_declared(self):
        tables = self.tables_of_fields()
        self.assertLess({"backup", "job"}, set(tables))
        for name, words in tables.items():
            self.assertEqual(self.fields(name), words, name)

    def test_the_lists_of_fields_have_those_that_are_declared(self):
        section = self.section("Fields of an app, a bucket, a node")
        lists = dict(re.findall(r"^- (\w+): (.*?)(?=^-|\Z)", section, re.M | re.S))
        lists["repository"] = self.section("Fields of a repository")
        lists["create-key"] = next(row[2] for row in self.rows if "create-key" in row[0])
        lists["snapshot"] = next(row[2] for row in self.rows if "snapshot" in row[0])
        records = {key.name for key in self.declared.keys.values() if key.fields}
        self.assertEqual(records - set(self.tables_of_fields()), set(lists))
        for name, text in lists.items():
            self.assertEqual(set(), self.fields(name) - self.words(text), name)
            self.assertEqual(set(), self.words(re.sub(r"\(.*?\)", "", text, flags=re.S)) - self.fields(name), name)

    def test_the_page_has_the_counters_that_are_declared(self):
        self.assertEqual(set(self.declared.keys["counters"].members), self.words(self.section("Counters")))

    def test_the_doctor_has_the_checks_that_are_declared_and_each_is_used(self):
        used = {argument.value for argument in self.declared.arguments.values()}
        used |= {check for block in self.declared.blocks.values() for check in block.values() if isinstance(check, str)}
        for key in self.declared.keys.values():
            members = list(key.members.values()) if isinstance(key.members, dict) else [key.members]
            fields = [check for _, check, _ in key_contents.fields(self.declared, key)] if key.fields else []
            used |= {check for check in [key.scores, *members, *fields] if isinstance(check, str)}

        used -= set(self.declared.states)
        self.assertEqual(set(self.declared.checks), used)
        self.assertEqual(sorted(used), sorted(re.findall(r"^function is\.(\w+)\(", read(DOCTOR + "values.lua"), re.M)))

    def test_the_doctor_computes_the_values_that_are_declared_so(self):
        expected = [key.name for key in self.declared.keys.values()
                    if key.entry and key.entry.value == key_contents.COMPUTED]
        computed = re.findall(r"^function COMPUTED\.(\w+)\(", read(DOCTOR + "records.lua"), re.M)

        self.assertEqual(sorted(expected), sorted(computed))

    def test_an_index_has_the_records_that_are_in_its_states(self):
        places = {}
        for state, place in self.states.jobs.items():
            places.setdefault(place, []).append(state)
        places.pop("nowhere")
        task = self.states.subjects["task"]
        places["active-tasks"] = [state for state in task.states if state not in task.ended]

        for place, expected in places.items():
            self.assertEqual({"state": expected}, self.declared.keys[place].entry.when, place)

    def test_the_ends_of_hooks_are_those_that_are_declared(self):
        self.assertEqual(["", *self.states.words["hook_state"]], self.declared.blocks["progress"]["hook_state"])

    def test_each_channel_is_named(self):
        for channel in self.declared.channels.values():
            self.assertIn(f"`{self.shown(channel)}`", self.page)

    def test_each_user_may_write_what_is_declared(self):
        written = {keys.pattern(self.declared, key) for key in self.declared.keys.values() if key.written_by == "api"}
        everything = {self.declared.prefix + "*"}
        expected = {"api": written, "worker": everything, "admin": everything, "auditor": set()}

        self.assertEqual(expected, {user: {word[1:] for word in words if word[0] == "~"}
                                    for user, words in self.rights.items()})

    def test_each_user_may_read_everything_and_hear_the_channels(self):
        channels = {keys.pattern(self.declared, channel) for channel in self.declared.channels.values()}

        for user, words in self.rights.items():
            readable = {word.split("~")[1] for word in words if word.startswith(("~", "%R~"))}
            self.assertIn(self.declared.prefix + "*", readable, user)
            self.assertEqual(channels, {word[1:] for word in words if word[0] == "&"}, user)


if __name__ == "__main__":
    unittest.main()
