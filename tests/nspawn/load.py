"""Callers of the API, in the network of a machine: backups are asked for and polled until SIGTERM, and then
until all have ended. Prints what was seen as JSON. Every request that is not answered as it should be counts
as failed; none is tried again.

Usage: load.py TOKEN COLLECTION"""

import http.client
import json
import signal
import sys
import threading
import time

CALLERS = 4
END_SECONDS = 400
token, collection = sys.argv[1:3]
ending = threading.Event()
lock = threading.Lock()
failed, created, requests = [], [], [0]


def request(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=30)
    try:
        connection.request(method, path, body and json.dumps(body), {
            "Authorization": "Bearer " + token, "Content-Type": "application/astra-appBackup+json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status not in (200, 201):
            raise OSError(f"{reply.status} {text.decode(errors='replace')}")
        return json.loads(text)
    except (OSError, http.client.HTTPException) as trouble:
        with lock:
            failed.append(f"{method} {path}: {type(trouble).__name__} {trouble}")
        return None
    finally:
        connection.close()
        with lock:
            requests[0] += 1


def call():
    while not ending.is_set():
        backup = request("POST", collection, {"type": "application/astra-appBackup", "version": "1.1"})
        if backup is None:
            continue
        with lock:
            created.append(backup["id"])
        for _ in range(10):
            request("GET", f"{collection}/{backup['id']}")
            ending.wait(0.05)


def end_of(backup, deadline):
    """The last state; "gone" without a record. One that has not ended in time is told as it is then."""
    while True:
        record = request("GET", f"{collection}/{backup}")
        state = record["state"] if record else "gone"
        if state in ("completed", "failed", "gone") or time.monotonic() > deadline:
            return state
        time.sleep(0.1)


signal.signal(signal.SIGTERM, lambda *_: ending.set())
callers = [threading.Thread(target=call) for _ in range(CALLERS)]
for caller in callers:
    caller.start()
for caller in callers:
    caller.join()
last = time.monotonic() + END_SECONDS
states = [end_of(backup, last) for backup in created]
json.dump({"requests": requests[0], "failed": failed, "created": len(created),
           "states": {state: states.count(state) for state in set(states)}}, sys.stdout)
