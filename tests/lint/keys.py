#!/usr/bin/env python3
"""Finds keys of Redis that are spelt by hand: in src and include, only src/store/protocol/keys.yaml may. Lua takes them
from Keys, C from store/keys.h, and both are made of that file."""

import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
DECLARATION = "src/store/protocol/keys.yaml"
KEY = re.compile(r'appbackup:(?![\s"])|"appbackup:"\s*(?:\.\.|"|[A-Z_]{2,})|\bKeys\.PREFIX\s*\.\.\s*"[a-z]')


def files():
    for top in ("src", "include"):
        for directory, _, names in os.walk(os.path.join(ROOT, top)):
            yield from (os.path.relpath(os.path.join(directory, name), ROOT) for name in sorted(names))


def spelt(text):
    """The lines that spell a key, with their numbers."""
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if KEY.search(line)]


def main():
    complaints = []
    for path in files():
        if path == DECLARATION:
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            complaints += [f"{path}:{number}: a key of Redis is spelt here: {line}" for number, line in spelt(file.read())]
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
