"""A soak: backups and deletes through the API for SOAK_SECONDS (600); do the processes grow?

Printed now and then, with no job under way: resident memory and open descriptors of the front end, the supervisor
and Redis. After a warm-up those of the first two should stay as they are; Redis keeps done jobs for a day.
"""

import os
import re
import subprocess
import tempfile
import time

from standalone import Standalone
from support import wait_until

SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
SAMPLES = 10
APPS = 3
KEPT = 5  # backups of an app: the oldest ones are deleted


def child(service, *pattern):
    found = subprocess.run(["pgrep", "-P", str(service.process.pid), *pattern], capture_output=True, text=True,
                           check=True).stdout.split()
    return int(found[0])


def size_of(pid):
    with open(f"/proc/{pid}/status") as status:
        kib = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
    return kib, len(os.listdir(f"/proc/{pid}/fd"))


def touch(directory, number):
    """A little that is new, and a little that is gone."""
    with open(os.path.join(directory, f"{number % 20}"), "wb") as file:
        file.write(os.urandom(64 << 10))


def listed(service, app):
    return service.request("GET", f"/k8s/v1/apps/{app}/appBackups")[1]["items"]


def round_of_work(service, apps, number):
    """One backup of each app; the list is read, what is too old is deleted. Returns when all is done."""
    for directory in apps.values():
        touch(directory, number)
    backups = {app: service.create(app) for app in apps}
    for app, backup in backups.items():
        record = service.wait(app, backup)
        assert record["state"] == "completed", record
        for old in sorted(listed(service, app), key=lambda item: item["metadata"]["creationTimestamp"])[:-KEPT]:
            status, body, _ = service.request("DELETE", f"/k8s/v1/apps/{app}/appBackups/{old['id']}")
            assert status == 204, (status, body)
    for app in apps:
        wait_until(lambda app=app: len(listed(service, app)) <= KEPT, 60, "the deletes are done")


def sample(pids, started, rounds):
    """When the last job process has been reaped: each one has descriptors in the supervisor."""
    children = f"/proc/{pids['supervisor']}/task/{pids['supervisor']}/children"

    def is_idle():
        with open(children) as file:
            return file.read() == ""
    wait_until(is_idle, 60, "the supervisor has no children")
    sizes = {name: size_of(pid) for name, pid in pids.items()}
    print(f"{time.monotonic() - started:7.0f} s {rounds:7} rounds " + "".join(
        f"  {name} {kib:7} KiB {fds:3} fds" for name, (kib, fds) in sizes.items()), flush=True)
    return sizes


def main():
    directory = tempfile.mkdtemp(prefix="appbackup-bench.")
    sources = [os.path.join(directory, f"source{number}") for number in range(APPS)]
    for source in sources:
        os.makedirs(source)
    definitions = {f"app{number}": {"volumes": [source], "snapshot": "none"}
                   for number, source in enumerate(sources)}
    with Standalone(definitions, directory=directory) as service:
        apps = {service.app(name): source for name, source in zip(definitions, sources)}
        pids = {"appbackupd": service.process.pid, "supervisor": child(service, "-f", "appbackup-worker"),
                "redis": child(service, "redis-server")}
        started, rounds, samples = time.monotonic(), 0, []
        while len(samples) <= SAMPLES:
            round_of_work(service, apps, rounds)
            rounds += 1
            if time.monotonic() - started >= SECONDS * len(samples) / SAMPLES:
                samples.append(sample(pids, started, rounds))
        for name in pids:
            (first_kib, first_fds), (last_kib, last_fds) = samples[1][name], samples[-1][name]
            print(f"{name:12} after the warm-up {first_kib} KiB, {first_fds} descriptors; "
                  f"at the end {last_kib} KiB, {last_fds} descriptors")


if __name__ == "__main__":
    main()
