"""src/store/protocol/keys.yaml: the keys of Redis."""

import facts
import key_contents
import states

NAME = r"[a-z][a-z-]*"
UNITS_S = {"h": 3600, "days": 24 * 3600}
SCHEMA = facts.record(
    prefix=facts.text(),
    checks=facts.table(facts.text()),
    arguments=facts.table(facts.record(value=facts.name(), example=facts.text())),
    blocks=facts.table(key_contents.BLOCKS),
    keys=facts.table(facts.record(
        arguments=facts.listing(facts.name(), []),
        type=facts.choice("string", "hash", "set", "zset", "stream"),
        written_by=facts.choice("api", default=None),
        expires=facts.text(None, f"[1-9][0-9]* ({'|'.join(UNITS_S)})"),
        see=facts.text(pattern=r"[A-Z]+ \{\}.*"),
        in_c=facts.flag(False),
        **key_contents.MEMBERS), NAME),
    channels=facts.table(facts.record(arguments=facts.listing(facts.name()), in_c=facts.flag(False)), NAME),
)


def read(path, states_path):
    """The keys, and whether they hold what the subjects of src/model/states.yaml need."""
    document, subjects = facts.read(path, SCHEMA), states.read(states_path).subjects
    for key in [*document.keys.values(), *document.channels.values()]:
        for argument in key.arguments:
            if argument not in document.arguments:
                raise facts.FactError(f"{path}: {key.name}: the argument '{argument}' is not declared")
    try:
        key_contents.require(document, subjects)
    except facts.FactError as error:
        raise facts.FactError(f"{path}: {error}") from error
    return document


def shown(document, key, show):
    """The key with something in the place of its arguments: show(argument) for each."""
    return document.prefix + ":".join([key.name, *map(show, key.arguments)])


def pattern(document, key):
    """As in the rights of a user."""
    return document.prefix + key.name + (":*" if key.arguments else "")


# --- Lua -----------------------------------------------------------------------------------------------------------


def _word(key):
    return key.name.replace("-", "_")


def _lua_constant(document, key):
    return f"Keys.{_word(key).upper()} = {facts.lua(document.prefix + key.name)}\n"


def _lua_function(document, key):
    parts = ' .. ":" .. '.join(key.arguments)
    return (f"\nfunction Keys.{_word(key)}({', '.join(key.arguments)})\n"
            f"    return {facts.lua(document.prefix + key.name + ':')} .. {parts}\nend\n")


def _kept_s(key):
    count, unit = key.expires.split()
    return int(count) * UNITS_S[unit]


def lua(document):
    """The namespace Keys; Keys.KEPT_S: how long those stay that expire, by their names."""
    plain = [key for key in document.keys.values() if not key.arguments]
    others = [key for key in document.keys.values() if key.arguments]
    kept_s = {key.name: _kept_s(key) for key in document.keys.values() if key.expires}
    return (f"\nlocal Keys = {{ PREFIX = {facts.lua(document.prefix)} }}\n\n"
            + "".join(_lua_constant(document, key) for key in plain)
            + "".join(_lua_function(document, key) for key in [*others, *document.channels.values()])
            + f"\nKeys.KEPT_S = {facts.lua(kept_s)}\n")


# --- C -------------------------------------------------------------------------------------------------------------


def _in_c(document):
    return [key for key in [*document.keys.values(), *document.channels.values()] if key.in_c]


def _prototype(key):
    arguments = "".join(f", const char *{argument}" for argument in key.arguments)
    return f"bool key_{_word(key)}(char *ret_key, size_t size{arguments})"


def header(document):
    """A function that makes each key, and how large its buffer must be."""
    parts = ["#include <stdbool.h>\n#include <stddef.h>\n\n/* Room for what stands in front of the arguments, and for the NUL. */\nenum {\n"]
    parts += [f"    KEY_{_word(key).upper()}_SIZE = {len(document.prefix + key.name) + 2},\n"
              for key in _in_c(document)]
    return "".join(parts) + "};\n\n/* Each makes a key; false when there is no room for it. */\n" + "".join(_prototype(key) + ";\n" for key in _in_c(document))


def source(document):
    body = '#include "store/keys.h"\n\n#include <stdio.h>\n'
    for key in _in_c(document):
        form = document.prefix + key.name + ":%s" * len(key.arguments)
        body += (f"\n{_prototype(key)}\n{{\n    int len = snprintf(ret_key, size, {facts.c_string(form)}, "
                 f"{', '.join(key.arguments)});\n    return len > 0 && (size_t)len < size;\n}}\n")
    return body


if __name__ == "__main__":
    facts.main(read, {"store/keys.lua": lua, "store/known_keys.lua": key_contents.lua, "store/keys.h": header, "store/keys.c": source})
