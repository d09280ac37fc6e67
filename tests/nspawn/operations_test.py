"""docs/operations.md as a newcomer follows it: each block marked sh, in the order of the page, in a booted
Debian 12 with nothing of ours on it."""

import os
import re
import shutil
import unittest

from machine import TOP, Machine, base_tree, package_dependencies
from package_test import package_file


def blocks():
    with open(os.path.join(TOP, "docs", "operations.md"), encoding="utf-8") as page:
        return re.findall(r"(?ms)^```sh\n(.*?)^```$", page.read())


class OperationsTest(unittest.TestCase):
    def test_each_block_of_the_page(self):
        self.assertGreater(len(blocks()), 5)
        package = package_file()
        with Machine(base_tree(package_dependencies(package))) as machine:
            shutil.copy(package, machine.path("/root"))
            # It has no network: what is only recommended stays away.
            machine.write("/etc/apt/apt.conf.d/90recommends", 'APT::Install-Recommends "false";\n')
            machine.boot()
            for block in blocks():
                with self.subTest(block.splitlines()[0]):
                    machine.run("cd /root && set -eo pipefail\n" + block, 180)


if __name__ == "__main__":
    unittest.main(verbosity=2)
