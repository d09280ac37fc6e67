"""Files of a restic repository as somebody writes them who has its key: sealed with AES-256-CTR and Poly1305-AES, and
named after their hash."""

import base64
import hashlib
import json
import os
import subprocess

CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffff
PRIME = (1 << 130) - 5


def run_cipher(name, key, data, *options):
    return subprocess.run(["openssl", "enc", "-" + name, "-K", key.hex(), *options], input=data, check=True,
                          capture_output=True).stdout


def poly1305(r, s, message):
    total = 0
    for start in range(0, len(message), 16):
        block = message[start:start + 16] + b"\x01"
        total = (total + int.from_bytes(block, "little")) * (r & CLAMP) % PRIME
    return ((total + s) % (1 << 128)).to_bytes(16, "little")


class Key:
    """The master key of a repository, of what `restic cat masterkey` says."""

    def __init__(self, text):
        words = json.loads(text)
        self.encrypt = base64.b64decode(words["encrypt"])
        self.mac_k = base64.b64decode(words["mac"]["k"])
        self.mac_r = int.from_bytes(base64.b64decode(words["mac"]["r"]), "little")

    def seal(self, plain):
        iv = os.urandom(16)
        sealed = run_cipher("aes-256-ctr", self.encrypt, plain, "-iv", iv.hex())
        nonce = run_cipher("aes-128-ecb", self.mac_k, iv, "-nopad")
        return iv + sealed + poly1305(self.mac_r, int.from_bytes(nonce, "little"), sealed)

    def save(self, directory, plain):
        """Stores a file of this text in the directory. Returns its name."""
        sealed = self.seal(plain)
        name = hashlib.sha256(sealed).hexdigest()
        with open(os.path.join(directory, name), "wb") as file:
            file.write(sealed)
        return name
