"""What was backed up is what restic restores, to the last attribute, in both directions."""

import os
import tempfile
import unittest

import tree
from standalone import Standalone

ENTRIES = 20000


class Restore(unittest.TestCase):
    def restored(self, service, source, target):
        target = os.path.join(service.directory, target)
        service.restic("big", "restore", "latest", "--target", target)
        return tree.describe(os.fsencode(target + source))

    def test_every_kind_of_node_survives_and_restic_may_join_in(self):
        directory = tempfile.mkdtemp(prefix="appbackup-test.")
        source = os.path.join(directory, "source")
        os.makedirs(source)
        tree.make(os.fsencode(source), ENTRIES)
        wanted = tree.describe(os.fsencode(source))
        self.assertGreaterEqual(len(wanted), ENTRIES)
        with Standalone({"big": {"volumes": [source]}}, directory=directory) as service:
            self.back_up_restore_compare(service, source, wanted)

    def back_up_restore_compare(self, service, source, wanted):
        record = service.back_up("big")
        self.assertEqual(record["state"], "completed", record)
        self.assertEqual(record["percentDone"], 100)
        self.assertEqual(record["bytesDone"], record["totalBytes"])
        self.assertEqual(record["hookState"], "success")
        service.restic("big", "check", "--read-data")
        self.assertEqual(tree.differences(wanted, self.restored(service, source, "one")), [])

        # restic into the same repository: same chunks, and trees byte for byte as its own.
        output = service.restic("big", "backup", "--verbose=2", "--force", source)
        self.assertIn("Files:", output)
        added = [line for line in output.splitlines() if line.startswith("Added to the repo")]
        self.assertEqual(len(added), 1, output)
        service.restic("big", "check", "--read-data")
        self.assertEqual(tree.differences(wanted, self.restored(service, source, "two")), [])

        # ours after restic's
        with open(os.path.join(source, "added later"), "w") as file:
            file.write("new")
        wanted = tree.describe(os.fsencode(source))
        record = service.back_up("big")
        self.assertEqual(record["state"], "completed", record)
        service.restic("big", "check", "--read-data")
        self.assertEqual(tree.differences(wanted, self.restored(service, source, "three")), [])


if __name__ == "__main__":
    unittest.main()
