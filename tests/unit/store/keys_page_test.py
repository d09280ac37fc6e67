"""docs/redis.md and config/redis-acl.conf against src/store/protocol/keys.yaml: each key that is declared is explained
there, and each user may write what is declared. Needs nothing built."""

import os
import re
import sys
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
sys.path.insert(0, SOURCE + "/config/cmake/generate")
import keys


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


class KeysPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.declared = keys.read(SOURCE + "/src/store/protocol/keys.yaml")
        cls.page = read("docs/redis.md")
        cls.rows = [[cell.strip() for cell in row.split(" | ")]
                    for row in re.findall(r"^\| (`appbackup:.*) \|$", cls.page, re.M)]
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
