"""The manual pages and the completion say what the programs do: each command and option of --help."""

import os
import re
import subprocess
import tempfile
import unittest

from support import BIN

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAN = os.path.join(TOP, "docs", "man")
CTL = os.path.join(BIN, "appbackupctl")


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def help_of(program, *words):
    return output(os.path.join(BIN, program), *words, "--help").stdout


def commands():
    return re.findall(r"(?m)^  ([a-z][a-z -]*[a-z])  ", help_of("appbackupctl"))


class ManTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="appbackup-man.")
        cls.addClassCleanup(scratch.cleanup)
        output("sh", os.path.join(MAN, "make"), CTL, os.path.join(BIN, "generated/config/keys.roff"), TOP, scratch.name)
        cls.pages = {name: os.path.join(directory, name) for directory, name in
                     ((scratch.name, "appbackupctl.1"), (scratch.name, "appbackup.yaml.5"),
                      (MAN, "appbackupd.8"), (MAN, "appbackup-worker.8"))}

    def text(self, page):
        done = output("man", "--warnings", "--local-file", self.pages[page], env={
            **os.environ, "MANWIDTH": "120", "MANROFFOPT": "-rHY=0", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""})
        self.assertEqual(done.stderr, "", page)
        return done.stdout.replace("\N{HYPHEN}", "-").replace("\N{MINUS SIGN}", "-")

    def test_each_option_of_the_daemons(self):
        for program in ("appbackupd", "appbackup-worker"):
            page = self.text(program + ".8")
            for option in set(re.findall(r"--[a-z-]+", help_of(program))):
                self.assertIn(option, page)

    def test_each_command_and_option_of_the_tool(self):
        page = self.text("appbackupctl.1")
        self.assertIn("token create", commands())
        for command in commands():
            text = help_of("appbackupctl", *command.split())
            usage = text.splitlines()[0].removeprefix("Usage: appbackupctl ")
            self.assertIn(" ".join(usage.split()), " ".join(page.split()))
            for option in set(re.findall(r"--[a-z-]+", text)):
                self.assertIn(option, page)
            for line in text.split("\nOptions for")[0].splitlines()[1:]:
                self.assertIn(line.strip(), page)

    def test_each_key_of_the_configuration(self):
        page = self.text("appbackup.yaml.5")
        with open(os.path.join(TOP, "config/appbackup.yaml"), encoding="utf-8") as file:
            keys = re.findall(r"(?m)^ *#?(?:- )?([a-z_0-9]+):", file.read())
        self.assertGreater(len(keys), 40)
        for key in keys:
            self.assertIn(key + ":", page)

    def complete(self, *words):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _appbackupctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        return output("bash", "-c", script, "-", os.path.join(TOP, "config/completion/appbackupctl"),
                      "appbackupctl", *words, env={**os.environ, "PATH": BIN + ":" + os.environ["PATH"]}
                      ).stdout.split()

    def test_completion_knows_each_command_and_its_options(self):
        self.assertEqual(sorted(self.complete("")), sorted({one.split()[0] for one in commands()}))
        for command in commands():
            group, *verb = command.split()
            if verb:
                self.assertIn(verb[0], self.complete(group, ""))
            self.assertIn("--config", self.complete(*command.split(), "-"))
        self.assertIn("--role", self.complete("token", "create", "x", "--ro"))
        self.assertEqual(self.complete("token", "create", "x", "--role", "me"), ["member"])
        self.assertEqual(self.complete("pause", ""), ["node", "app", "bucket"])
        self.assertEqual(self.complete("resume", "b"), ["bucket"])


if __name__ == "__main__":
    unittest.main()
