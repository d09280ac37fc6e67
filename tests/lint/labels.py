#!/usr/bin/env python3
"""Each label of a header's contract begins its own line, and what is said of it stands below its text:

 * Errors    INVALID: the text names the field, and what was expected in its
 *           place

A tool that fills lines anew takes such a table for one text. What it leaves behind is found by what text does
not have: a capitalised word with two spaces or more behind it in mid-line, a known label without a full stop
at the end of a line, and a line that begins at the margin after one with a label.
"""
import re
import sys
from pathlib import Path

LABELS = ("Backing|Shapes?|Units|Limits|Errors|Ownership|Threads|Sources?|Memory|Failures?|Order|Undo|Bytes|"
          "Reports|Volumes?|Keys|Names|Safety|Callers|Trust|Signals|Rules|Details|Crash|Place|Drivers|Reader|Writer|"
          "Inside|Damage|Time-outs|Secrecy|Sharing")
COMMENT = re.compile(r"^\s*(/\*+|\*)\s(?P<text>.*?)(?:\s*\*/)?$")
IN_MID_LINE = re.compile(r"\S[^\S\n]+[A-Z][a-z-]+(?: [a-z]+)?[^\S\n]{2,}\S")
AT_THE_END = re.compile(rf"\S (?:{LABELS})$")
# The text stands in the column behind ten characters, so that a label of nine has only one space behind it.
LABEL_LINE = re.compile(r"[A-Z][A-Za-z-]+(?: [a-z]+)?[^\S\n]{2,}\S|(?:Ownership|Time-outs|Wildcards) ")


def broken_lines(text):
    """(number, line) of each line with a label in it or a label's text at the margin."""
    below_label = False
    for number, line in enumerate(text.splitlines(), 1):
        comment = COMMENT.match(line)
        words = comment["text"] if comment else ""
        if IN_MID_LINE.search(words) or AT_THE_END.search(words):
            yield number, line.strip()
        elif below_label and words.strip() and not words.startswith(" ") and not LABEL_LINE.match(words):
            yield number, line.strip()
        below_label = bool(LABEL_LINE.match(words) or (below_label and words.startswith(" ")))


def main():
    root = Path(__file__).resolve().parents[2]
    status = 0
    for top in ("include", "src", "tests"):
        for path in sorted((root / top).glob("**/*.[ch]")):
            name = str(path.relative_to(root))
            for number, line in broken_lines(path.read_text(errors="replace")):
                print(f"{name}:{number}: not a table of labels any more: {line}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
