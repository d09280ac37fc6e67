"""The doctor's library: in Redis while a doctor is at work, and whatever happens, in nobody's way."""

import concurrent.futures
import json
import os
import pathlib
import unittest

from doctor_patient import Patient
from doctor_world import PREFIX
from resp import ErrorReply

OTHER_VERSION = """#!lua name=appbackup_doctor
redis.register_function({ function_name = "appbackup_doctor_look", callback = function() return "?" end,
    flags = { "no-writes" } })
redis.register_function("appbackup_doctor_of_old", function() return "?" end)
"""


class DoctorLibraryTest(unittest.TestCase):
    def setUp(self):
        self.patient = Patient()
        self.addCleanup(self.patient.stop)

    def libraries(self):
        reply, = self.patient.send(("FUNCTION", "LIST"))
        return sorted(library[1] for library in reply)

    def look_by_hand(self):
        return self.patient.connection.send(("FCALL_RO", "appbackup_doctor_look", "0", "0", "10"))[0]

    def doctor(self, *words):
        return self.patient.ctl("doctor", *words)

    def test_it_is_there_on_request_and_gone_after_the_next_doctor(self):
        self.doctor("--load")
        self.assertEqual(["appbackup", "appbackup_doctor"], self.libraries())
        self.assertEqual(3, len(self.look_by_hand()))
        self.assertEqual(0, self.doctor().returncode)
        self.assertEqual(["appbackup"], self.libraries())
        self.assertIsInstance(self.look_by_hand(), ErrorReply)
        self.assertEqual(2, self.doctor("--load", "--repair").returncode)

    def test_a_repair_and_an_undo_leave_none_either(self):
        self.patient.send(("SET", PREFIX + "mine", "x"))
        self.assertEqual(0, self.doctor("--repair").returncode)
        self.assertEqual(["appbackup"], self.libraries())
        undo, = pathlib.Path(self.patient.scratch.join("state")).glob("doctor-*.undo")
        self.assertEqual(0, self.doctor("--undo", str(undo)).returncode)
        self.assertEqual(["appbackup"], self.libraries())
        self.assertEqual(2, self.doctor("--undo", self.patient.config).returncode)
        self.assertEqual(["appbackup"], self.libraries())

    def test_one_of_another_version_that_was_left_behind_is_replaced(self):
        self.patient.send(("FUNCTION", "LOAD", "REPLACE", OTHER_VERSION))
        result = self.doctor()
        self.assertEqual((0, "", ""), (result.returncode, result.stdout, result.stderr))
        self.assertEqual(["appbackup"], self.libraries())

    def test_several_at_once_see_the_same(self):
        """The first that is done takes the library from the others."""
        self.patient.send(("SET", PREFIX + "mine", "x"))
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            results = list(pool.map(lambda _: self.doctor(), range(15)))
        self.assertEqual({(1, "")}, {(result.returncode, result.stderr) for result in results})
        self.assertEqual(1, len({result.stdout for result in results}))
        self.assertEqual(["appbackup"], self.libraries())

    def test_on_a_replica_it_looks_with_what_the_primary_has_loaded_and_mends_nothing(self):
        self.doctor("--load")
        self.patient.send(("REPLICAOF", "127.0.0.1", "1"))
        self.assertEqual((0, "", ""), self.said(self.doctor()))
        for words in (("--repair",), ("--load",)):
            result = self.doctor(*words)
            self.assertEqual((4, ""), (result.returncode, result.stdout))
            self.assertIn("load the doctor's functions: ", result.stderr)
            self.assertIn("read only replica", result.stderr)
        self.assertEqual(3, len(self.look_by_hand()))

    @staticmethod
    def said(result):
        return result.returncode, result.stdout, result.stderr

    def become(self, *rights):
        self.patient.send(("ACL", "SETUSER", "somebody", "on", ">secret", "~*", "&*", *rights))
        config = json.loads(pathlib.Path(self.patient.config).read_text())
        pathlib.Path(self.patient.scratch.join("password")).write_text("secret")
        os.chmod(self.patient.scratch.join("password"), 0o600)
        config["redis"].update(username="somebody", password_file="password")
        pathlib.Path(self.patient.config).write_text(json.dumps(config))

    def test_who_may_only_read_looks_with_what_is_loaded(self):
        self.doctor("--load")
        self.become("+@all", "-@write", "-function|load", "-function|delete")
        self.assertEqual((0, "", ""), self.said(self.doctor()))
        self.patient.send(("FUNCTION", "DELETE", "appbackup_doctor"))
        result = self.doctor()
        self.assertNotEqual(0, result.returncode)
        self.assertIn("'function|load'", result.stderr)

    def test_who_may_not_remove_it_is_told_so(self):
        self.become("+@all", "-function|delete")
        result = self.doctor()
        self.assertEqual((0, ""), (result.returncode, result.stdout))
        self.assertIn("the doctor's functions stay in Redis: ", result.stderr)


if __name__ == "__main__":
    unittest.main()
