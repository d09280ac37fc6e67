"""One cell of the matrix: a job stops at a point, a fault strikes, and what must be true is looked at.

The letters of a cell that fails are those of docs/crash-matrix.md."""

import json
import shutil
import time

from crash_node import ENDED, PATIENCE_S, Watch, contents, wait_until

GOAL = {"backup": "completed", "delete": "gone", "restore": "completed"}


class Stage:
    def __init__(self, name, heading, point, kind="backup"):
        self.name, self.heading, self.point, self.kind = name, heading, point, kind


# "pre-hook" and the two after it: when it is done, so that the fault strikes between freeze and thaw.
STAGES = [
    Stage("claim", "claim", "claim:1"),
    Stage("discover", "discovery", "discover:1"),
    Stage("pre-hook", "pre-hook", "pre-snapshot-done:1"),
    Stage("snapshot", "snapshot", "snapshot-done:1"),
    Stage("post-hook", "post-hook", "post-snapshot-done:1"),
    Stage("upload", "upload n", "chunk:5"),
    Stage("commit", "commit", "commit:1"),
    Stage("state-commit", "state commit", "finish:1"),
    Stage("delete", "delete", "delete:1", "delete"),
    Stage("restore", "restore", "restored:5", "restore"),
]


class Broken(Exception):
    """One or more letters, and what was seen."""

    def __init__(self, letters, seen):
        super().__init__(f"{letters}: {seen}")
        self.letters = letters


class Cell:
    def __init__(self, node, stage, fault):
        self.node, self.stage, self.fault = node, stage, fault
        self.subject = self.job = self.watch = self.pid = self.struck = self.epoch = None
        self.known, self.hooks_before, self.problems = {}, 0, []

    def run(self):
        """Seconds from the fault until the job was at work again, or had ended."""
        self._begin()
        try:
            self._strike()
            self._wait_for_end()
            recovered = (self.watch.moved_on(self.struck, self.epoch) or time.monotonic()) - self.struck
        finally:
            self.watch.stop()
        self.node.wait_for_idle()
        self._check("e", recovered <= self.fault.recovery_s, recovered)
        self._look()
        if self.problems:
            raise Broken("".join(letter for letter, _ in self.problems), self.problems)
        return recovered

    # --- until the fault has gone ---

    def make_one(self):
        backup = self.node.create("--wait")
        self.node.kept[backup] = contents(self.node.data)
        return backup

    def _begin(self):
        node, kind = self.node, self.stage.kind
        self.fault.begin(self)
        node.change_data()
        if kind != "backup" and not node.kept:
            self.make_one()
        backup = next(reversed(node.kept)) if kind != "backup" else None
        self.known = dict(node.kept)
        self.hooks_before = len(node.hook_log())
        node.arm(self.stage.point)
        record = "task" if kind == "restore" else "backup"
        self._ask(kind, backup)
        self.job = wait_until(lambda: node.job_of(record, self.subject), 10, "the job has a record")
        self.watch = Watch(node, record, self.subject, self.job)
        self.pid = node.wait_for_job(node.worker, "T")
        node.disarm()
        self.epoch = node.epoch_of(self.job)

    def _ask(self, kind, backup):
        node = self.node
        if kind == "backup":
            self.subject = node.create()
        elif kind == "delete":
            node.ctl("backup", "delete", backup)
            self.subject = backup
        else:
            self.subject = json.loads(node.ctl("-o", "json", "restore", backup, "--in-place").stdout)["id"]
            self.restored = backup

    def _strike(self):
        self.struck = time.monotonic()
        self.fault.strike(self)
        self.fault.lift(self)

    def _wait_for_end(self):
        wait_until(lambda: self.watch.last() in ENDED, PATIENCE_S, "the job ends")

    # --- what must be true ---

    def _check(self, letter, holds, seen):
        if not holds:
            self.problems.append((letter, seen))

    def _look(self):
        kind = self.stage.kind
        if self.fault.forgets:
            self._look_at_what_came_back()
        else:
            self._look_at_the_end()
        self._look_at_hooks()
        done = [bytes_done for _, _, bytes_done, _ in self.watch.samples if bytes_done >= 0]
        self._check("d", self.fault.forgets or done == sorted(done), done)
        self._look_at_the_repository()
        if kind == "restore":
            self._look_at_the_volume()
        self._look_for_leftovers()

    def _look_at_the_end(self):
        ends = [entry["to"] for entry in self.node.journal()
                if entry["job"] == self.job and entry["to"] in ENDED]
        self._check("a", ends == [GOAL[self.stage.kind]] and self.watch.last() == GOAL[self.stage.kind],
                    (ends, self.watch.last()))
        if self.stage.kind == "backup":
            self.node.kept[self.subject] = contents(self.node.data)
        elif self.stage.kind == "delete":
            self.node.kept.pop(self.subject)

    def _look_at_what_came_back(self):
        """All that was known is back, completed, but for what was deleted; the job's own backup is
        there as a whole or not at all."""
        node, kind = self.node, self.stage.kind
        expected = dict(self.known)
        wait_until(lambda: len(node.listed()) >= len(expected) - (kind == "delete"), PATIENCE_S,
                   "the records are back")
        node.wait_for_idle()
        listed = node.listed()
        if kind == "backup" and self.subject in listed:
            expected[self.subject] = contents(node.data)
        if kind == "delete" and self.subject not in listed:
            expected.pop(self.subject)
        self._check("a", listed == {backup: "completed" for backup in expected}, listed)
        node.kept = expected

    def _look_at_hooks(self):
        """Each freeze was followed by a thaw before the next."""
        frozen, fine = False, True
        for line in self.node.hook_log()[self.hooks_before:]:
            if line.startswith("pre-snapshot"):
                fine, frozen = fine and not frozen, True
            if line.startswith("post-snapshot"):
                frozen = False
        self._check("c", fine and not frozen and not self.node.is_closed(), self.node.hook_log())

    def _look_at_the_repository(self):
        node = self.node
        snapshots = node.snapshots()
        if snapshots is None:
            self._check("b", not node.kept, "no repository")
            return
        named = {backup: node.snapshot_of(backup) for backup in node.kept}
        self._check("b", sorted(snapshots) == sorted(named.values()), (snapshots, named))
        output = node.restic("check", check=False)
        self._check("b", "no errors were found" in output, output)
        if node.kept:
            backup = self.subject if self.subject in node.kept else next(reversed(node.kept))
            self._look_at_a_restore(named[backup], node.kept[backup])

    def _look_at_a_restore(self, snapshot, expected):
        target = self.node.path("restored")
        self.node.restic("restore", snapshot, "--target", target, check=False)
        self._check("f", contents(target + self.node.data) == expected, snapshot)
        shutil.rmtree(target, ignore_errors=True)

    def _look_at_the_volume(self):
        """What was restored in place; or, where the task was forgotten, what was there before."""
        found = contents(self.node.data)
        self._check("f", found == self.known[self.restored] or self.fault.forgets, "the volume")

    def _look_for_leftovers(self):
        try:
            wait_until(lambda: not self.node.leftovers(), 10, "nothing is left over")
        except AssertionError:
            self._check("g", False, self.node.leftovers())
