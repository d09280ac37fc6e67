"""What the generators share: facts are read from YAML here, and what is made of them is written.

A generator is a script of its own beside this file:

    import facts

    SCHEMA = facts.record(
        colours=facts.table(facts.record(code=facts.integer(0, 255), title=facts.text(), dark=facts.flag(False))))

    def header(document):
        return facts.enum("colour", ["UNSET"] + list(document.colours)) + "\\n"

    if __name__ == "__main__":
        facts.main(lambda path: facts.read(path, SCHEMA), {"paint/colours.h": header})

Reading   A schema is made of the functions below. What it does not name is refused, and so is a key that stands there
          twice; the message has file, line and key. A record becomes an object with the members as attributes, a
          table a dict in the order of the file, whose rows know their `name`. A default makes a member optional.
Writing   The file gets a head that says what it is made from. The order is that of the facts, and nothing depends on
          time, place or user: the same facts give the same bytes.
Build     generate() in config/cmake/modules.cmake runs the script and says which module the outputs belong to.
"""

import argparse
import os
import re
import sys
import types

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
NEEDED = object()
HEADS = {".h": "/* {} */", ".c": "/* {} */", ".inc": "/* {} */", ".lua": "-- {}", ".md": "<!-- {} -->", ".conf": "# {}",
         ".roff": '.\\" {}'}
NAME = r"[a-z][a-z0-9_]*"


class FactError(Exception):
    """Facts that cannot be used; the text says where and why."""


class Place:
    """Where in a file a value stands, for messages: "src/core/reasons.yaml:12: reasons.lease_lost.effect"."""

    def __init__(self, path, keys=()):
        self.path, self.keys = path, keys

    def at(self, key):
        return Place(self.path, self.keys + (str(key),))

    def error(self, node, text):
        keys = ".".join(self.keys)
        return FactError(f"{self.path}:{node.start_mark.line + 1}: {keys + ': ' if keys else ''}{text}")


# --- reading -------------------------------------------------------------------------------------------------------


def read(path, schema):
    """The facts of one file."""
    shown = os.path.relpath(path, ROOT)
    with open(path, encoding="utf-8") as file:
        try:
            node = yaml.compose(file, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise FactError(f"{shown}:{line}: {error.problem}") from error
    if node is None:
        raise FactError(f"{shown}:1: there is nothing in it")
    return schema(node, Place(shown))


def optional(schema, default):
    """A value that may be left out."""
    schema.default = default
    return schema


def _kind(check, default=NEEDED):
    check.default = default
    return check


def _scalar(node, place):
    if not isinstance(node, yaml.ScalarNode):
        raise place.error(node, "one value is expected here")
    return node.value


def text(default=NEEDED, pattern=None, empty=False):
    """Text as it stands there: `no` and `12` are text, too. Not empty, but where that is said; folded lines become one."""
    def check(node, place):
        value = _scalar(node, place).strip()
        if value == "" and not empty:
            raise place.error(node, "a text is expected here")
        if pattern and not re.fullmatch(pattern, value):
            raise place.error(node, f"'{value}' does not look like {pattern}")
        return value
    return _kind(check, default)


def name(default=NEEDED):
    """A name as it is used in C and Lua, in small letters."""
    return text(default, NAME)


def choice(*words, default=NEEDED):
    """One of these words."""
    def check(node, place):
        value = _scalar(node, place)
        if value not in words:
            raise place.error(node, f"'{value}' is none of {', '.join(words)}")
        return value
    return _kind(check, default)


def flag(default=NEEDED):
    """true or false."""
    def check(node, place):
        return choice("true", "false")(node, place) == "true"
    return _kind(check, default)


def integer(low, high, default=NEEDED):
    """A decimal number in a range."""
    def check(node, place):
        value = _scalar(node, place)
        if not re.fullmatch(r"-?[0-9]+", value) or not low <= int(value) <= high:
            raise place.error(node, f"'{value}' is no number from {low} to {high}")
        return int(value)
    return _kind(check, default)


def listing(schema, default=NEEDED):
    """A list of values of one kind."""
    def check(node, place):
        if not isinstance(node, yaml.SequenceNode):
            raise place.error(node, "a list is expected here")
        return [schema(item, place.at(index)) for index, item in enumerate(node.value)]
    return _kind(check, default)


def _pairs(node, place):
    """(key, node of the value) of a mapping whose keys are plain and unique."""
    if not isinstance(node, yaml.MappingNode):
        raise place.error(node, "keys with values are expected here")
    seen = set()
    for key, value in node.value:
        word = _scalar(key, place)
        if word in seen:
            raise place.error(key, f"'{word}' stands there twice")
        seen.add(word)
        yield key, word, value


def record(default=NEEDED, **members):
    """Named values. A member whose name Python has taken can be had with getattr()."""
    def check(node, place):
        values = {}
        for key, word, value in _pairs(node, place):
            if word not in members:
                raise place.error(key, f"'{word}' is not known, only {', '.join(members)}")
            values[word] = members[word](value, place.at(word))
        for word, schema in members.items():
            if word not in values and schema.default is NEEDED:
                raise place.error(node, f"'{word}' is missing")
            values.setdefault(word, schema.default)
        return types.SimpleNamespace(**values)
    return _kind(check, default)


def table(schema, keys=NAME, default=NEEDED):
    """Rows of one kind, each under its name."""
    def check(node, place):
        rows = {}
        for key, word, value in _pairs(node, place):
            if not re.fullmatch(keys, word):
                raise place.error(key, f"'{word}' does not look like {keys}")
            rows[word] = schema(value, place.at(word))
            if isinstance(rows[word], types.SimpleNamespace):
                rows[word].name = word
        return rows
    return _kind(check, default)


# --- writing -------------------------------------------------------------------------------------------------------


def c_string(value):
    """A literal of C."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("??", "?\\?")
    return f'"{escaped}"'


def c_comment(value):
    """A comment of C on one line."""
    return f"/* {value.replace('*/', '* /')} */"


def c_rows(rows):
    """The lines of an initialiser from (designator or "", value) pairs, without the braces around them."""
    return "".join(f"    {f'[{at}] = ' if at else ''}{value},\n" for at, value in rows)


def enum(tag, constants, comments=None):
    """An enum whose constants count from 0. comments: constant -> what stands behind it."""
    lines = [f"enum {tag} {{"]
    for number, constant in enumerate(constants):
        behind = f" {c_comment(comments[constant])}" if comments and constant in comments else ""
        lines.append(f"    {constant}{' = 0' if number == 0 else ''},{behind}")
    return "\n".join(lines + ["};", ""])


def lua(value, depth=0):
    """A literal of Lua: of a text, number, flag, list or dict. Small tables stand on one line."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        items = [f"{_lua_key(key)} = {lua(item, depth + 1)}" for key, item in value.items()]
    else:
        items = [lua(item, depth + 1) for item in value]
    line = "{ " + ", ".join(items) + " }" if items else "{}"
    if depth > 0 and len(line) + 4 * depth <= 100 and "\n" not in line:
        return line
    indent = "    " * depth
    return "{\n" + "".join(f"{indent}    {item},\n" for item in items) + indent + "}"


LUA_WORDS = set("and break do else elseif end false for function if in local nil not or repeat return then true until "
                "while".split())


def _lua_key(key):
    return key if re.fullmatch(r"[A-Za-z_]\w*", key) and key not in LUA_WORDS else f"[{lua(key)}]"


def finished(output, sources, script, body):
    """The body with its head, and in a header with its guard."""
    names = ", ".join(os.path.relpath(source, ROOT) for source in sources)
    ending = os.path.splitext(output)[1]
    head = HEADS[ending].format(f"Generated from {names} by {os.path.relpath(script, ROOT)}: change it there.") + "\n"
    if ending == ".h":
        guard = "GENERATED_" + re.sub(r"\W", "_", output).upper()
        return f"{head}#ifndef {guard}\n#define {guard}\n\n{body}\n#endif\n"
    return head + body


def main(read_facts, outputs, script=None):
    """Runs a generator. read_facts gets one path per file of facts; outputs: path below the directory of generated
    files -> function that makes its body of what read_facts returned."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--facts", nargs="+", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--outputs", nargs="+", required=True)
    options = parser.parse_args()
    script = script or sys.modules["__main__"].__file__
    try:
        if set(options.outputs) != set(outputs):
            raise FactError(f"{os.path.relpath(script, ROOT)} makes {', '.join(outputs)}, "
                            f"CMake expects {', '.join(options.outputs)}")
        document = read_facts(*options.facts)
        bodies = {output: make(document) for output, make in outputs.items()}
    except FactError as error:
        sys.exit(str(error))
    for output, body in bodies.items():
        path = os.path.join(options.directory, output)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(finished(output, options.facts, script, body))
