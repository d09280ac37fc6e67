"""The index of 10 million blobs, simulated: what it takes to hold, and how long it takes to load.

The index files are written by the index writer, the ids in them random; there are no packs. The aims: below
700 MiB RSS, at most 60 bytes a blob.

Usage: tests/bench/run index [--blobs N] [--work DIR]
"""

import argparse
import json
import os
import shutil
import tempfile

from measure import Run, tree_bytes

HELPER = os.environ["APPBACKUP_BIN"] + "/tests/bench_index"


def load(directory, processors):
    run = Run(["taskset", "-c", ",".join(map(str, processors)), HELPER, "load", directory])
    return run, json.loads(run.output)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run index")
    parser.add_argument("--blobs", type=int, default=10_000_000)
    parser.add_argument("--work", default="/var/tmp", help="for the index: 40 bytes a blob")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="appbackup-bench.", dir=arguments.work)
    try:
        Run([HELPER, "make", directory, str(arguments.blobs)])
        print(f"{arguments.blobs} blobs, {len(os.listdir(directory + '/index'))} index files,"
              f" {tree_bytes(directory) / 1e6:.0f} MB\n")
        print(f"{'':16}{'load s':>8}{'CPU s':>8}{'RSS MiB':>9}{'aim':>6}{'bytes/blob':>12}{'aim':>5}")
        usable = sorted(os.sched_getaffinity(0))
        for count in sorted({1, min(2, len(usable)), len(usable)}):
            run, found = load(directory, usable[:count])
            assert found["blobs"] == arguments.blobs, found
            print(f"{count:2} processor{'s' if count > 1 else ' '}   {found['seconds']:8.2f}{run.cpu:8.2f}"
                  f"{run.rss:9.0f}{700:6}{found['bytes'] / found['blobs']:12.1f}{60:5}")
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
