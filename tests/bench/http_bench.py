"""GET one, GET any of many, and POST under wrk with 32 connections, beside a bare evhttp "hello".

The record store is a real Redis with AOF everysec. Nothing works on the backups: the figures are the front
end's. Rounds are interleaved, so that a slow moment of the machine hits all alike; medians are printed.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from standalone import Standalone
from support import BACKUP, BIN, free_port

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = int(os.environ.get("SECONDS_PER_RUN", "8"))
CONNECTIONS = 32
POLLED = 1000  # backups that "GET any" asks for in turn; all of them wait


def wrk(url, script):
    output = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", script, url],
        check=True, capture_output=True, text=True).stdout
    rate = float(re.search(r"Requests/sec: *([0-9.]+)", output).group(1))
    number, unit = re.search(r"99% *([0-9.]+)(us|ms|s)", output).groups()
    p99 = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return rate, p99, int(bad.group(1)) if bad else 0


def resident_kib(pid, field="VmHWM"):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(field + r":\s+(\d+)", status.read()).group(1))


def script(directory, name, text):
    path = os.path.join(directory, name + ".lua")
    with open(path, "w") as file:
        file.write(text)
    return path


def main():
    directory = tempfile.mkdtemp(prefix="appbackup-bench.")
    source = os.path.join(directory, "source")
    os.makedirs(source)
    with Standalone({"bench": {"volumes": [source]}}, directory=directory) as service:
        app = service.app("bench")
        backup = service.back_up("bench")["id"]
        stop_worker(service)
        hello_port = free_port()
        hello = subprocess.Popen([os.path.join(BIN, "tests/bench_hello"), str(hello_port)])
        try:
            measure(service, directory, app, backup, hello, hello_port)
        finally:
            hello.kill()
            hello.wait()


def stop_worker(service):
    """SIGSTOP: the queue only grows, and the worker's share of the processor is the front end's."""
    children = subprocess.run(["pgrep", "-P", str(service.process.pid), "-f", "appbackup-worker"],
                              capture_output=True, text=True).stdout.split()
    for pid in children:
        os.kill(int(pid), 19)
        service.worker = int(pid)


def measure(service, directory, app, backup, hello, hello_port):
    base = f"http://127.0.0.1:{service.port}"
    path = f"/accounts/{service.account}/k8s/v1/apps/{app}/appBackups"
    bearer = f'wrk.headers["Authorization"] = "Bearer {service.token}"\n'
    get = script(directory, "get", bearer + f'wrk.path = "{path}/{backup}"\n')
    post = script(directory, "post", bearer + f'wrk.method = "POST"\nwrk.path = "{path}"\n'
                  f'wrk.headers["Content-Type"] = "{BACKUP}+json"\n'
                  f'wrk.body = \'{{"type":"{BACKUP}","version":"1.1"}}\'\n')
    polled = ", ".join(f'"{service.create(app)}"' for _ in range(POLLED))
    any_of = script(directory, "any", bearer + f"local ids, at = {{{polled}}}, 0\n"
                    "function request()\n"
                    "    at = at % #ids + 1\n"
                    f'    return wrk.format(nil, "{path}/" .. ids[at])\n'
                    "end\n")
    plain = script(directory, "plain", 'wrk.path = "/"\n')
    runs = {"hello": (f"http://127.0.0.1:{hello_port}", plain),
            "GET one": (base, get), "GET any": (base, any_of), "POST": (base, post)}
    results = {name: [] for name in runs}
    for number in range(ROUNDS):
        for name, (url, lua) in runs.items():
            print(f"  round {number + 1} of {ROUNDS}: {name}", file=sys.stderr)
            results[name].append(wrk(url, lua))
            time.sleep(1)
    os.kill(service.worker, 18)
    report(results, resident_kib(service.process.pid), resident_kib(hello.pid))


def report(results, front_end_kib, hello_kib):
    rates = {name: statistics.median(run[0] for run in runs) for name, runs in results.items()}
    print(f"{'':10} {'requests/s':>12} {'of hello':>9} {'aim':>6} {'p99 ms':>8} {'errors':>7}")
    for name, runs in results.items():
        aim = {"GET one": "0.60", "POST": "0.35"}.get(name, "")
        p99 = statistics.median(run[1] for run in runs)
        print(f"{name:10} {rates[name]:12.0f} {rates[name] / rates['hello']:9.2f} {aim:>6} {p99:8.2f}"
              f" {sum(run[2] for run in runs):7}")
    print(f"peak RSS: appbackupd {front_end_kib / 1024:.1f} MiB (aim: under 20),"
          f" hello {hello_kib / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
