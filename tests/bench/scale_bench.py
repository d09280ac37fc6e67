"""What a file costs, from 10,000 to 1,000,000 of them: first backup and unchanged second one.

Small files, each different, a thousand to a directory; the tree grows, each size has a new repository. What a
backup of one file takes (key, lock, index) is measured apart and not counted as the files'. The figures are
printed, and drawn with --plot, which docs/performance.md shows.

Usage: tests/bench/run scale [--files N]... [--work DIR] [--plot FILE.svg]
"""

import argparse
import math
import os
import shutil
import tempfile

from datapath_bench import Directories, Ours, Restic
from measure import median

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
IN_DIRECTORY = 1000
ROUNDS_OF_ONE = 3


def grow(tree, made, wanted):
    for number in range(made, wanted):
        directory = os.path.join(tree, f"{number // 100_000:02}", f"{number // IN_DIRECTORY:04}")
        if number % IN_DIRECTORY == 0:
            os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"file {number:07}"), "wb", buffering=0) as file:
            file.write(b"contents of file %d\n" % number * (1 + number % 20))


class Scale:
    def __init__(self, base):
        self.base = base
        self.places = Directories(base)
        self.number = 0

    def back_up(self, path):
        """Two runs: first, unchanged."""
        self.number += 1
        repository = self.places.make(Ours, self.number)
        repository.prepare()
        runs = repository.backup(path), repository.backup(path)
        repository.seen_by(Restic).check()
        repository.close()
        shutil.rmtree(repository.place)
        return runs

    def one(self):
        """Seconds of wall and CPU that a backup of one file takes, first and unchanged."""
        path = os.path.join(self.base, "one")
        grow(path, 0, 1)
        runs = [self.back_up(path) for _ in range(ROUNDS_OF_ONE)]
        return [[median([getattr(run[phase], figure) for run in runs]) for figure in ("wall", "cpu")]
                for phase in (0, 1)]

    def measure(self, sizes):
        """[(files, first backup in µs a file, unchanged in µs a file)], printed on the way."""
        fixed = self.one()
        print(f"one file: {fixed[0][0]:.2f} s first, {fixed[1][0]:.2f} s unchanged; not in the figures a file"
              f"\n\n{'':9}{'first backup':^38}{'unchanged':^38}\n{'files':>9}"
              + f"{'s':>8}{'µs/file':>10}{'CPU µs':>9}{'RSS MiB':>11}" * 2, flush=True)
        tree = os.path.join(self.base, "tree")
        points = []
        made = 0
        for files in sizes:
            grow(tree, made, files)
            made = files
            runs = self.back_up(tree)
            costs = [((run.wall - wall) / files * 1e6, (run.cpu - cpu) / files * 1e6)
                     for run, (wall, cpu) in zip(runs, fixed)]
            points.append((files, *(wall for wall, _ in costs)))
            print(f"{files:9}" + "".join(f"{run.wall:8.2f}{wall:10.1f}{cpu:9.1f}{run.rss:11.0f}"
                                         for run, (wall, cpu) in zip(runs, costs)), flush=True)
        return points


class Plot:
    """Files (logarithmic) against microseconds a file, as SVG."""

    WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 60, 20, 30, 50
    LINES = (("first backup", "#1f5fa8"), ("unchanged", "#c2571a"))

    def __init__(self, points):
        self.points = points
        self.low, self.high = (math.log10(points[i][0]) for i in (0, -1))
        most = max(max(point[1:]) for point in points)
        step = 10 ** math.floor(math.log10(most))
        self.step = next(size for size in (step / 5, step / 2, step, step * 2) if most / size <= 8)
        self.top = self.step * math.ceil(most * 1.1 / self.step)

    def x(self, files):
        share = (math.log10(files) - self.low) / ((self.high - self.low) or 1)
        return self.LEFT + share * (self.WIDTH - self.LEFT - self.RIGHT)

    def y(self, cost):
        return self.HEIGHT - self.BOTTOM - cost / self.top * (self.HEIGHT - self.TOP - self.BOTTOM)

    def axes(self):
        right = self.WIDTH - self.RIGHT
        for number in range(round(self.top / self.step) + 1):
            y = self.y(number * self.step)
            yield f'<line x1="{self.LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>'
            yield (f'<text x="{self.LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                   f'{number * self.step:g}</text>')
        for files, *_ in self.points:
            yield (f'<text x="{self.x(files):.1f}" y="{self.HEIGHT - self.BOTTOM + 20}"'
                   f' text-anchor="middle">{files:,}</text>')
        yield f'<text x="{self.WIDTH / 2}" y="{self.HEIGHT - 8}" text-anchor="middle">files</text>'
        yield f'<text x="{self.LEFT}" y="16">microseconds of wall time a file</text>'

    def lines(self):
        for column, (name, colour) in enumerate(self.LINES, 1):
            places = [(self.x(point[0]), self.y(point[column])) for point in self.points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            for x, y in places:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            x, y = places[-1]
            yield f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="end" fill="{colour}">{name}</text>'

    def write(self, path):
        size = f'width="{self.WIDTH}" height="{self.HEIGHT}" viewBox="0 0 {self.WIDTH} {self.HEIGHT}"'
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
                 '<rect width="100%" height="100%" fill="white"/>', *self.axes(), *self.lines(), "</svg>"]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run scale")
    parser.add_argument("--files", type=int, action="append", help="a size; more than once")
    parser.add_argument("--work", default="/dev/shm",
                        help="for tree and repositories: 7 kB a file; by default in memory")
    parser.add_argument("--plot", help="draw the figures into this file")
    arguments = parser.parse_args()
    base = tempfile.mkdtemp(prefix="appbackup-bench.", dir=arguments.work)
    try:
        points = Scale(base).measure(sorted(arguments.files or SIZES))
        if arguments.plot:
            Plot(points).write(arguments.plot)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
