#!/usr/bin/env python3
"""Counts in each library for Redis what Lua 5.1 limits: the locals of a chunk's top level (200) and the upvalues of a
function (60). At most half of each may be in use, so that there is room for twice as much.

Nor may a name be global that is not one of Lua or Redis: a misspelt one would only be found when its line runs. The text
is that of the build, which is asked to put it together.
"""

import glob
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.path.join(ROOT, "build/clang")
LOCALS_MAX, UPVALUES_MAX = 200 // 2, 60 // 2
GLOBALS = {"cjson", "error", "ipairs", "math", "next", "pairs", "pcall", "rawget", "redis", "setmetatable", "string",
           "table", "tonumber", "tostring", "type", "unpack"}


def libraries():
    """The paths of their texts."""
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_C_COMPILER=clang", "-DBUILD_TESTING=OFF"],
                       check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "--target", "embedded_texts"], check=True, stdout=subprocess.DEVNULL)
    return sorted(path for path in glob.glob(os.path.join(BUILD, "generated/*/*.lua")) if read(path).startswith("#!lua"))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def listing(text):
    """What the compiler makes of it. The first line is Redis' own; an empty one keeps the others' numbers."""
    text = "\n" + text.split("\n", 1)[1]
    return subprocess.run(["luac5.1", "-l", "-p", "-"], input=text, check=True, capture_output=True, text=True).stdout


def counts(code):
    """(top-level locals, the most upvalues, line of the function that has them) of a listing."""
    functions = [(first, int(upvalues), int(count)) for first, upvalues, count in re.findall(
        r"^(?:main|function) <\S*?:(\d+),\d+>.*\n.*?(\d+) upvalues?, (\d+) locals?", code, re.M)]
    count = functions[0][2]
    first, upvalues, _ = max(functions, key=lambda function: function[1])
    return count, upvalues, first


def check(name, text):
    """Complaints about a library."""
    code = listing(text)
    count, upvalues, first = counts(code)
    if count > LOCALS_MAX:
        yield f"{name}: {count} locals at the top level, at most {LOCALS_MAX} leave room for twice as much"
    if upvalues > UPVALUES_MAX:
        yield f"{name}: line {first}: {upvalues} upvalues, at most {UPVALUES_MAX} leave room for twice as much"
    for line, name_used in re.findall(r"\[(\d+)\]\s+[GS]ETGLOBAL\s.*; (\w+)$", code, re.M):
        if name_used not in GLOBALS:
            yield f"{name}: line {line}: {name_used} is no local and no function of Lua or Redis"


def main():
    paths = libraries()
    complaints = [complaint for path in paths for complaint in check(os.path.basename(path), read(path))]
    for path in paths:
        print("%s: %d top-level locals, at most %d upvalues" % (os.path.basename(path), *counts(listing(read(path)))[:2]))
    if not paths:
        complaints = ["the build has made no library for Redis"]
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
