"""What went wrong in other services of this kind and must not go wrong here; docs/crash-matrix.md has the list, with the
tests of what is looked at elsewhere."""

import glob
import json
import os
import signal
import time
import unittest

from redis_node import RedisNode
from worker_support import MIB, Node, NodeTest, assert_progress_is_true, process_state, wait_until


PACK_BYTES = 17 * MIB


def files_of(node):
    return {path: os.path.getsize(path) for path in glob.glob(node.bucket + "/*/data/*/*")}


class PeersTest(NodeTest):
    def test_a_job_that_dies_after_its_success_stays_a_success(self):
        # Elsewhere: what looks after dead workers overwrote the result of a job that had just ended, or reported it
        # as abandoned after its success.
        with Node() as node:
            worker = node.start_worker()
            backup, job = node.create_and_stop(worker, "finished:1")
            self.assertEqual("completed", node.get(backup)["state"])
            os.kill(job, signal.SIGKILL)
            wait_until(lambda: not node.job_pids(worker), 10, "it is reaped")
            later, _ = node.follow(node.create())
            self.assertEqual("completed", later["state"], later)
            self.assertEqual("completed", node.get(backup)["state"])
            job = node.job(backup)
            self.assertEqual(("done", "1", "0"), (job["state"], job["attempt"], job.get("kills", "0")))
            self.assert_restorable(node, 2)
            self.assert_nothing_left(node)

    def test_a_worker_that_stops_keeps_its_leases_until_it_has_handed_them_back(self):
        # Elsewhere: no heartbeats during the grace period of a shutdown, and the job ran twice.
        with Node(lease_ms=3000) as node:
            node.write("block", "")
            with open(node.path("hook")) as file:
                hook = file.read()
            node.write("hook", hook.replace("post-snapshot) ", "post-snapshot) while [ -e slow ]; do sleep 0.05; "
                                            "done; "), 0o755)
            node.write("slow", "")
            worker = node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 20, "the shop is closed")
            worker.terminate()
            wait_until(lambda: "post-snapshot undo" in node.hook_log(), 20, "it is being thawed")
            told = int(node.job(backup)["lease_until_ms"])
            wait_until(lambda: int(node.job(backup)["lease_until_ms"]) > told + 3000, 20,
                       "its lease outlasts the one that it had")
            self.assertEqual("claimed", node.job(backup)["state"])
            os.unlink(node.path("slow"))
            os.unlink(node.path("block"))
            self.assertEqual(0, worker.wait(20))
            job = node.job(backup)
            self.assertEqual(("queued", "1", "0"), (job["state"], job["epoch"], job["kills"]))
            self.assert_nothing_left(node)

    def test_an_outage_longer_than_a_lease_is_no_death(self):
        # Elsewhere: whoever reconnects first gives up the jobs of all who have not yet, and counts it against them.
        with Node(lease_ms=3000) as node:
            node.write("block", "")
            worker = node.start_worker()
            backup = node.create()
            wait_until(node.is_closed, 20, "the shop is closed")
            job = node.wait_for_job(worker)
            worker.send_signal(signal.SIGSTOP)  # it will be the last one to reconnect
            ended = int(node.job(backup)["lease_until_ms"])
            node.stop_redis()
            wait_until(lambda: time.time() * 1000 > ended + 1000 and process_state(job) is None, 20,
                       "the job has given up")
            node.start_redis()
            node.redis_cli("FCALL", "appbackup_node_register", "0", "other", "1", "1", "4", "other:1:1")
            for _ in range(3):
                node.redis_cli("FCALL", "appbackup_sweep", "0", "3")
            self.assertEqual("claimed", node.job(backup)["state"])
            worker.send_signal(signal.SIGCONT)
            os.unlink(node.path("block"))
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)
            self.assertEqual("0", node.job(backup).get("kills", "0"))
            self.assertNotIn("expired_leases", node.redis_cli("HGETALL", "appbackup:counters"))
            self.assert_restorable(node)
            self.assert_nothing_left(node)

    def test_a_cancel_meets_the_one_that_it_names(self):
        # Elsewhere: the cancel was kept under another id than the one that the run looked for.
        with Node(slots=2) as node:
            node.write_app("blog", node.data, hooks=True)
            node.write("block", "")
            node.start_worker()
            shop = node.create()
            blog = json.loads(node.ctl("-o", "json", "backup", "create", "blog").stdout)["id"]
            wait_until(lambda: node.hook_log().count("pre-snapshot backup") == 2, 20, "both are at work")
            node.ctl("backup", "cancel", shop)
            record, _ = node.follow(shop)
            self.assertEqual("failed", record["state"], record)
            self.assertTrue(any(detail["type"].endswith("/canceled") for detail in record["stateDetails"]))
            os.unlink(node.path("block"))
            record, _ = node.follow(blog)
            self.assertEqual("completed", record["state"], record)

    def test_a_bucket_that_stays_away_is_not_stormed(self):
        # Elsewhere: tried again without end, and without a pause, when a quota was used up.
        with Node(retries_max=2, retry_delays_s=[1, 2]) as node:
            worker = node.start_worker()
            os.rename(node.bucket, node.bucket + ".away")  # as transient as a full one
            backup = node.create()
            record, samples = node.follow(backup)
            self.assertEqual("failed", record["state"], record)
            self.assertEqual(3, node.log().count('msg="job starts"'))
            self.assertEqual(2, node.log().count("outcome=retry"))
            delays = [int(part.split()[0]) for part in node.log().split("retry_in_ms=")[1:]
                      if not part.startswith("0 ")]
            self.assertTrue(800 <= delays[0] <= 1200 and 1600 <= delays[1] <= 2400, delays)
            self.assertIsNone(worker.poll())
            assert_progress_is_true(samples)

    def test_everything_is_answered_while_a_backup_is_at_work(self):
        # Elsewhere: the endpoint for the monitoring was blocked for as long as a backup ran.
        with RedisNode() as node:
            worker = node.start_worker()
            node.start_daemon()
            backup, job = node.create_and_stop(worker, "chunk:5")
            for path in ("topology/v1/appBackups", "k8s/v2/apps"):
                self.assertEqual(200, node.ask(path).status, path)
            self.assertEqual("running", node.get(backup)["state"])
            os.kill(job, signal.SIGCONT)
            record, _ = node.follow(backup)
            self.assertEqual("completed", record["state"], record)

    def test_what_was_sent_is_not_sent_again_after_a_crash(self):
        # Elsewhere: an interrupted upload began from nothing. Here: but for the packs of which no index told yet.
        with Node() as node:
            node.add_bulk(200)
            worker = node.start_worker()
            backup, job = node.create_and_stop(worker, "chunk:110")
            sent = files_of(node)
            os.kill(job, signal.SIGKILL)
            record, samples = node.follow(backup)

            self.assertEqual("completed", record["state"], record)
            assert_progress_is_true(samples)
            everything = sum(files_of(node).values())
            again = everything - record["totalBytes"]
            print(f"{sum(sent.values()) / MIB:.1f} MiB sent before the crash, {again / MIB:.2f} MiB sent twice", flush=True)
            self.assertGreater(sum(sent.values()), 80 * MIB, "it was in the middle")
            self.assertLess(again, 64 * MIB + 2 * PACK_BYTES)
            self.assert_restorable(node)


if __name__ == "__main__":
    unittest.main()
