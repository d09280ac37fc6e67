#!/usr/bin/env python3
"""Who includes whom: a module only what CMakeLists.txt says that it needs, and no file itself by way of others.

A module is a folder of src and include, with all that is below it, and the headers that the build makes
for it (build/clang/generated/<module>). What stands behind NEEDS in its add_module() is all that it may
include besides itself. The programs in src/main may include every module.

A file is the pair x.c and x.h, wherever in its module each of the two is. Files that include each other,
directly or by way of others, are one file in several pieces; the same holds for headers alone.
"""
import os
import re
import sys
from pathlib import Path

# Where tests/lint/prepare has the headers made.
GENERATED = "build/clang/generated"

# Circles that may stay: for each a set of the names of its files, without folders. There is none.
KNOWN_CIRCLES = []

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
ADD_MODULE = re.compile(r"^\s*add_module\(([^)]*)\)", re.MULTILINE)
COMMENT = re.compile(r"#[^\n]*")


def read_needs(text):
    """{module: the modules that it may include}, from the text of CMakeLists.txt."""
    needs = {}
    for call in ADD_MODULE.findall(COMMENT.sub("", text)):
        words = call.split()
        needs[words[0]] = set()
        keyword = None
        for word in words[1:]:
            if word.isupper():
                keyword = word
            elif keyword == "NEEDS":
                needs[words[0]].add(word)
    return needs


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        self.needs = read_needs((self.root / "CMakeLists.txt").read_text())
        self.generated = [GENERATED] if (self.root / GENERATED).is_dir() else []
        self.texts = {}
        for top in ["src", "include"] + self.generated:
            for path in sorted((self.root / top).glob("**/*.[ch]")):
                self.texts[str(path.relative_to(self.root))] = path.read_text(errors="replace")

    def below_top(self, path):
        """'store/link/merge.h' of 'src/store/link/merge.h'."""
        for top in ["src", "include"] + self.generated:
            if path.startswith(top + "/"):
                return path[len(top) + 1:]
        return path

    def module(self, path):
        return self.below_top(path).split("/")[0]

    def resolve(self, path, name):
        """The file that `name` is in an #include line of this file. None: not here, made by the build."""
        for folder in [os.path.dirname(path), "include"] + self.generated:
            found = os.path.normpath(os.path.join(folder, name))
            if found in self.texts:
                return found
        return None

    def includes(self):
        """(file, name that it includes, file of that name or None) of each #include line with quotes."""
        for path, text in self.texts.items():
            for name in INCLUDE.findall(text):
                yield path, name, self.resolve(path, name)

    def unit(self, path):
        """A file as the pair x.c and x.h: 'store/merge' of 'src/store/link/merge.c'."""
        return self.module(path) + "/" + os.path.basename(path).rsplit(".", 1)[0]


def check_directions(tree):
    problems = []
    for module in sorted({tree.module(path) for path in tree.texts} - {"main"} - set(tree.needs)):
        problems.append(f"{module}: no add_module() in CMakeLists.txt names this folder")
    for module, needed in tree.needs.items():
        for other in sorted(needed - set(tree.needs)):
            problems.append(f"CMakeLists.txt: {module} needs {other}, which is no module")
    for path, name, found in tree.includes():
        module = tree.module(path)
        used = tree.module(found) if found else name.split("/")[0] if "/" in name else module
        if module == "main":
            allowed = set(tree.needs) | {"main"}
        else:
            allowed = tree.needs.get(module, set()) | {module}
        if used not in allowed and used in set(tree.needs) | {"main"}:
            problems.append(f'{path} includes "{name}": {module} does not need {used}')
    return problems


def circles(graph):
    """The sets of nodes that reach each other (Tarjan's algorithm, without recursion)."""
    number, lowest, stack, found = {}, {}, [], []
    for start in graph:
        if start in number:
            continue
        work = [(start, None)]
        while work:
            node, children = work.pop()
            if children is None:
                number[node] = lowest[node] = len(number)
                stack.append(node)
                children = iter(sorted(graph.get(node, ())))
            for child in children:
                if child not in number:
                    work += [(node, children), (child, None)]
                    break
                if child in stack:
                    lowest[node] = min(lowest[node], number[child])
            else:
                if work:
                    above = work[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == number[node]:
                    at = stack.index(node)
                    if len(stack) - at > 1:
                        found.append(set(stack[at:]))
                    del stack[at:]
    return found


def check_circles(tree, known):
    units, headers = {}, {}
    for path, _, found in tree.includes():
        if found is None:
            continue
        if tree.unit(path) != tree.unit(found):
            units.setdefault(tree.unit(path), set()).add(tree.unit(found))
        if path.endswith(".h"):
            headers.setdefault(path, set()).add(found)
    problems = []
    for circle in circles(units) + circles(headers):
        names = {os.path.basename(name).rsplit(".", 1)[0] for name in circle}
        if not any(names <= listed for listed in known):
            problems.append("these include each other: " + " ".join(sorted(circle)))
    return problems


def main():
    tree = Tree(Path(__file__).resolve().parents[2])
    if not tree.generated:
        sys.exit(f"{GENERATED} is not there: run tests/lint/prepare first")
    problems = check_directions(tree) + check_circles(tree, KNOWN_CIRCLES)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
