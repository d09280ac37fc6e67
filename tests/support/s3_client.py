"""A minimal S3 client for the tests: makes buckets, looks at objects, asks odd questions.

Written apart from the program under test: it signs with the standard library only, so that a mistake
in our signing cannot hide behind itself.
"""
import datetime
import hashlib
import hmac
import http.client
import urllib.parse

EMPTY = hashlib.sha256(b"").hexdigest()


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3Client:
    def __init__(self, endpoint, access_key, secret_key, region="us-east-1"):
        self.host = urllib.parse.urlsplit(endpoint).netloc
        self.access_key, self.secret_key, self.region = access_key, secret_key, region

    def _signed(self, method, path, query, headers, body):
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        headers = {name.lower(): value for name, value in headers.items()}
        headers |= {"host": self.host, "x-amz-date": stamp,
                    "x-amz-content-sha256": hashlib.sha256(body).hexdigest() if body else EMPTY}
        names = sorted(headers)
        canonical = "\n".join([method, path, query] +
                              [f"{name}:{headers[name].strip()}" for name in names] +
                              ["", ";".join(names), headers["x-amz-content-sha256"]])
        scope = f"{day}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                             hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret_key).encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = _hmac(key, part)
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                                    f"SignedHeaders={';'.join(names)}, "
                                    f"Signature={_hmac(key, to_sign).hex()}")
        return headers

    def request(self, method, path, query=None, headers=None, body=b""):
        """Returns (status, headers, body); path with its slash in front."""
        path = urllib.parse.quote(path)
        query = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
        signed = self._signed(method, path, query, headers or {}, body)
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path + ("?" + query if query else ""), body=body,
                               headers=signed)
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def _expect(self, wanted, method, path, **arguments):
        status, _, body = self.request(method, path, **arguments)
        if status not in wanted:
            raise RuntimeError(f"{method} {path}: {status} {body[:300]!r}")
        return body

    def make_bucket(self, bucket):
        self._expect((200,), "PUT", f"/{bucket}")

    def put(self, bucket, name, body):
        self._expect((200,), "PUT", f"/{bucket}/{name}", body=body)

    def get(self, bucket, name):
        return self._expect((200,), "GET", f"/{bucket}/{name}")

    def delete(self, bucket, name):
        self._expect((204,), "DELETE", f"/{bucket}/{name}")

    def allow_everything(self, user):
        """A policy for the user, with which sts:GetSessionToken gives keys that may do things."""
        policy = ('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", '
                  '"Action": ["sts:*", "s3:*"]}]}')
        self._expect((200,), "POST", "/", query={
            "Action": "PutUserPolicy", "UserName": user, "PolicyName": "everything",
            "PolicyDocument": policy})

    def session_token(self):
        """Temporary (access key, secret key, token), by sts:GetSessionToken."""
        body = b"Action=GetSessionToken&DurationSeconds=900"
        answer = self._expect((200,), "POST", "/", body=body, headers={
            "Content-Type": "application/x-www-form-urlencoded"}).decode()
        return tuple(answer.split(f"<{name}>")[1].split("<")[0]
                     for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))

    def names(self, bucket, prefix=""):
        return [name for name, _ in self.objects(bucket, prefix)]

    def size(self, bucket):
        return sum(size for _, size in self.objects(bucket))

    def objects(self, bucket, prefix=""):
        """(name, size) of each."""
        found, after = [], ""
        while True:
            body = self._expect((200,), "GET", f"/{bucket}",
                                query={"prefix": prefix, "marker": after}).decode()
            page = [(part.split("</Key>")[0], int(part.split("<Size>")[1].split("<")[0]))
                    for part in body.split("<Key>")[1:]]
            found += page
            if "<IsTruncated>true" not in body or not page:
                return found
            after = page[-1][0]
