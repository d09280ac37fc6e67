"""The data path into a real S3 service: this project beside restic, both into a Ceph RGW on this machine.

The service keeps its objects in memory, and is started anew for each round: what it deletes it gives back only
hours later. Its work is in the wall times of both, since it shares the processors, but not in their CPU.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from ceph_rgw import ACCESS_KEY, SECRET_KEY, CephRgw  # noqa: E402
from datapath_bench import Ours, Restic, arguments_of, run  # noqa: E402


class Gateway:
    """Where the repositories are: a bucket for each, in a service that lives for one round."""

    def __init__(self, base):
        self.base = base
        self.service = None
        self.credentials = os.path.join(base, "credentials")
        with open(self.credentials, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
        self.environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                            "APPBACKUP_BENCH_CREDENTIALS": self.credentials}

    def make(self, tool, number):
        if self.service is None:
            self.service = CephRgw()
            self.service.__enter__()
        self.prepare(tool.name)
        return tool(f"s3:{self.service.endpoint}/{tool.name}", os.path.join(self.base, f"{tool.name}-{number}"),
                    self.environment)

    def prepare(self, bucket):
        """The service makes its pools at the first use of each: two seconds that are nobody's."""
        client = self.service.client()
        client.make_bucket(bucket)
        client.put(bucket, "first", bytes(16 << 20))
        client.get(bucket, "first")
        client.delete(bucket, "first")

    def size(self, repository):
        return self.service.client().size(repository.name)

    def finish(self, _):
        self.close()

    def close(self):
        if self.service is not None:
            self.service.stop()
        self.service = None


if __name__ == "__main__":
    run(arguments_of("s3", 3), [Ours, Restic], Gateway)
