"""What the benchmarks of the data path measure with, and on what.

Two artefacts of small virtual machines ruin naive numbers, and are kept out here. Memory that the host
has taken back costs microseconds a page when it is touched again: the page cache is filled before each
run. ext4 without a journal skips inodes that were deleted just now, file by file: nothing is deleted
between runs, each of which has a new repository and a new target; what is done with is truncated, which
gives its space back and keeps its inodes.
"""

import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

FREE_MAX = 600 << 20  # bytes of memory that may be free when a run starts
MIB = 1 << 20


class Tree:
    """What is backed up: the same kind of tree on any machine, made once.

    Whole directories of /usr, those of SOURCES in this order, each one's entries by name, until there
    are enough bytes and files of them; what would make it far too large is left out; one file that does
    not compress, one that does.
    """

    SOURCES = ("/usr/share", "/usr/include", "/usr/lib/python3", "/usr/lib", "/usr/src")
    BYTES, BYTES_MAX, FILES = 1_060_000_000, 1_250_000_000, 60_000
    RANDOM, DUMP = 537_000_000, 403_000_000

    def __init__(self, work, quick):
        self.quick = quick
        self.path = os.path.join(work, "tree-quick" if quick else "tree-2g")
        if not os.path.exists(self.path + ".complete"):
            self.make()
        with open(self.path + ".complete", encoding="utf-8") as file:
            self.makeup = file.read()
        self.files = sum(len(names) for _, _, names in os.walk(self.path))
        self.bytes = tree_bytes(self.path)

    def make(self):
        print(f"making {self.path}", file=sys.stderr)
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)
        scale = 20 if self.quick else 1
        taken = self.take(scale)
        self.write_random(self.RANDOM // scale)
        self.write_dump(self.DUMP // scale)
        lines = [f"{files:7} files {size / 1e6:7.0f} MB  {source}" for source, (files, size) in taken.items()]
        lines += [f"{1:7} file  {self.RANDOM // scale / 1e6:7.0f} MB  random bytes",
                  f"{1:7} file  {self.DUMP // scale / 1e6:7.0f} MB  lines like a dump of a database"]
        with open(self.path + ".complete", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def take(self, scale):
        """{source: (files, bytes) taken of it}; whole entries of the sources, by name."""
        taken = {}
        for source in self.SOURCES:
            for name in sorted(os.listdir(source)) if os.path.isdir(source) else ():
                files, size = (sum(part) for part in zip(*taken.values(), (0, 0)))
                if size >= self.BYTES // scale and files >= self.FILES // scale:
                    return taken
                entry = os.path.join(source, name)
                if os.path.islink(entry) or not os.path.isdir(entry) or entry in self.SOURCES:
                    continue
                entry_files, entry_size = count(entry)
                if size + entry_size > self.BYTES_MAX // scale:
                    continue
                target = self.path + source
                os.makedirs(target, exist_ok=True)
                subprocess.run(["cp", "-ax", entry, target], check=True)
                before = taken.get(source, (0, 0))
                taken[source] = (before[0] + entry_files, before[1] + entry_size)
        return taken

    def write_random(self, size):
        generator = random.Random(1)
        with open(os.path.join(self.path, "random"), "wb") as file:
            while size > 0:
                piece = generator.randbytes(min(size, MIB))
                size -= file.write(piece)

    def write_dump(self, size):
        row = 0
        with open(os.path.join(self.path, "dump.sql"), "w", encoding="ascii") as file:
            while file.tell() < size:
                file.write("".join(self.row(row + i) for i in range(1000)))
                row += 1000

    @staticmethod
    def row(number):
        mixed = (number * 2654435761) & 0xFFFFFFFF
        return (f"INSERT INTO orders VALUES ({number},'customer-{mixed % 50000}',{mixed},"
                f"'2024-{mixed % 12 + 1:02}-{mixed % 28 + 1:02}','{mixed:08x}{mixed * 31 & 0xFFFFFF:06x}');\n")

    def warm(self):
        for path in regular_files(self.path):
            with open(path, "rb", buffering=0) as file:
                while file.read(MIB):
                    pass


def regular_files(directory):
    for below, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(below, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def count(directory):
    sizes = [os.lstat(path).st_size for path in regular_files(directory)]
    return len(sizes), sum(sizes)


def tree_bytes(directory):
    return int(subprocess.check_output(["du", "-sb", directory]).split()[0])


def describe(root):
    """{path below root: kind, mode, owner, time, content}."""
    entries = {}
    for below, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(below, name)
            info = os.lstat(path)
            content = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
            entries[os.path.relpath(path, root)] = (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns,
                                                    content)
    return entries


def expect_same(wanted, root, what):
    found = describe(root)
    if wanted != found:
        paths = sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
        sys.exit(f"{what}: {len(paths)} entries differ, the first: {paths[:10]}")


def empty(directory):
    """Gives the space back, not the inodes."""
    for path in regular_files(directory):
        os.chmod(path, 0o600)
        os.truncate(path, 0)


def free_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemFree:"))


class PageCache:
    """Reads a sparse file until little memory is free."""

    def __init__(self, work):
        self.path = os.path.join(work, f"sparse-{os.getpid()}")
        with open(self.path, "w", encoding="ascii"):
            pass

    def fill(self):
        position = 0
        while free_memory() > FREE_MAX:
            os.truncate(self.path, position + 64 * MIB)
            with open(self.path, "rb", buffering=0) as file:
                file.seek(position)
                while file.read(MIB):
                    pass
            position += 64 * MIB

    def close(self):
        os.remove(self.path)


class Run:
    """One process, measured: seconds of wall and processor, peak memory in MiB; its output."""

    def __init__(self, command, environment=None, pass_fds=()):
        started = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, env={**os.environ, **(environment or {})},
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       pass_fds=pass_fds)
            _, status, usage = os.wait4(process.pid, 0)
            self.wall = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            self.output = output.read().decode(errors="replace")
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {process.returncode}\n{self.output}")
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss / 1024


def median(values):
    return statistics.median(values) if values else None
