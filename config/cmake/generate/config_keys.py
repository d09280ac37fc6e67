"""src/config/keys.yaml: the keys of the configuration, as structs and schemas for libcyaml, as numbers with their
defaults and ranges, and as the table of the manual page."""

import re

import facts

TEXT_BYTES_MAX = 4095
LIMIT = 10 ** 18
NUMBERS = ("number", "size")
LISTS = ("texts", "numbers", "list")
WORD = r"[a-z][a-z0-9-]*"


def _pair(node, place):
    values = facts.listing(facts.integer(0, LIMIT))(node, place)
    if len(values) != 2 or values[0] > values[1]:
        raise place.error(node, "the least and the most are expected")
    return values


def _keys(node, place):
    return KEYS(node, place)


KEYS = facts.table(facts.record(
    type=facts.choice("text", "number", "size", "choice", "flag", "texts", "numbers", "list", "section"),
    required=facts.flag(False),
    otherwise=facts.text(None),
    min=facts.integer(0, LIMIT, None),
    max=facts.integer(0, LIMIT, None),
    entries=facts.optional(_pair, None),
    bytes=facts.optional(_pair, None),
    words=facts.table(facts.text(), WORD, None),
    entry=facts.name(None),
    member=facts.name(None),
    keys=facts.optional(_keys, None),
    help=facts.text(),
))
SCHEMA = facts.record(documents=facts.table(facts.record(file=facts.text(), keys=KEYS)))

# What each type must have, and may have.
MEMBERS = {
    "text": (set(), {"otherwise", "bytes"}), "number": ({"min", "max"}, {"otherwise"}),
    "size": ({"min", "max"}, {"otherwise"}), "choice": ({"words"}, {"otherwise"}), "flag": (set(), {"otherwise"}),
    "texts": ({"entries"}, {"bytes"}), "numbers": ({"entries", "min", "max"}, {"otherwise"}),
    "list": ({"entries", "entry", "keys"}, {"otherwise"}), "section": ({"keys"}, set()),
}
OPTIONAL_MEMBERS = ("otherwise", "min", "max", "entries", "bytes", "words", "entry", "keys")


def _check(path, key):
    given = {member for member in OPTIONAL_MEMBERS if getattr(key, member) is not None}
    needed, allowed = MEMBERS[key.type]
    if not needed <= given <= needed | allowed:
        raise facts.FactError(f"keys.yaml: {path}: a {key.type} has {', '.join(sorted(needed))}"
                              f", and may have {', '.join(sorted(allowed))}: not {', '.join(sorted(given))}")
    if key.type in NUMBERS and key.otherwise and not key.min <= int(key.otherwise) <= key.max:
        raise facts.FactError(f"keys.yaml: {path}: the default is out of the range")
    if key.words and key.otherwise and key.otherwise not in key.words:
        raise facts.FactError(f"keys.yaml: {path}: the default is none of the words")


def read(path):
    """The documents; each key knows its `path` in its document, "http.listeners[].address"."""
    document = facts.read(path, SCHEMA)
    for name, one in document.documents.items():
        one.name = name
        _place(one.keys, "")
    return document


def _place(keys, above):
    for key in keys.values():
        key.path = above + key.name
        _check(key.path, key)
        if key.keys is not None:
            _place(key.keys, key.path + ("[]." if key.type == "list" else "."))


def every_key(keys):
    """All keys, those of a section or list behind it."""
    for key in keys.values():
        yield key
        if key.keys is not None:
            yield from every_key(key.keys)


# --- C -----------------------------------------------------------------------------------------------------------


def _struct_name(key):
    return key.entry or key.name


def _member(key):
    return key.member or key.name


def _structs(document):
    """(name, keys) of each struct, those that others are made of first; a struct that stands there twice once."""
    found = {}

    def visit(name, keys):
        for key in keys.values():
            if key.keys is not None:
                visit(_struct_name(key), key.keys)
        shape = [(key.name, key.type) for key in keys.values()]
        if name in found and [(key.name, key.type) for key in found[name].values()] != shape:
            raise facts.FactError(f"keys.yaml: two different structs are called raw_{name}")
        found.setdefault(name, keys)

    for name, one in document.documents.items():
        visit(name, one.keys)
    return found.items()


def _declare(key):
    member = _member(key)
    if key.type in ("choice", "flag"):
        words = " ".join(key.words or ["false", "true"])
        return f"int {member}; {facts.c_comment(f'0, or 1 + what one of these becomes: {words}')}"
    if key.type == "section":
        return f"struct raw_{_struct_name(key)} *{member};"
    if key.type == "list":
        return f"struct raw_{_struct_name(key)}_list {member};"
    if key.type in LISTS:
        return f"struct raw_texts {member};"
    return f"char *{member};"


def _constant(name, key):
    return f"{name}_{key.name}".upper()


def _maxima(document):
    """(constant, number) of the most entries that each list may have."""
    return [(f"{_constant(name, key)}_MAX", key.entries[1])
            for name, keys in _structs(document) for key in keys.values() if key.entries]


def _default(key):
    """The default as C writes it; None: there is none, or it is in the table of numbers."""
    if key.otherwise is None or key.type in NUMBERS:
        return None
    if key.type == "flag":
        return key.otherwise
    if key.type == "choice":
        return key.words[key.otherwise]
    return "{" + key.otherwise + "}" if key.type == "numbers" else facts.c_string(key.otherwise)


def _own_sections(document):
    """The sections of appbackup.yaml whose numbers are members of a struct of the same name in config/types.h."""
    return [key for key in document.documents["config"].keys.values() if key.type == "section"]


def public_header(document):
    """What config/types.h is made of: the members that are numbers, and the most entries of lists. The defaults."""
    text = "#include <stddef.h>\n#include <stdint.h>\n\n"
    text += "/* The most entries that a list may have. */\nenum {\n"
    text += "".join(f"    {name} = {number},\n" for name, number in _maxima(document)) + "};\n"
    for section in _own_sections(document):
        numbers = [key for key in section.keys.values() if key.type in NUMBERS]
        text += f"\n/* Members of struct config_{section.name}. */\n#define CONFIG_{section.name.upper()}_NUMBERS \\\n"
        text += " \\\n".join(f"    {'size_t' if key.type == 'size' else 'int64_t'} {key.name}; {facts.c_comment(key.help)}"
                             for key in numbers) + "\n"
    text += "\n/* What holds without a key, but for numbers. */\n"
    for name, keys in _structs(document):
        for key in keys.values():
            if _default(key) is not None:
                text += f"#define DEFAULT_{_constant(name, key)} {_default(key)}\n"
    return text


def private_header(document):
    text = '#include "number.h"\n#include "raw.h"\n\n#include <cyaml/cyaml.h>\n\n#include <stdint.h>\n'
    lists = {_struct_name(key) for one in document.documents.values() for key in every_key(one.keys)
             if key.type == "list"}
    for name, keys in _structs(document):
        text += f"\nstruct raw_{name} {{\n" + "".join(f"    {_declare(key)}\n" for key in keys.values()) + "};\n"
        if name in lists:
            text += f"\nstruct raw_{name}_list {{\n    struct raw_{name} *items;\n    uint32_t count;\n}};\n"
    text += "\n/* Each of a pointer to the struct with the name. */\n"
    text += "".join(f"extern const cyaml_schema_value_t raw_{name}_schema;\n" for name in document.documents)
    text += "\n/* All numbers in sections of appbackup.yaml. */\n"
    text += f"enum {{ CONFIG_NUMBER_COUNT = {len(list(_section_numbers(document)))} }};\n\n"
    text += "extern const struct number config_numbers[CONFIG_NUMBER_COUNT];\n\n/* Each of the others. */\n"
    return text + "".join(f"extern const struct number {name};\n" for name, _ in _single_numbers(document))


def _section_numbers(document):
    for section in _own_sections(document):
        for key in section.keys.values():
            if key.type in NUMBERS:
                yield section, key


def _single_numbers(document):
    """(name in C, key) of each number that is not a member of a section of appbackup.yaml."""
    own = [key for _, key in _section_numbers(document)]
    for name, keys in _structs(document):
        for key in keys.values():
            if key.type in NUMBERS + ("numbers",) and not any(key is other for other in own):
                yield f"number_{name}_{key.name}", key


def _range(key):
    start = key.otherwise if key.type in NUMBERS and key.otherwise else "0"
    return f".value = INT64_C({start}), .min = INT64_C({key.min}), .max = INT64_C({key.max})"


def _flags(key, required, optional):
    return required if key.required else optional


def _field(name, key):
    """The row of a key in the schema of its struct."""
    struct, member = f"struct raw_{name}", _member(key)
    start = f'"{key.name}", '
    listed = _flags(key, "CYAML_FLAG_POINTER", "OPTIONAL")
    if key.type in ("text",) + NUMBERS:
        least, most = key.bytes or (1, TEXT_BYTES_MAX)
        most = most if key.type == "text" else "NUMBER_DIGITS_MAX"
        flags = _flags(key, "CYAML_FLAG_POINTER", "CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL")
        return f"CYAML_FIELD_STRING_PTR({start}{flags}, {struct}, {member}, {least}, {most})"
    if key.type in ("choice", "flag"):
        words = f"{name}_{key.name}_words" if key.type == "choice" else "flag_words"
        flags = _flags(key, "CYAML_FLAG_STRICT", "CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL")
        return f"CYAML_FIELD_ENUM({start}{flags}, {struct}, {member}, {words}, CYAML_ARRAY_LEN({words}))"
    if key.type == "section":
        return f"CYAML_FIELD_MAPPING_PTR({start}{listed}, {struct}, {member}, {_struct_name(key)}_fields)"
    entry = f"{_struct_name(key)}_entry" if key.type == "list" else f"{name}_{key.name}_entry"
    least, most = key.entries
    return (f"CYAML_FIELD_SEQUENCE_COUNT({start}{listed}, {struct}, {member}.items, {member}.count, &{entry}, "
            f"{least}, {most})")


def _words(name, words):
    rows = "".join(f'    {{"{word}", 1 + {constant}}},\n' for word, constant in words.items())
    return f"static const cyaml_strval_t {name}[] = {{\n{rows}}};\n\n"


def _parts(name, keys):
    """What the rows of a struct refer to."""
    text = ""
    for key in keys.values():
        if key.type == "choice":
            text += _words(f"{name}_{key.name}_words", key.words)
        if key.type in ("texts", "numbers"):
            least, most = key.bytes or ((0, TEXT_BYTES_MAX) if key.type == "texts" else (1, "NUMBER_DIGITS_MAX"))
            text += (f"static const cyaml_schema_value_t {name}_{key.name}_entry = {{\n"
                     f"    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, {least}, {most}),\n}};\n\n")
    return text


def source(document):
    text = ('#include "config/raw_keys.h"\n\n#include "config/types.h"\n\n#include <stdbool.h>\n#include <stddef.h>\n\n'
            "/* A section or list that may be absent or empty. */\n"
            "#define OPTIONAL (CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL)\n\n")
    text += _words("flag_words", {"false": "false", "true": "true"})
    lists = {_struct_name(key) for one in document.documents.values() for key in every_key(one.keys)
             if key.type == "list"}
    for name, keys in _structs(document):
        text += _parts(name, keys)
        rows = "".join(f"    {_field(name, key)},\n" for key in keys.values())
        text += f"static const cyaml_schema_field_t {name}_fields[] = {{\n{rows}    CYAML_FIELD_END,\n}};\n\n"
        if name in lists:
            text += (f"static const cyaml_schema_value_t {name}_entry = {{\n"
                     f"    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_{name}, {name}_fields),\n}};\n\n")
    for name in document.documents:
        text += (f"const cyaml_schema_value_t raw_{name}_schema = {{\n"
                 f"    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_{name}, {name}_fields),\n}};\n\n")
    text += "const struct number config_numbers[CONFIG_NUMBER_COUNT] = {\n"
    for section, key in _section_numbers(document):
        text += (f'    {{.key = "{key.path}", .section = offsetof(struct raw_config, {section.name}),\n'
                 f"     .raw_offset = offsetof(struct raw_{section.name}, {key.name}),\n"
                 f"     .offset = offsetof(struct config, {section.name}.{key.name}),\n     {_range(key)}}},\n")
    text += "};\n"
    return text + "".join(f"\nconst struct number {name} = {{{_range(key)}}};\n"
                          for name, key in _single_numbers(document))


# --- the manual page ---------------------------------------------------------------------------------------------


def _kind(key):
    """Which values a key takes, in words."""
    if key.type in NUMBERS:
        return f"{key.min}-{key.max}"
    if key.type == "choice":
        return ", ".join(key.words)
    if key.type == "list":
        return f"list of at most {key.entries[1]}"
    if key.type in LISTS:
        return f"list of at most {key.entries[1]}" + (f", each {key.min}-{key.max}" if key.type == "numbers" else "")
    return {"text": "text", "flag": "true or false", "section": "section"}[key.type]


def _roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return re.sub(r"^([.'])", r"\\&\1", text)


def manual(document):
    """The keys of each file as a list of mdoc(7)."""
    text = ""
    for one in document.documents.values():
        text += f".Ss {_roff(one.file)}\n.Bl -tag -width 4n -compact\n"
        shown = set()
        for key in every_key(one.keys):
            path = re.sub(r"^hooks\.\w+\[\]", "hooks.*[]", key.path)
            if path in shown:
                continue
            shown.add(path)
            facts_of_key = [_kind(key)]
            if key.required:
                facts_of_key.append("required")
            if key.otherwise is not None:
                facts_of_key.append(f"default {key.otherwise}")
            text += f".It Li {_roff(path)}\n({_roff('; '.join(facts_of_key))})\n{_roff(key.help)}\n"
        text += ".El\n"
    return text


if __name__ == "__main__":
    facts.main(read, {"config/keys.h": public_header, "config/raw_keys.h": private_header,
                      "config/raw_keys.c": source, "config/keys.roff": manual})
