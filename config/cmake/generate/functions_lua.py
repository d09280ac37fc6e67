"""What is made of the table of functions for the library in Redis: store/arguments.lua."""

import facts
from functions_table import leaves


def lua_read(argument):
    """The expression that reads an argument from `a`."""
    label = facts.lua(argument.label)
    kind, most = argument.kind, argument.max
    if kind in ("id", "name") and argument.empty:
        kind = "optional_" + kind
    elif kind == "bytes":
        kind = "text"
    elif kind in ("line", "text") and not argument.empty:
        kind = "some_" + kind
    kind = {"integer": "number", "word": "choice", "json": "json_array", "list": "decoded"}.get(kind, kind)
    given = {"integer": f", {argument.low}, {argument.high}", "word": f", Functions.WORDS.{argument.words.name}"
             if argument.words else ""}.get(argument.kind, f", {most}" if most is not None else "")
    expression = f"a:{kind}({label}{given})"
    if argument.optional is None:
        return expression
    default = argument.optional if argument.kind == "integer" else facts.lua(argument.optional)
    return f"a:has_more() and {expression} or {default}"


def lua_fields(arguments):
    for argument in leaves(arguments):
        if argument.pairs:
            yield f"{argument.name} = a:pairs(Functions.PAIRS.{argument.group})"
        else:
            yield f"{argument.name} = {lua_read(argument)}"


def lua_reader(name, arguments, finish):
    fields = "".join(f"        {field},\n" for field in lua_fields(arguments))
    table = f"{{\n{fields}    }}" if fields else "{}"
    if not finish:
        return f"function Functions.{name}(a)\n    return {table}\nend\n"
    return f"function Functions.{name}(a)\n    local args = {table}\n    a:finish()\n    return args\nend\n"


def arguments_lua(document):
    functions = list(document.functions.values())
    flat = [argument for function in functions for argument in leaves(function.arguments)]
    used = [part.words for argument in flat for part in (argument.members or [argument]) if part.kind == "word"]
    words = {row.name: {word: True for word in row.are} for row in used}
    reads = {function.name: True for function in functions if function.reads}
    pairs = {argument.group: argument for argument in flat if argument.pairs}
    limits = "".join(f"Limits.{name.upper()}_MAX = {value}\n" for name, value in document.limits.items())
    parts = [limits, f"local Functions = {{\n    WORDS = {facts.lua(words, 1)},\n    READS = {facts.lua(reads, 1)},\n"
             "    PAIRS = {},\n}\n"]
    for name, group in pairs.items():
        fields = "".join(f"    {member.name} = function(a) return {lua_read(member)} end,\n"
                         for member in group.members)
        parts.append(f"Functions.PAIRS.{name} = {{\n{fields}}}\n")
    for function in functions:
        if function.repeats:
            one, count = f"one_{function.name}", len(list(leaves(function.arguments)))
            parts.append(lua_reader(one, function.arguments, False))
            given = f"Functions.{one}, {count}, {function.repeats.most}, {facts.lua(function.repeats.noun)}"
            parts.append(f"function Functions.{function.name}(a)\n    return a:sets({given})\nend\n")
        else:
            parts.append(lua_reader(function.name, function.arguments, not any(
                argument.pairs for argument in leaves(function.arguments))))
    return "\n".join(parts)
