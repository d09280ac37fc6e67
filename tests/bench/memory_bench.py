"""Peak RSS of a job process: one file of 4 GiB, and 200,000 small files in one directory; beside restic.

The aim is under 128 MiB for both. The file is half random, half text, so that packs fill as well as compress.
"""

import os
import random
import re
import subprocess
import tempfile
import threading
import time

from standalone import Standalone

GIB = 1 << 30


def make_large(directory):
    os.makedirs(directory)
    rng = random.Random(3)
    with open(os.path.join(directory, "large"), "wb") as file:
        for number in range(4 * GIB >> 21):
            file.write(rng.randbytes(1 << 20))
            line = b"%012d INFO request served in %d ms\n" % (number, rng.randrange(1000))
            file.write((line * ((1 << 20) // len(line) + 1))[:1 << 20])


def make_small(directory):
    os.makedirs(directory)
    for number in range(200000):
        with open(os.path.join(directory, f"file {number:06}"), "wb") as file:
            file.write(b"contents of file %d\n" % number * 5)


class Watch(threading.Thread):
    """The highest VmHWM among the job processes of a service."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak_kib = 0
        self.done = False

    def run(self):
        while not self.done:
            pids = subprocess.run(["pgrep", "-f", "appbackup-worker .*--job"], capture_output=True,
                                  text=True).stdout.split()
            for pid in pids:
                try:
                    with open(f"/proc/{pid}/status") as status:
                        found = re.search(r"VmHWM:\s+(\d+)", status.read())
                        self.peak_kib = max(self.peak_kib, int(found.group(1)) if found else 0)
                except (FileNotFoundError, ProcessLookupError):
                    pass
            time.sleep(0.1)


def measure(name, make):
    directory = tempfile.mkdtemp(prefix="appbackup-bench.", dir=os.environ.get("BENCH_DIRECTORY", "/var/tmp"))
    source = os.path.join(directory, "source")
    make(source)
    with Standalone({"bench": {"volumes": [source], "snapshot": "none"}}, directory=directory) as service:
        watch = Watch()
        watch.start()
        started = time.monotonic()
        record = service.back_up("bench", 1800)
        seconds = time.monotonic() - started
        watch.done = True
        watch.join()
        assert record["state"] == "completed", record
        service.restic("bench", "check")
        peer = subprocess.run(
            ["/usr/bin/env", "RESTIC_PASSWORD=x", "sh", "-c",
             f"restic -q init -r {directory}/peer && exec python3 -c '"
             "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "
             f"restic -q --no-cache -r {directory}/peer backup {source}"],
            check=True, capture_output=True, text=True)
        peer_kib = int(peer.stdout.split()[-1])
    print(f"{name:28} {watch.peak_kib / 1024:8.0f} {128:6} {peer_kib / 1024:8.0f} {seconds:8.1f}", flush=True)


def main():
    print(f"{'peak RSS in MiB':28} {'job':>8} {'aim':>6} {'restic':>8} {'wall s':>8}")
    measure("one file of 4 GiB", make_large)
    measure("200,000 files, 1 directory", make_small)


if __name__ == "__main__":
    main()
