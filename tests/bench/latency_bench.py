"""How soon an idle system begins: from the POST to the first poll that says running (aim: 300 ms)."""

import os
import statistics
import tempfile
import time

from standalone import Standalone

ROUNDS = int(os.environ.get("ROUNDS", "20"))


def main():
    directory = tempfile.mkdtemp(prefix="appbackup-bench.")
    source = os.path.join(directory, "source")
    os.makedirs(source)
    for number in range(100):
        with open(os.path.join(source, f"{number}"), "wb") as file:
            file.write(os.urandom(1 << 20))
    seen = []
    with Standalone({"bench": {"volumes": [source], "snapshot": "none"}}, directory=directory) as service:
        app = service.app("bench")
        service.back_up("bench")  # makes the repository
        for _ in range(ROUNDS):
            started = time.monotonic()
            backup = service.create(app)
            listed = service.request("GET", f"/k8s/v1/apps/{app}/appBackups")[1]["items"]
            assert backup in [item["id"] for item in listed], "the list must show it at once"
            while service.get(app, backup)["state"] in ("pending", "discovering"):
                pass
            seen.append((time.monotonic() - started) * 1000)
            service.wait(app, backup)
    print(f"POST to running, ms over {ROUNDS} backups: median {statistics.median(seen):.0f},"
          f" highest {max(seen):.0f} (aim: 300)")


if __name__ == "__main__":
    main()
