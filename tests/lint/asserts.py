#!/usr/bin/env python3
"""Finds assertions of tests that hold when they should not: words of Criterion that do not do what they say.

gt() of Criterion 2.4.1 holds for equal values, too; lt() with its operands in turn does not. The words lt(), le() and
ge() are right.
"""
import re
import sys
from pathlib import Path

# For each word that no test may use what it is replaced by.
WORDS = {"gt": "it holds for equal values, too: write lt(type, less, more)"}

USE = re.compile(rf"\b({'|'.join(WORDS)})\s*\(")
# A comment or a string may speak of the word.
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def blank(match):
    """As many lines, with nothing in them."""
    return "\n" * match[0].count("\n")


def uses(text):
    """(number, word) of each use of a word that no test may use."""
    code = NOT_CODE.sub(blank, text)
    return [(code.count("\n", 0, use.start()) + 1, use[1]) for use in USE.finditer(code)]


def main():
    root = Path(__file__).resolve().parents[2]
    status = 0
    for path in sorted((root / "tests").glob("**/*.[ch]")):
        for number, word in uses(path.read_text(encoding="utf-8", errors="replace")):
            print(f"{path.relative_to(root)}:{number}: {word}(): {WORDS[word]}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
