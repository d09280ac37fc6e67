"""This project, restic and borg on the same tree, in turn: first backup, unchanged second one, size.

Two artefacts of small virtual machines ruin naive numbers, and are kept out here. Memory that the host
has taken back costs microseconds a page when it is touched again: the page cache is filled before each
run. ext4 without a journal skips inodes that were deleted just now: nothing is deleted between runs,
each of which has a new repository and a new target.

Usage: tests/bench/run datapath --work DIR [--rounds N] [--quick] [--keep]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

BINARIES = os.environ["APPBACKUP_BIN"]
PASSPHRASE = "benchmark"
FREE_MAX = 600 << 20  # bytes of memory that may be free when a run starts
MIB = 1 << 20


class Tree:
    """What is backed up: a copy of /usr, a large file that compresses and one that does not."""

    def __init__(self, work, quick):
        self.path = os.path.join(work, "tree-quick" if quick else "tree")
        self.large = (32 if quick else 450) * MIB
        self.sources = ["/usr/include", "/usr/lib/python3"] if quick else ["/usr"]
        if not os.path.exists(os.path.join(self.path, "complete")):
            self.make()
        self.files = sum(len(names) for _, _, names in os.walk(self.path))
        self.bytes = int(subprocess.check_output(["du", "-sb", self.path]).split()[0])

    def make(self):
        print(f"making {self.path}", file=sys.stderr)
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)
        subprocess.run(["cp", "-a", *self.sources, self.path], check=True)
        with open(os.path.join(self.path, "random"), "wb") as file:
            for _ in range(self.large // MIB):
                file.write(os.urandom(MIB))
        with open(os.path.join(self.path, "dump.sql"), "w", encoding="ascii") as file:
            row = 0
            while file.tell() < self.large:
                file.write("".join(self.row(row + i) for i in range(1000)))
                row += 1000
        with open(os.path.join(self.path, "complete"), "w", encoding="ascii"):
            pass

    @staticmethod
    def row(number):
        mixed = (number * 2654435761) & 0xFFFFFFFF
        return (f"INSERT INTO orders VALUES ({number},'customer-{mixed % 50000}',{mixed},"
                f"'2024-{mixed % 12 + 1:02}-{mixed % 28 + 1:02}','{mixed:08x}{mixed * 31 & 0xFFFFFF:06x}');\n")

    def warm(self):
        for directory, _, names in os.walk(self.path):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb", buffering=0) as file:
                        while file.read(MIB):
                            pass


def free_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemFree:"))


def fill_page_cache(work):
    """Reads a sparse file until little memory is free."""
    path = os.path.join(work, "sparse")
    with open(path, "a", encoding="ascii"):
        pass
    position = 0
    while free_memory() > FREE_MAX:
        os.truncate(path, position + (64 * MIB))
        with open(path, "rb", buffering=0) as file:
            file.seek(position)
            while file.read(MIB):
                pass
        position += 64 * MIB


class Run:
    """One process, measured: seconds of wall and processor, peak memory in MiB."""

    def __init__(self, command, environment=None, pass_fds=()):
        started = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, env={**os.environ, **(environment or {})},
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       pass_fds=pass_fds)
            _, status, usage = os.wait4(process.pid, 0)
            self.wall = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                output.seek(0)
                sys.exit(f"{' '.join(command)}: exit code {process.returncode}\n"
                         + output.read().decode(errors="replace"))
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss / 1024


class Ours:
    name = "appbackup"

    def __init__(self, directory):
        self.directory = directory
        self.app = str(uuid.uuid4())
        self.key = os.memfd_create("key")
        os.makedirs(directory)

    def prepare(self):
        """Its repository is made by the first backup, and paid for in there."""

    def backup(self, path):
        return Run([f"{BINARIES}/tests/bench_datapath", "backup", self.directory, self.app,
                    str(self.key), path], pass_fds=[self.key])

    def close(self):
        os.close(self.key)

    def check(self):
        check_restic(os.path.join(self.directory, self.app))


class Restic:
    name = "restic"

    def __init__(self, directory):
        self.directory = directory
        self.environment = {"RESTIC_REPOSITORY": directory, "RESTIC_PASSWORD": PASSPHRASE,
                            "RESTIC_CACHE_DIR": directory + ".cache"}

    def prepare(self):
        Run(["restic", "init", "--repository-version", "2"], self.environment)

    def backup(self, path):
        return Run(["restic", "backup", "--quiet", path], self.environment)

    def restore(self, target):
        return Run(["restic", "restore", "--quiet", "latest", "--target", target], self.environment)

    def close(self):
        pass

    def check(self):
        check_restic(self.directory)


class Borg:
    name = "borg"

    def __init__(self, directory):
        self.directory = directory
        self.environment = {"BORG_REPO": directory, "BORG_PASSPHRASE": PASSPHRASE,
                            "BORG_BASE_DIR": directory + ".base",
                            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        self.number = 0

    def prepare(self):
        Run(["borg", "init", "--encryption", "repokey-blake2"], self.environment)

    def backup(self, path):
        self.number += 1
        return Run(["borg", "create", "--compression", "zstd,3", f"::{self.number}", path],
                   self.environment)

    def restore(self, target):
        os.makedirs(target)
        return Run(["sh", "-c", f"cd '{target}' && exec borg extract ::{self.number}"],
                   self.environment)

    def close(self):
        pass

    def check(self):
        Run(["borg", "check", "--verify-data"], self.environment)


def check_restic(directory):
    Run(["restic", "--no-cache", "check", "--read-data"],
        {"RESTIC_REPOSITORY": directory, "RESTIC_PASSWORD_COMMAND": f"echo {PASSPHRASE}"})


def size_of(directory):
    return int(subprocess.check_output(["du", "-sb", directory]).split()[0])


PHASES = ("first backup", "unchanged", "restore")


class Bench:
    def __init__(self, work, tree, tools):
        self.work = work
        self.tree = tree
        self.tools = tools
        self.runs = {(tool.name, phase): [] for tool in tools for phase in PHASES}
        self.sizes = {tool.name: [] for tool in tools}
        self.repositories = []
        self.base = tempfile.mkdtemp(prefix="run.", dir=work)

    def measure(self, tool, phase, action):
        os.sync()
        fill_page_cache(self.work)
        run = action()
        self.runs[tool.name, phase].append(run)
        print(f"  {tool.name:10} {phase:13} {run.wall:7.2f} s wall {run.cpu:7.2f} s CPU"
              f" {run.rss:6.0f} MiB", file=sys.stderr)

    def round(self, number):
        self.tree.warm()
        for tool in self.tools:
            directory = os.path.join(self.base, f"{tool.name}-{number}")
            repository = tool(directory)
            self.repositories.append(repository)
            repository.prepare()
            path = self.tree.path
            self.measure(tool, "first backup", lambda r=repository: r.backup(path))
            self.measure(tool, "unchanged", lambda r=repository: r.backup(path))
            self.sizes[tool.name].append(size_of(directory))
            if hasattr(repository, "restore"):
                target = directory + ".restored"
                self.measure(tool, "restore", lambda r=repository, t=target: r.restore(t))

    def check(self):
        for repository in self.repositories:
            repository.check()
            repository.close()
        print(f"all {len(self.repositories)} repositories verified, every byte of them")

    def median(self, tool, phase, figure):
        values = [getattr(run, figure) for run in self.runs[tool, phase]]
        return statistics.median(values) if values else None

    def row(self, tool, phase):
        cells = []
        for figure, digits in (("wall", 2), ("cpu", 2), ("rss", 0)):
            value = self.median(tool, phase, figure)
            peer = self.median("restic", phase, figure)
            cells.append(f"{value:9.{digits}f} {value / peer:6.2f}")
        return f"{phase:13} {tool:10}" + "".join(cells)

    def print(self):
        print(f"{self.tree.files} files, {self.tree.bytes / 1e6:.0f} MB; {os.cpu_count()} processors;"
              f" medians; behind each figure its ratio to restic's\n")
        print(f"{'':24}   wall s  ratio    CPU s  ratio  RSS MiB  ratio")
        for phase in PHASES:
            for tool in self.tools:
                if self.runs[tool.name, phase]:
                    print(self.row(tool.name, phase))
        peer = statistics.median(self.sizes["restic"])
        for tool in self.tools:
            size = statistics.median(self.sizes[tool.name])
            print(f"{'repository':13} {tool.name:10}{size / 1e6:7.1f} MB {size / peer:5.3f}")

    def record(self):
        """All the single figures, for whoever wants another statistic."""
        return [{"tool": tool, "phase": phase, "wall": run.wall, "cpu": run.cpu, "rss": run.rss}
                for (tool, phase), runs in self.runs.items() for run in runs]


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run datapath")
    parser.add_argument("--work", default="/var/tmp/appbackup-bench",
                        help="for the tree (2 GiB, made once) and the repositories (3 GiB a round)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a small tree, one round")
    parser.add_argument("--keep", action="store_true", help="leave the repositories there")
    parser.add_argument("--json", help="write the single figures to this file")
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    tree = Tree(arguments.work, arguments.quick)
    bench = Bench(arguments.work, tree, [Ours, Restic, Borg])
    try:
        for number in range(1 if arguments.quick else arguments.rounds):
            print(f"round {number + 1}", file=sys.stderr)
            bench.round(number)
        bench.print()
        bench.check()
        if arguments.json:
            with open(arguments.json, "w", encoding="ascii") as file:
                json.dump(bench.record(), file, indent=1)
    finally:
        sparse = os.path.join(arguments.work, "sparse")
        if os.path.exists(sparse):
            os.remove(sparse)
        if not arguments.keep:
            shutil.rmtree(bench.base, ignore_errors=True)


if __name__ == "__main__":
    main()
