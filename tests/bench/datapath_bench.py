"""This project, restic and borg on the same tree, in turn: first backup, unchanged second one, restore, size.

Each repository of restic's format passes restic check --read-data, and each restored tree of ours is compared
with what was backed up; in the last round restic restores ours and we restore restic's as well.

"read back" is ours with every blob decrypted, expanded and compared before it is stored, as restic does from 0.17 on.

Usage: tests/bench/run datapath|s3 [--work DIR] [--rounds N] [--quick] [--only TOOL]...
s3: a Ceph RGW on this machine in place of a directory, without borg.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import uuid

from measure import PageCache, Run, Tree, describe, empty, expect_same, median, tree_bytes

BINARIES = os.environ["APPBACKUP_BIN"]
PASSPHRASE = "benchmark"


class Tool:
    """One tool with a repository of its own: place/app, as ours has it, for all of them."""

    def __init__(self, place, local, environment, app=None):
        self.app = app or str(uuid.uuid4())
        self.place = place  # a directory or "s3:URL/BUCKET"
        self.repository = f"{place}/{self.app}"
        self.local = local  # a directory for what is beside it
        self.environment = environment
        os.makedirs(local, exist_ok=True)

    def seen_by(self, kind):
        """Another tool on the same repository."""
        return kind(self.place, f"{self.local}.{kind.name}", self.environment, self.app)

    def prepare(self):
        """What is not measured."""

    def close(self):
        """What the measuring is done with."""


class Ours(Tool):
    name = "appbackup"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.key = os.memfd_create("key")
        self.snapshot = None

    def prepare(self):
        """Its repository is made by the first backup, and paid for in there."""
        if not self.place.startswith("s3:"):
            os.makedirs(self.place)

    def run(self, verb, *arguments):
        return Run([f"{BINARIES}/tests/bench_datapath", verb, self.place, self.app, str(self.key), *arguments],
                   {**self.environment, "APPBACKUP_BENCH_CACHE": self.local + "/cache"}, [self.key])

    def backup(self, path):
        run = self.run("backup", path)
        self.snapshot = run.output.split()[-1]
        return run

    def restore(self, target):
        return self.run("restore", self.snapshot, target)

    def close(self):
        os.close(self.key)


class OursVerified(Ours):
    """With extra_verify: all."""
    name = "read back"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment = {**self.environment, "APPBACKUP_BENCH_VERIFY_ALL": "1"}


class Restic(Tool):
    name = "restic"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment = {**self.environment, "RESTIC_REPOSITORY": self.repository,
                            "RESTIC_PASSWORD": PASSPHRASE, "RESTIC_CACHE_DIR": self.local + "/cache"}

    def prepare(self):
        Run(["restic", "init", "--repository-version", "2"], self.environment)

    def backup(self, path):
        return Run(["restic", "backup", "--quiet", path], self.environment)

    @property
    def snapshot(self):
        listing = Run(["restic", "snapshots", "--json", "--quiet"], self.environment).output
        return json.loads(listing)[-1]["id"]

    def restore(self, target):
        return Run(["restic", "restore", "--quiet", "latest", "--target", target], self.environment)

    def check(self):
        Run(["restic", "--no-cache", "check", "--read-data"], self.environment)


class Borg(Tool):
    name = "borg"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment = {"BORG_REPO": self.repository, "BORG_PASSPHRASE": PASSPHRASE,
                            "BORG_BASE_DIR": self.local + "/base",
                            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        self.number = 0

    def prepare(self):
        os.makedirs(self.place)
        Run(["borg", "init", "--encryption", "repokey-blake2"], self.environment)

    def backup(self, path):
        self.number += 1
        return Run(["borg", "create", "--compression", "zstd,3", f"::{self.number}", path], self.environment)

    def restore(self, target):
        os.makedirs(target)
        return Run(["sh", "-c", f"cd '{target}' && exec borg extract ::{self.number}"], self.environment)


class Directories:
    """Where the repositories are: below a directory."""

    def __init__(self, base):
        self.base = base

    def make(self, tool, number):
        local = os.path.join(self.base, f"{tool.name}-{number}")
        return tool(local + ".repository", local, {})

    @staticmethod
    def size(repository):
        return tree_bytes(repository.repository)

    def finish(self, repositories):
        for repository in repositories:
            empty(repository.place)


PHASES = ("first backup", "unchanged", "restore")


class Bench:
    def __init__(self, tree, tools, places, base, cache):
        self.tree, self.tools, self.places, self.base, self.cache = tree, tools, places, base, cache
        self.wanted = describe(tree.path)
        self.runs = {(tool.name, phase): [] for tool in tools for phase in PHASES}
        self.sizes = {tool.name: [] for tool in tools}
        self.verified = 0

    def measure(self, tool, phase, action):
        os.sync()
        self.cache.fill()
        self.tree.warm()  # behind the filling, which takes the place of what was read once
        run = action()
        self.runs[tool.name, phase].append(run)
        print(f"  {tool.name:10} {phase:13} {run.wall:7.2f} s wall {run.cpu:7.2f} s CPU"
              f" {run.rss:6.0f} MiB", file=sys.stderr)

    def round(self, number, is_last):
        repositories = []
        for tool in self.tools:
            repository = self.places.make(tool, number)
            repositories.append(repository)
            repository.prepare()
            target = repository.local + ".restored"
            self.measure(tool, "first backup", lambda r=repository: r.backup(self.tree.path))
            self.measure(tool, "unchanged", lambda r=repository: r.backup(self.tree.path))
            self.sizes[tool.name].append(self.places.size(repository))
            self.measure(tool, "restore", lambda r=repository, t=target: r.restore(t))
            self.compare(target, f"{tool.name}'s restore")
        self.check(repositories, is_last)
        for repository in repositories:
            repository.close()
        self.places.finish(repositories)

    def compare(self, target, what):
        expect_same(self.wanted, target + self.tree.path, what)
        empty(target)

    def check(self, repositories, is_last):
        ours = next((r for r in repositories if isinstance(r, Ours)), None)
        restic = next((r for r in repositories if isinstance(r, Restic)), None)
        for repository in (r for r in repositories if isinstance(r, (Ours, Restic))):
            repository.seen_by(Restic).check()
            self.verified += 1
        if is_last and ours and restic:
            self.cross(ours.seen_by(Restic), "restic's restore of ours")
            reader = restic.seen_by(Ours)
            reader.snapshot = restic.snapshot
            self.cross(reader, "our restore of restic's")

    def cross(self, reader, what):
        reader.restore(reader.local + ".restored")
        self.compare(reader.local + ".restored", what)
        reader.close()

    def row(self, tool, phase):
        cells = []
        for figure, digits in (("wall", 2), ("cpu", 2), ("rss", 0)):
            value, peer = (median([getattr(run, figure) for run in self.runs.get((name, phase), [])])
                           for name in (tool, "restic"))
            cells.append(f"{value:9.{digits}f} " + (f"{value / peer:6.2f}" if peer else f"{'':6}"))
        return f"{phase:13} {tool:10}" + "".join(cells)

    def print(self):
        print(f"{self.tree.files} files, {self.tree.bytes / 1e6:.0f} MB:\n{self.tree.makeup}\n"
              f"{os.cpu_count()} processors; medians of {len(next(iter(self.runs.values())))}; behind each"
              f" figure its ratio to restic's\n")
        print(f"{'':24}   wall s  ratio    CPU s  ratio  RSS MiB  ratio")
        for phase in PHASES:
            for tool in self.tools:
                print(self.row(tool.name, phase))
        peer = median(self.sizes.get("restic", []))
        for tool in self.tools:
            size = median(self.sizes[tool.name])
            print(f"{'repository':13} {tool.name:10}{size / 1e6:7.1f} MB" + (f" {size / peer:5.3f}" if peer else ""))
        print(f"\n{self.verified} repositories passed restic check --read-data; all restored trees are what was backed"
              " up")

    def record(self):
        """All the single figures, for whoever wants another statistic."""
        return [{"tool": tool, "phase": phase, "wall": run.wall, "cpu": run.cpu, "rss": run.rss}
                for (tool, phase), runs in self.runs.items() for run in runs]


def arguments_of(name, rounds):
    parser = argparse.ArgumentParser(prog=f"tests/bench/run {name}")
    parser.add_argument("--work", default="/var/tmp/appbackup-bench",
                        help="for the tree (2 GB, made once) and a round's repositories and restores (9 GB)")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--quick", action="store_true", help="a small tree, one round")
    parser.add_argument("--only", action="append",
                        help="appbackup, \"read back\" (the same with extra_verify: all), restic or borg; more than once")
    parser.add_argument("--json", help="write the single figures to this file")
    return parser.parse_args()


def run(arguments, tools, places_in):
    """places_in(base): where the repositories are, for one run."""
    os.makedirs(arguments.work, exist_ok=True)
    tree = Tree(arguments.work, arguments.quick)
    base = tempfile.mkdtemp(prefix="run.", dir=arguments.work)
    cache = PageCache(arguments.work)
    rounds = 1 if arguments.quick else arguments.rounds
    try:
        bench = Bench(tree, [tool for tool in tools if not arguments.only or tool.name in arguments.only],
                      places_in(base), base, cache)
        for number in range(rounds):
            print(f"round {number + 1}", file=sys.stderr)
            bench.round(number, number == rounds - 1)
        bench.print()
        if arguments.json:
            with open(arguments.json, "w", encoding="ascii") as file:
                json.dump(bench.record(), file, indent=1)
    finally:
        cache.close()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    run(arguments_of("datapath", 5), [Ours, OursVerified, Restic, Borg], Directories)
