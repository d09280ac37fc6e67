"""docs/redis.md and docs/api.md against the facts of src/model: what is declared is explained, and nothing else. Needs
nothing built."""

import os
import re
import sys
import unittest

SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
sys.path.insert(0, SOURCE + "/config/cmake/generate")
import figures
import job_kinds
import states

STATES, KINDS = SOURCE + "/src/model/states.yaml", SOURCE + "/src/model/job_kinds.yaml"


def read(path):
    with open(os.path.join(SOURCE, path)) as file:
        return file.read()


def table(page, heading, level="##"):
    """The cells of each row of the first table below a heading."""
    section = re.search(rf"^{level} {heading}\n(.*?)(?=^#|\Z)", page, re.M | re.S).group(1)
    first = re.search(r"(?:^\|.*\n)+", section, re.M).group(0)
    return [[cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split(" |")]
            for line in first.splitlines()[2:]]


def words(cell):
    return re.findall(r"`(\w+)`", cell)


class ModelPagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis, cls.api = read("docs/redis.md"), read("docs/api.md")
        cls.declared = states.read(STATES)

    def field(self, record):
        row, = [row for row in table(self.redis, f"Fields of a {record}", "###") if row[0] == "`state`"]
        return set(words(row[1]))

    def test_each_transition_of_a_backup_has_a_row(self):
        explained = {(before, event, after) for from_, what, after in table(self.redis, "States")
                     for before in from_.split(", ") for event in words(what.split(";")[0].split(":")[0])
                     + [event for part in what.split("; ")[1:] for event in re.findall(r"^`(\w+)`:", part)]}
        declared = {(before, event, after)
                    for before, events in states.transitions(self.declared.subjects["backup"]).items()
                    for event, after in events.items()}

        self.assertEqual(declared, explained)

    def test_each_state_is_named_with_the_field(self):
        for name, subject in self.declared.subjects.items():
            self.assertEqual(set(subject.states), self.field(name), name)
        self.assertEqual(set(self.declared.jobs), self.field("job"))

    def test_each_state_of_a_backup_is_one_of_the_api(self):
        explained = {words(row[0])[0] for row in table(self.api, "States", "###")}

        self.assertEqual(set(self.declared.subjects["backup"].states), explained)

    def test_each_kind_of_job_has_a_row(self):
        declared = [[f"`{kind.name}`", str(kind.priority), kind.subject, kind.means]
                    for kind in job_kinds.read(KINDS, STATES).values()]

        self.assertEqual(declared, table(self.redis, "Kinds of jobs", "###"))

    def test_each_health_figure_has_a_row(self):
        cells = [[figure.name, figure.unit, "yes" if figure.health else "", figure.readyz or "", figure.status or "",
                  figure.means] for figure in figures.read(SOURCE + "/src/model/figures.yaml").values()]

        self.assertEqual(cells, [[cell.strip("`") for cell in row] for row in table(self.redis, "Health figures", "###")])


if __name__ == "__main__":
    unittest.main()
