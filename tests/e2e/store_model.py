"""What the store's functions should do, written down a second time, small and slow: for store_model_test.py.

A Model takes the calls that Redis gets, in the same order and at the same time of its clock. A call that should be
refused raises Refused before it changes anything; any other answers what the caller should get, or None where the
world afterwards tells enough. expected() is the world as it should be, every key of it.
"""

import uuid

ACCOUNT = "aaaaaaaa-0000-4000-8000-000000000001"
APP_NAMES = {str(uuid.uuid5(uuid.UUID(ACCOUNT), f"app/app{number}")): f"app{number}" for number in range(4)}
BUCKET_NAMES = {str(uuid.uuid5(uuid.UUID(int=0), f"bucket/bucket{number}")): f"bucket{number}" for number in range(2)}
APPS, BUCKETS = list(APP_NAMES), list(BUCKET_NAMES)
REFUSING = APPS[3]  # takes one backup at a time
JOBS_MAX = {BUCKETS[0]: 0, BUCKETS[1]: 1}  # the first one is the default
NODES = ["node0", "node1"]
PREFIX = "appbackup:"
PRIORITY = {"restore": 2, "catalog": 3, "backup": 4, "delete": 6, "prune": 8, "verify": 8}
ALIVE_MS, BREAK_MS = 15000, 5000  # a node that is silent: it is gone; it is not heard without a break
STATES = ("pending", "discovering", "running", "deleting", "completed", "failed", "removed")
UNFINISHED = ("pending", "discovering", "running")
ENDED = ("completed", "failed", "removed")


def bucket_name(bucket):
    return BUCKET_NAMES[bucket]


class Refused(Exception):
    """The call should be refused with this code."""

    @property
    def code(self):
        return self.args[0]


def app_name(app):
    return APP_NAMES[app]


class Record:
    """A backup or a task; neither has more to it here than how it stands."""

    def __init__(self, **fields):
        self.done = self.total = -1
        self.percent = 0
        self.__dict__.update(fields)

    def progress(self, done, total):
        self.done = max(self.done, -1 if done is None else done)
        self.total = max(self.total if total is None else total, self.done)
        if self.total >= 0:
            self.percent = min(99, 100 * self.done // self.total) if min(self.done, self.total) > 0 else 0

    def complete(self):
        self.done = self.total = max(self.total, 0)
        self.percent = 100


class Job:
    def __init__(self, id_, kind, subject, node, now):
        self.id, self.kind, self.subject, self.node, self.created = id_, kind, subject.id, node, now
        self.app, self.bucket = subject.app, subject.bucket
        self.state = "queued"
        self.epoch = self.attempt = self.failures = self.kills = self.deadline = 0
        self.cancel = False
        self.score = PRIORITY[kind] * 10 ** 13 + now

    @property
    def is_task(self):
        return self.kind not in ("backup", "delete")

    @property
    def place(self):
        return PREFIX + {"queued": "queue:" + self.node, "delayed": "delayed", "claimed": "leases",
                         "quarantined": "quarantine"}[self.state] if self.state != "done" else None


class Model:
    def __init__(self):
        self.now = 1_700_000_000_000
        self.world = {}    # as Redis has it after the call: for the ids that the library makes
        self.backups, self.jobs, self.tasks = {}, {}, {}
        self.apps = {}     # id -> node, state and created
        self.nodes = {}    # name -> running and heartbeat
        self.counters = {}
        self.journal = []  # of this call: (backup, from, to)
        self.create_keys = {}
        self.task_lists = {}
        self.paused = {}   # "<kind>:<id>" -> name and JSON
        self.verified, self.unreferenced, self.repositories, self.damaged = {}, {}, {}, {}

    # --- small parts ---

    def count(self, counter):
        self.counters[counter] = self.counters.get(counter, 0) + 1

    def node_of(self, app, otherwise):
        return self.apps[app]["node"] if app in self.apps else otherwise

    def job_of(self, subject):
        """The one that works on it: a backup that was found names the job of a task."""
        job = self.jobs.get(subject.job)
        return job if job is not None and job.subject == subject.id else None

    def subject_of(self, job):
        return (self.tasks if job.is_task else self.backups)[job.subject]

    def is_late(self, job):
        return 0 < job.deadline < self.now

    def answer_to(self, job):
        return "cancel" if job.cancel else "late" if self.is_late(job) else "ok"

    def waits_elsewhere(self, app, node):
        return [job for job in self.jobs.values()
                if job.app == app and job.state in ("queued", "delayed") and job.node != node]

    def active_tasks(self, app):
        return [task for task in self.tasks.values()
                if task.app == app and task.state in ("pending", "running")]

    def move(self, job, state, score=0):
        job.state, job.score = state, score

    def queue(self, job):
        self.move(job, "queued", PRIORITY[job.kind] * 10 ** 13 + job.created)

    def go(self, record, state):
        """A new state for a backup or a task, with its entry in the journal."""
        is_task = hasattr(record, "kind")
        self.journal.append((record.backup if is_task else record.id, record.state, state))
        if state != record.state:
            record.since = self.now
        if (record.state, state) == ("deleting", "failed"):
            record.delete_failed = True
        record.state = state
        if is_task and state in ("completed", "failed"):
            self.end_task(record)
        elif state == "gone":
            del self.backups[record.id]

    def mark_app(self, task, state):
        if task.kind == "restore" and task.target == "" and task.app in self.apps:
            self.apps[task.app]["state"] = state

    def end_task(self, task):
        self.mark_app(task, "ready" if task.state == "completed" else "failed")
        if task.kind == "restore":
            return
        node, member = self.node_of(task.app, task.node), f"{task.bucket}:{task.app}"
        self.repositories.setdefault(member, {}).update(
            {task.kind + "_ms": str(self.now), task.kind + "_state": task.state})
        if task.kind == "verify":
            self.verified.setdefault(node, {})[member] = self.now
        elif task.kind == "prune" and task.state == "completed":
            self.unreferenced.get(node, {}).pop(member, None)

    def note_completion(self, backup):
        node = self.node_of(backup.app, backup.node)
        self.verified.setdefault(node, {}).setdefault(f"{backup.bucket}:{backup.app}", self.now)
        if backup.app in self.apps and self.apps[backup.app]["state"] == "failed":
            self.apps[backup.app]["state"] = "ready"

    def queue_delete(self, backup):
        id_ = self.world[f"{PREFIX}backup:{backup.id}"]["job"]
        assert id_ not in self.jobs, "a delete job has an id of its own"
        backup.job = id_
        self.jobs[id_] = Job(id_, "delete", backup, self.node_of(backup.app, backup.node), self.now)

    def fence(self, job_id, epoch):
        job = self.jobs.get(job_id)
        if job is None or job.state != "claimed" or job.epoch != epoch:
            self.count("stale_writes")
            raise Refused("LEASE_LOST")
        return job

    # --- backups ---

    def find_app(self, app):
        if app not in self.apps:
            raise Refused("UNKNOWN_APP")

    def find_backup(self, id_):
        if id_ not in self.backups:
            raise Refused("UNKNOWN_BACKUP")
        return self.backups[id_]

    def create(self, id_, job, app, name, bucket):
        self.find_app(app)
        if any(other.app == app and other.name == name for other in self.backups.values()):
            raise Refused("NAME_TAKEN")
        if id_ in self.backups:
            raise Refused("ILLEGAL_TRANSITION")
        if job in self.jobs:
            raise Refused("INVALID_ARGUMENT")
        if app == REFUSING and any(other.app == app and other.state in UNFINISHED
                                   for other in self.backups.values()):
            raise Refused("BACKUP_ACTIVE")
        backup = Record(id=id_, job=job, app=app, name=name, bucket=bucket or BUCKETS[0], state="none",
                        node=self.apps[app]["node"], created=self.now)
        self.backups[id_] = backup
        self.go(backup, "pending")
        self.jobs[job] = Job(job, "backup", backup, backup.node, self.now)

    def create_once(self, key, request, id_, job, app, name, bucket):
        known = self.create_keys.get((app, key))
        if known:
            if known["request"] != request or known["backup"] not in self.backups:
                raise Refused("KEY_REUSED")
            return "1", known["backup"]
        self.create(id_, job, app, name, bucket)
        self.create_keys[app, key] = {"account": ACCOUNT, "request": request, "backup": id_}
        return "0", id_

    def delete(self, id_):
        backup = self.find_backup(id_)
        if backup.state == "deleting":
            raise Refused("ALREADY_DELETING")
        if any(task.backup == id_ for task in self.active_tasks(backup.app)):
            raise Refused("BACKUP_IN_USE")
        job = self.job_of(backup)
        claimed = job is not None and job.state == "claimed"
        if backup.state == "pending" and job.attempt == 0:
            self.go(backup, "gone")
            self.move(job, "done")
            return
        self.go(backup, "deleting")
        if claimed:
            job.cancel = True
            return
        if job is not None:
            self.move(job, "done")
        self.queue_delete(backup)

    def cancel(self, id_):
        backup = self.find_backup(id_)
        if backup.state == "deleting":
            raise Refused("ALREADY_DELETING")
        if backup.state not in UNFINISHED:
            raise Refused("ILLEGAL_TRANSITION")
        job = self.job_of(backup)
        if job.state != "claimed":
            self.end(backup, job, "failed")
        elif not job.cancel:
            job.cancel = True
            self.go(backup, backup.state)

    # --- claims ---

    def end(self, subject, job, state):
        self.go(subject, state)
        self.move(job, "done")

    def requeue(self, job, delay_ms):
        subject = self.subject_of(job)
        is_superseded = job.kind == "backup" and subject.state == "deleting"
        if self.is_late(job) and not is_superseded:
            self.end(subject, job, "failed")
            return
        if is_superseded:
            self.leave_to_delete(subject, job)
            return
        self.go(subject, "deleting" if subject.state == "deleting" else "pending")
        job.node = self.node_of(job.app, job.node)  # it may have moved while the job ran
        subject.node = job.node
        if delay_ms > 0:
            self.move(job, "delayed", self.now + delay_ms)
        else:
            self.queue(job)

    def leave_to_delete(self, backup, job):
        self.end(backup, job, "deleting")
        self.queue_delete(backup)

    def is_to_end(self, job):
        return job.cancel and (job.is_task or
                               job.kind == "backup" and self.subject_of(job).state != "deleting")

    def bury(self, job, kills_max, delay_ms, spared=False):
        """A dead worker, or one that lives but has lost its lease: what becomes of its job."""
        if not spared:
            self.count("kills")
        subject = self.subject_of(job)
        if self.is_to_end(job):
            self.end(subject, job, "failed")
            return "canceled"
        kills, is_late = job.kills + (0 if spared else 1), self.is_late(job)
        if spared or kills < kills_max or (job.kind == "backup" and subject.state == "deleting"):
            self.requeue(job, delay_ms)
            if job.state != "done":
                job.kills = kills
            return "failed" if is_late else "retry"
        self.go(subject, "failed")
        self.count("quarantined")
        job.kills = kills
        self.move(job, "quarantined", self.now)
        return "quarantined"

    def due(self, state):
        return sorted((job for job in self.jobs.values() if job.state == state and job.score <= self.now),
                      key=lambda job: (job.score, job.id))

    def sweep(self, kills_max):
        for job in self.due("delayed"):
            self.queue(job)
        for job in self.due("claimed"):
            worker_is = self.judge(job)
            if worker_is:
                self.count("expired_leases")
                self.bury(job, kills_max, 0, spared=worker_is == "alive")
        return "OK"

    def judge(self, job):
        """What has become of a worker whose lease has ended; None while nobody knows."""
        node = self.nodes[job.node]
        if node["worker"] != job.worker:
            return "dead"
        if node["heartbeat"] >= job.score:
            return "alive" if self.now - node["back"] >= ALIVE_MS else None
        witnesses = [other for other in self.nodes.values() if self.now - other["heartbeat"] <= BREAK_MS
                     and self.now - max(other["started"], other["back"]) >= ALIVE_MS]
        return "dead" if self.now - node["heartbeat"] >= ALIVE_MS and witnesses else None

    def may_run(self, job):
        claimed = [other for other in self.jobs.values() if other.state == "claimed"]
        most = JOBS_MAX[job.bucket]
        if {"app:" + job.app, "bucket:" + job.bucket} & set(self.paused):
            return False
        return (all(other.app != job.app for other in claimed)
                and (most == 0 or sum(other.bucket == job.bucket for other in claimed) < most))

    def claim(self, reply, node, lease_ms, kills_max, timeout_ms):
        if node not in self.nodes:
            raise Refused("UNKNOWN_NODE")
        self.sweep(kills_max)
        if "node:" + node in self.paused:
            assert reply is None, f"the node is paused, and yet: {reply}"
            return
        ready = [job for job in self.jobs.values()
                 if job.state == "queued" and job.node == node and self.may_run(job)]
        if not ready:
            assert reply is None, f"nothing is there to be claimed, and yet: {reply}"
            return
        assert reply is not None, f"{ready[0].id} should be claimed"
        claim = dict(zip(reply[::2], reply[1::2]))
        job = self.jobs[claim["id"]]
        assert job in ready and job.score == min(other.score for other in ready), f"{claim} is not the next"
        job.epoch += 1
        job.attempt += 1
        job.worker = self.nodes[node]["worker"]
        if timeout_ms > 0 and job.deadline == 0:
            job.deadline = self.now + timeout_ms
        self.move(job, "claimed", self.now + lease_ms)
        assert int(claim["epoch"]) == job.epoch and claim["subject"] == job.subject, claim

    def renew(self, id_, epoch, lease_ms, done, total):
        job = self.fence(id_, epoch)
        job.score = self.now + lease_ms
        if job.kind != "delete":
            self.subject_of(job).progress(done, total)
        return self.answer_to(job)

    def advance(self, id_, epoch, state, lease_ms, done, total):
        job = self.fence(id_, epoch)
        subject, answer = self.subject_of(job), self.answer_to(job)
        steps = [("pending", "running")] if job.is_task else [("pending", "discovering"),
                                                             ("discovering", "running")]
        if answer == "ok" and (subject.state, state) not in steps:
            raise Refused("ILLEGAL_TRANSITION")
        job.score = self.now + lease_ms
        if answer == "ok":
            subject.progress(done, total)
            self.go(subject, state)
        return answer

    def finish(self, id_, epoch, outcome, delay_ms, done, total):
        job = self.fence(id_, epoch)
        subject = self.subject_of(job)
        if outcome in ("retry", "released") and self.is_to_end(job):
            outcome = "canceled"
        if outcome == "completed" and job.kind != "delete" and \
                subject.state not in (("running",) if job.is_task else ("running", "deleting")):
            raise Refused("ILLEGAL_TRANSITION")
        if job.kind != "delete":
            subject.progress(done, total)
        if outcome in ("retry", "released"):
            if outcome == "retry":
                self.count("retries")
            self.requeue(job, delay_ms)
            if outcome == "retry" and job.state != "done":
                job.failures += 1
        elif outcome == "completed":
            self.finish_completed(job, subject)
        elif job.kind != "backup" or subject.state != "deleting":
            self.end(subject, job, "failed")
        elif job.attempt > 1:
            self.leave_to_delete(subject, job)
        else:
            self.end(subject, job, "gone")
        return "OK"

    def finish_completed(self, job, subject):
        if job.kind == "delete":
            self.end(subject, job, "gone")
            counts = self.unreferenced.setdefault(job.node, {})
            member = f"{job.bucket}:{job.app}"
            counts[member] = counts.get(member, 0) + 1
            return
        subject.complete()
        self.end(subject, job, subject.state if subject.state == "deleting" else "completed")
        if job.kind == "backup":
            self.note_completion(subject)
            if subject.state == "deleting":
                self.queue_delete(subject)

    def died(self, id_, epoch, kills_max, delay_ms):
        job = self.jobs.get(id_)
        if job is None or job.state != "claimed" or job.epoch != epoch:
            return "none"
        return self.bury(job, kills_max, delay_ms)

    # --- admins ---

    def queue_afresh(self, job):
        job.kills = job.failures = job.deadline = 0
        job.cancel = False
        job.node = self.node_of(job.app, job.node)
        self.queue(job)

    def begin_again(self, subject, kind):
        """A failed backup or task: the job that it has in quarantine, or a new one."""
        job = self.job_of(subject)
        self.go(subject, "pending")
        subject.node = self.apps[subject.app]["node"]
        if job is not None and job.state == "quarantined":
            self.queue_afresh(job)
            return
        name = "task" if kind != "backup" else "backup"
        subject.job = self.world[f"{PREFIX}{name}:{subject.id}"]["job"]
        assert subject.job not in self.jobs, "a retry has a job of its own"
        again = Job(subject.job, kind, subject, subject.node, self.now)
        again.attempt, again.epoch = (job.attempt, job.epoch) if job else (1, 1)
        self.jobs[subject.job] = again

    def retry(self, id_):
        if id_ in self.backups:
            self.retry_backup(self.backups[id_])
        elif id_ in self.tasks:
            self.retry_task(self.tasks[id_])
        else:
            raise Refused("UNKNOWN_BACKUP")

    def retry_backup(self, backup):
        if backup.state != "failed" or backup.percent == 100 or hasattr(backup, "delete_failed"):
            raise Refused("ILLEGAL_TRANSITION")
        self.find_app(backup.app)
        if backup.app == REFUSING and any(other.app == backup.app and other.state in UNFINISHED
                                          for other in self.backups.values()):
            raise Refused("BACKUP_ACTIVE")
        self.begin_again(backup, "backup")

    def retry_task(self, task):
        if task.state != "failed":
            raise Refused("ILLEGAL_TRANSITION")
        self.find_app(task.app)
        if task.kind == "restore":
            if self.find_backup(task.backup).state != "completed":
                raise Refused("BACKUP_NOT_READY")
        self.check_room(task.kind, task.app, task.bucket, task.target)
        self.begin_again(task, task.kind)
        self.mark_app(task, "restoring")

    def find_job(self, id_):
        subject = self.backups.get(id_) or self.tasks.get(id_)
        job = self.jobs.get(id_) or (subject and self.job_of(subject))
        if job is None:
            raise Refused("UNKNOWN_JOB")
        return job

    def known_subject(self, job):
        return (self.tasks if job.is_task else self.backups).get(job.subject)

    def requeue_now(self, id_, force):
        job = self.find_job(id_)
        if job.state == "quarantined":
            self.release(job)
        elif job.state == "delayed":
            subject = self.subject_of(job)
            job.deadline = 0
            self.queue(job)
            self.go(subject, subject.state)
        elif job.state == "claimed":
            if job.score > self.now and not force:
                raise Refused("LEASE_HELD")
            job.deadline = 0
            if self.is_to_end(job):
                self.end(self.subject_of(job), job, "failed")
            else:
                self.requeue(job, 0)
        else:
            raise Refused("ILLEGAL_TRANSITION")

    def release(self, job):
        subject = self.known_subject(job)
        if subject is None or subject.job != job.id:
            raise Refused("ILLEGAL_TRANSITION")
        if job.is_task:
            self.retry_task(subject)
        elif job.kind == "backup":
            self.retry_backup(subject)
        else:
            if any(task.backup == subject.id for task in self.active_tasks(subject.app)):
                raise Refused("BACKUP_IN_USE")
            self.go(subject, "deleting")
            self.queue_afresh(job)

    def quarantined(self, id_):
        job = self.find_job(id_)
        if job.state != "quarantined":
            raise Refused("ILLEGAL_TRANSITION")
        return job

    def drop(self, id_):
        job = self.quarantined(id_)
        subject = self.known_subject(job)
        state = subject.state if subject else ""
        backup = (subject.backup if subject else "") if job.is_task else job.subject
        self.journal.append((backup, state, state))
        self.move(job, "done")

    def find_named(self, kind, name):
        if kind == "node":
            if name not in self.nodes:
                raise Refused("UNKNOWN_NODE")
            return name, name
        known = {app: app_name(app) for app in self.apps} if kind == "app" else \
            {bucket: bucket_name(bucket) for bucket in BUCKETS}
        for id_, its_name in known.items():
            if name in (id_, its_name):
                return id_, its_name
        raise Refused("UNKNOWN_" + kind.upper())

    def pause(self, kind, name, who, reason):
        id_, its_name = self.find_named(kind, name)
        if f"{kind}:{id_}" in self.paused:
            raise Refused("ALREADY_PAUSED")
        text = f'{{"name":"{its_name}","who":"{who}","since_ms":{self.now},"reason":"{reason}"}}'
        self.paused[f"{kind}:{id_}"] = its_name, text
        self.journal.append(("", "", ""))

    def resume(self, kind, name):
        for field, (its_name, _) in self.paused.items():
            if field.split(":")[0] == kind and name in (field.split(":")[1], its_name):
                del self.paused[field]
                self.journal.append(("", "", ""))
                return
        raise Refused("NOT_PAUSED")

    # --- tasks ---

    def task_create(self, id_, job, kind, app, bucket, backup, target):
        if kind == "restore":
            source = self.backups.get(backup)
            if app != "":
                self.find_app(app)
            if source is None:
                raise Refused("UNKNOWN_BACKUP")
            if app not in ("", source.app):
                raise Refused("FOREIGN_BACKUP")
            if source.state != "completed":
                raise Refused("BACKUP_NOT_READY")
            app, bucket = source.app, source.bucket
        self.find_app(app)
        bucket = bucket or BUCKETS[0]
        self.check_room(kind, app, bucket, target)
        self.queue_task(id_, job, kind, app, bucket, backup if kind == "restore" else "", target)

    def check_room(self, kind, app, bucket, target):
        for other in self.active_tasks(app):
            is_same = (target == "" and other.target == "") if kind == "restore" else bucket == other.bucket
            if other.kind == kind and is_same:
                raise Refused("TASK_EXISTS")

    def queue_task(self, id_, job, kind, app, bucket, backup, target):
        task = Record(id=id_, job=job, kind=kind, app=app, bucket=bucket, backup=backup, target=target,
                      state="none", node=self.apps[app]["node"], created=self.now)
        self.tasks[id_] = task
        self.go(task, "pending")
        listed = self.task_lists.setdefault(app, {})
        for old in sorted(listed, key=lambda old: (listed[old], old))[:10]:
            if old not in self.tasks:
                del listed[old]
        listed[id_] = self.now
        self.mark_app(task, "restoring")
        self.jobs[job] = Job(job, kind, task, task.node, self.now)

    def task_cancel(self, id_):
        task = self.tasks.get(id_)
        if task is None:
            raise Refused("UNKNOWN_TASK")
        if task.state not in ("pending", "running"):
            raise Refused("ILLEGAL_TRANSITION")
        job = self.job_of(task)
        if job.state == "claimed":
            job.cancel = True
        else:
            self.end(task, job, "failed")
        return "OK"

    def maintain(self, node, prune_after, prune_ms, verify_ms):
        if node not in self.nodes:
            raise Refused("UNKNOWN_NODE")
        queued = 0
        if prune_after > 0:
            def is_due(member):
                last = int(self.repositories.get(member, {}).get("prune_ms", "0"))
                return self.now - last >= prune_ms
            queued += self.queue_due(self.unreferenced, node, "prune", lambda n: n >= prune_after, is_due)
        if verify_ms > 0:
            queued += self.queue_due(self.verified, node, "verify", lambda ms: ms <= self.now - verify_ms,
                                     lambda member: True)
        return str(queued)

    def queue_due(self, table, node, kind, is_listed, is_due):
        members = table.setdefault(node, {})
        queued = 0
        listed = sorted((score, member) for member, score in members.items() if is_listed(score))
        for score, member in listed:
            bucket, app = member.split(":")
            if app not in self.apps:
                del members[member]
            elif self.apps[app]["node"] != node:
                del members[member]
                table.setdefault(self.apps[app]["node"], {})[member] = score
            elif is_due(member) and not any(task.kind == kind and task.bucket == bucket
                                            for task in self.active_tasks(app)):
                self.queue_task(*self.new_task_ids(kind, app, bucket), kind, app, bucket, "", "")
                queued += 1
        return queued

    def new_task_ids(self, kind, app, bucket):
        """The library has made this task, and its ids: the one that we do not know."""
        for job_id, job in self.records("job"):
            if job_id not in self.jobs and (job["kind"], job["app"], job["bucket"]) == (kind, app, bucket):
                return job["subject"], job_id
        raise AssertionError(f"no {kind} of {app} was queued")

    def records(self, kind):
        start = f"{PREFIX}{kind}:"
        return [(key[len(start):], value) for key, value in self.world.items() if key.startswith(start)]

    def verify_report(self, id_, epoch, complete, problems, is_last, damage):
        """problems: backup -> what is wrong with it, or nothing."""
        job = self.fence(id_, epoch)
        for backup in (self.backups[known] for known in problems if known in self.backups):
            if (backup.app, backup.bucket) != (job.app, job.bucket):
                continue
            if problems[backup.id] and backup.state == "completed":
                self.go(backup, "removed")
            elif not problems[backup.id] and complete and backup.state == "removed":
                self.go(backup, "completed")
        if is_last:
            found = self.damaged.setdefault(job.bucket, {})
            found.pop(job.app, None)
            if damage:
                found[job.app] = f"app {app_name(job.app)}: {damage}"
            self.repositories.setdefault(f"{job.bucket}:{job.app}", {})["damage"] = damage
        return "OK"

    def catalog_report(self, id_, epoch, found):
        """found: backup -> its name, time, size and snapshot. Answers how many are new, and who could not be."""
        job = self.fence(id_, epoch)
        task, count, refused = self.subject_of(job), 0, []
        for backup_id, (name, taken_ms, size, snapshot) in found.items():
            if size < -1:
                refused.append(f"snapshots/{snapshot}: bytes must be a whole number from -1 to {2 ** 53}")
                continue
            if backup_id in self.backups:
                if self.backups[backup_id].app != task.app:
                    refused.append(f"snapshots/{snapshot}: backup {backup_id} is one of another app")
                continue
            if any(other.app == job.app and other.name == name for other in self.backups.values()):
                name = f"{name}-{backup_id[:8]}"
            backup = Record(id=backup_id, job=id_, app=task.app, name=name, bucket=task.bucket, state="none",
                            node=task.node, created=taken_ms, done=size, total=size, percent=100)
            self.backups[backup_id] = backup
            self.go(backup, "completed")
            self.note_completion(backup)
            count += 1
        return "\n".join([str(count), *refused])

    # --- nodes and apps ---

    def hear(self, node, running):
        self.nodes[node]["running"] = running
        if self.now - self.nodes[node]["heartbeat"] > BREAK_MS:
            self.nodes[node]["back"] = self.now
        self.nodes[node]["heartbeat"] = self.now
        return "OK"

    def node_register(self, node, worker):
        known = self.nodes.setdefault(node, {"worker": "", "heartbeat": self.now, "back": 0})
        if known["worker"] != worker:
            known.update(worker=worker, started=self.now)
        return self.hear(node, 0)

    def node_heartbeat(self, node, running):
        if node not in self.nodes:
            raise Refused("UNKNOWN_NODE")
        return self.hear(node, running)

    def apps_register(self, node, apps):
        if node not in self.nodes:
            raise Refused("UNKNOWN_NODE")
        for app in apps:
            old = self.apps.get(app, {"node": None, "state": "ready", "created": self.now})
            if old["node"] not in (None, node):
                self.journal.append(("", "", ""))
            if app not in self.apps:
                for backup in self.backups.values():
                    if backup.app == app and backup.state == "completed":
                        self.verified.setdefault(node, {}).setdefault(f"{backup.bucket}:{app}", self.now)
                if any(task.kind == "restore" and task.target == "" for task in self.active_tasks(app)):
                    old["state"] = "restoring"
            self.apps[app] = {**old, "node": node}
            for job in self.waits_elsewhere(app, node):  # it would wait for ever
                job.node = self.subject_of(job).node = node
        for app in [app for app, known in self.apps.items() if known["node"] == node and app not in apps]:
            del self.apps[app]
            self.journal.append(("", "", ""))
        return "OK"

    # --- time ---

    def forget(self, jobs, tasks, keys):
        """What Redis does of itself: done jobs, ended tasks and keys of creates have a time to live."""
        for id_ in jobs:
            del self.jobs[id_]
        for id_ in tasks:
            del self.tasks[id_]
        for key in keys:
            del self.create_keys[key]

    # --- the world ---

    def expected(self):
        """key -> value; of a hash those fields that say how things stand."""
        world = {PREFIX + "schema": "1", PREFIX + "accounts": {ACCOUNT},
                 PREFIX + "default-buckets": {"shared": BUCKETS[0]},
                 PREFIX + "buckets:shared": {bucket: 1_700_000_000_000 for bucket in BUCKETS},
                 PREFIX + "nodes": {name: node["heartbeat"] for name, node in self.nodes.items()}}
        for bucket in BUCKETS:
            world[f"{PREFIX}bucket:{bucket}"] = {"id": bucket, "jobs_max": str(JOBS_MAX[bucket])}
        for name, node in self.nodes.items():
            world[f"{PREFIX}node:{name}"] = {
                "running": str(node["running"]), "worker": node["worker"], "started_ms": str(node["started"]),
                **({"back_ms": str(node["back"])} if node["back"] else {})}
        world[PREFIX + "paused"] = {field: text for field, (_, text) in self.paused.items()}
        world[PREFIX + "counters"] = {name: str(value) for name, value in self.counters.items()}
        for (app, key), memory in self.create_keys.items():
            world[f"{PREFIX}create-key:{app}:{key}"] = memory
        for app, listed in self.task_lists.items():
            world[f"{PREFIX}tasks:{app}"] = dict(listed)
        for name, table in (("verified", self.verified), ("unreferenced", self.unreferenced),
                            ("damaged", self.damaged)):
            world.update({f"{PREFIX}{name}:{owner}": dict(members) for owner, members in table.items()})
        world.update({f"{PREFIX}repository:{name}": known for name, known in self.repositories.items()})
        self._add_apps(world)
        self._add_backups(world)
        self._add_tasks(world)
        self._add_jobs(world)
        return {key: value for key, value in world.items() if value}

    def _add_apps(self, world):
        for id_, app in self.apps.items():
            world[f"{PREFIX}app:{id_}"] = {"node": app["node"], "state": app["state"]}
            world.setdefault(f"{PREFIX}apps:{ACCOUNT}", {})[id_] = app["created"]
            world.setdefault(f"{PREFIX}node-apps:{app['node']}", set()).add(id_)

    @staticmethod
    def _of_record(record):
        known = {"state": record.state, "job": record.job, "app": record.app, "bucket": record.bucket,
                 "node": record.node}
        if record.total >= 0:
            known.update(bytes_done=str(record.done), bytes_total=str(record.total),
                         percent_done=str(record.percent))
        return known

    def _add_backups(self, world):
        for id_, backup in self.backups.items():
            world[f"{PREFIX}backup:{id_}"] = {**self._of_record(backup), "name": backup.name}
            for index in (f"backups:{backup.app}", f"account-backups:{ACCOUNT}"):
                world.setdefault(PREFIX + index, {})[id_] = backup.created
            world.setdefault(f"{PREFIX}state:{backup.state}", {})[id_] = backup.since
            world.setdefault(f"{PREFIX}names:{backup.app}", {})[backup.name] = id_

    def _add_tasks(self, world):
        for id_, task in self.tasks.items():
            world[f"{PREFIX}task:{id_}"] = {**self._of_record(task), "kind": task.kind,
                                           **({"backup": task.backup} if task.backup else {})}
            if task.state in ("pending", "running"):
                world.setdefault(f"{PREFIX}active-tasks:{task.app}", set()).add(id_)

    def _add_jobs(self, world):
        for id_, job in self.jobs.items():
            known = {"state": job.state, "kind": job.kind, "subject": job.subject, "app": job.app,
                     "bucket": job.bucket, "node": job.node}
            for field in ("epoch", "attempt", "failures", "kills", "deadline"):
                if getattr(job, field):
                    known["deadline_ms" if field == "deadline" else field] = str(getattr(job, field))
            if job.cancel:
                known["cancel"] = "1"
            world[f"{PREFIX}job:{id_}"] = known
            if job.state == "claimed":
                known["lease_until_ms"] = str(job.score)
                world.setdefault(PREFIX + "app-busy", {})[job.app] = id_
                world.setdefault(f"{PREFIX}bucket-jobs:{job.bucket}", set()).add(id_)
            if job.place:
                world.setdefault(job.place, {})[id_] = job.score
