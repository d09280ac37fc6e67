"""What is made of the table of functions for C: store/functions, store/records and store/blocking, .h and .c."""

import re
import textwrap

import facts
from functions_table import TEXTS, is_left_out, leaves


def called(document):
    return [function for function in document.functions.values() if function.callers]


def blocking(document):
    return [function for function in called(document) if "worker" in function.callers
            and function.reply.split(" ")[0] not in ("records", "lines", "text") and "borrowed" not in function.reply]


def is_fallible(arguments):
    return any(argument.pairs or is_fallible(argument.members or []) or argument.kind in ("json", "list")
               for argument in arguments)


def c_type(argument):
    if argument.kind == "group":
        return argument.type + " "
    if argument.kind == "word" and argument.words.c != "text":
        return f"enum {argument.words.c or 'store_' + argument.words.name} "
    return {"integer": "int64_t ", "flag": "bool ", "json": "const json_t *", "list": "const json_t *",
            "bytes": "const struct store_bytes *"}.get(argument.kind, "const char *")


def parameters(function):
    for argument in function.arguments:
        if argument.always:
            continue
        pointer = f"const {argument.type} *" if argument.kind == "group" else c_type(argument)
        yield f"{pointer}{argument.name}"


def names(function):
    return [argument.name for argument in function.arguments if not argument.always]


def comment(text):
    """A comment of C, in lines of at most 100 columns; a link is what it says."""
    lines, line = [], "/*"
    for word in re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text).replace("*/", "* /").split():
        if len(line) + len(word) > 96:
            lines.append(line)
            line = " *"
        line += " " + word
    return "\n".join(lines + [line + " */"])


def struct(group):
    lines = [f"{group.type} {{"]
    for argument in group.members:
        notes = [argument.means] if argument.kind != "group" and argument.means else []
        if group.pairs:
            notes.append({"integer": "-1", "word": "unset"}.get(argument.kind, "NULL") + ": not changed")
        elif argument.kind in ("json", "list"):
            notes.append("NULL: an empty array")
        elif argument.kind in TEXTS and argument.empty and not argument.means:
            notes.append("NULL: none")
        behind = "; ".join(notes)
        lines.append(f"    {c_type(argument)}{argument.name};" + (f" {facts.c_comment(behind)}" if behind else ""))
    lines.append("};")
    if group.pairs:
        unset = ", ".join(f".{argument.name} = -1" for argument in group.members if argument.kind == "integer")
        name = group.type.split()[1].upper() + "_NONE"
        lines += ["", "/* Nothing changes. */", f"#define {name} (({group.type}){{{unset}}})"]
    return "\n".join(lines) + "\n"


def groups(arguments):
    """Each that has a struct of its own here; what another one holds comes first."""
    for argument in arguments:
        if argument.kind == "group":
            yield from groups(argument.members)
            if argument.is_made:
                yield argument


def all_groups(document, functions):
    return {group.type: group for function in functions for group in groups(function.arguments)}.values()


def made_words(document):
    return [words for words in document.words.values() if not words.c]


def word_enum(words):
    constants = {f"STORE_{words.name}_{word}".upper(): meaning for word, meaning in words.are.items()}
    return facts.enum(f"store_{words.name}", list(constants), {key: text for key, text in constants.items() if text})


def reply_words(document):
    shapes = {function.reply for function in document.functions.values()}
    return [words for words in made_words(document) if f"word {words.name}" in shapes]


def argument_words(document):
    used = [part.words.name for function in called(document) for argument in leaves(function.arguments)
            for part in (argument.members or [argument]) if part.kind == "word"]
    return [words for words in made_words(document) if words.name in used]


def signature(name, given):
    """The head of a function, in lines of at most 100 columns."""
    whole = [parameter.replace(" ", "\0") for parameter in given]  # no line ends inside of one
    text = textwrap.fill(f"{name}({', '.join(whole)})", 100, subsequent_indent="    ", break_long_words=False)
    return text.replace("\0", " ")


def builder(function):
    kind = "enum status" if is_fallible(function.arguments) else "void"
    ending = ["struct error *err"] if kind != "void" else []
    given = ["struct store_call *call", *parameters(function), *ending]
    return signature(f"{kind} store_call_{function.name}", given)


def includes(paths):
    return "".join(f'#include "{path}"\n' for path in sorted(set(paths)))


FUNCTIONS_CONTRACT = """/*
 * Functions: a builder of calls for each function of the library that a program calls.
 *
 * Calls     A builder fills the struct store_call, whatever was in it; store/store.h and store/async.h
 *           send it. What the function does stands over its builder, and what its reply is; store/replies.h
 *           reads that.
 * Values    A text that may be NULL is "any", "none" or "as it is" then.
 * Limits    They are checked by the library: INVALID, reason "invalid_argument".
 * Claims    A worker's write carries the epoch of its claim; a stale one is refused: LOST, "lease_lost".
 * Errors    NO_MEMORY, of those builders that make JSON text.
 * Ownership Arguments are borrowed until the call has been sent; store_call_done() gives back the rest.
 */
"""

BLOCKING_CONTRACT = """/*
 * Blocking calls: each call of a worker as one function, which sends it over the connection of
 * store/store.h, waits for the reply and reads it. What they do stands in store/functions.h.
 *
 * Errors    as store/store.h; LOST: the claim is another's.
 * Ownership as store/replies.h has it of what is read.
 */
"""

RECORDS_CONTRACT = """/*
 * Records: replies that are whole records, as include/model has them.
 *
 * Errors    An error reply becomes err, as store/store.h has it; a reply of another shape is CORRUPT.
 */
"""


def functions_h(document):
    functions = called(document)
    foreign = {group.type for function in functions for group in function.arguments
               if group.kind == "group" and not group.is_made} | {
        "struct store_bytes" for function in functions for argument in function.arguments if argument.kind == "bytes"}
    headers = {"core/error.h", "store/call.h"} | {words.header for words in document.words.values() if words.header}
    limits = "".join(f"    STORE_{name}_MAX = {value},\n".upper() for name, value in document.limits.items()
                     if value < 2 ** 31)
    parts = [FUNCTIONS_CONTRACT, includes(headers),
             "#include <jansson.h>\n", "#include <stdbool.h>\n#include <stdint.h>\n",
             f"/* Limits of the library, in bytes or as the names say. */\nenum {{\n{limits}}};\n",
             "".join(f"{type_};\n" for type_ in sorted(foreign))]
    parts += [word_enum(words) for words in made_words(document)]
    parts += [struct(group) for group in all_groups(document, functions)]
    for function in functions:
        reply = function.reply if function.reply != "lines" else "a list of texts"
        said = ". ".join(text[0].upper() + text[1:].rstrip(".") for text in (function.help, function.note) if text)
        what = f"{said}. Reply: {reply}."
        checked = " MUST_CHECK" if is_fallible(function.arguments) else ""
        parts.append(f"{comment(what)}\n{builder(function)}{checked};\n")
    for words in reply_words(document):
        parts.append(f"enum status store_reply_{words.name}(const redisReply *reply, enum store_{words.name} "
                     f"*ret_{words.name},\n    struct error *err) MUST_CHECK;\n")
    return "\n".join(part for part in parts if part)


def spelling(argument, value):
    """What makes text of a value."""
    if argument.spelt:
        return f"{argument.spelt}({value})"
    if argument.kind == "word" and argument.words.c != "text":
        return f"{argument.words.c or argument.words.name}_name({value})"
    if argument.optional and argument.kind in TEXTS:
        return f"{value} != NULL ? {value} : {facts.c_string(argument.optional)}"
    return value


def additions(argument, value, indent="    "):
    """The lines that put an argument into a call."""
    if argument.always:
        return [f"{indent}call_add_text(call, {facts.c_string(argument.always)});"]
    if argument.kind == "group" and argument.pairs:
        given = value[:-2] if value.endswith("->") else f"&{value[:-1]}"
        return [f"{indent}if (add_{argument.group}(call, {given}, err) != STATUS_OK)",
                f"{indent}    return error_status(err);"]
    if argument.kind == "group":
        return [line for member in argument.members for line in additions(member, inside(value, member), indent)]
    if argument.kind in ("json", "list"):
        return [f"{indent}if (call_add_json(call, {value}, err) != STATUS_OK)", f"{indent}    return error_status(err);"]
    if argument.kind == "bytes":
        at = value + ("->" if value == argument.name else ".")  # a parameter of its own, or a member
        return [f"{indent}call_add_bytes(call, {at}bytes, {at}len);"]
    if argument.kind in ("integer", "flag"):
        return [f"{indent}call_add_{'number' if argument.kind == 'integer' else 'flag'}(call, {value});"]
    lines = [f"{indent}call_add_text(call, {spelling(argument, value)});"]
    return [f"{indent}if ({value} != NULL)", "    " + lines[0]] if is_left_out(argument) else lines


def inside(value, member):
    """A member of a group's value, which ends in "->" or "."."""
    if member.path.startswith("="):
        return member.path[1:].strip()
    return f"{value}{member.path}" + ("." if member.kind == "group" else "")


def pair_adder(group):
    lines = [f"static enum status add_{group.group}(struct store_call *call, const {group.type} *{group.group},",
             "    struct error *err)", "{", f"    if ({group.group} == NULL)", "        return STATUS_OK;"]
    for member in group.members:
        value = f"{group.group}->{member.path}"
        field = facts.c_string(member.name)
        if member.kind in ("json", "list"):
            lines += [f"    if (call_add_json_field(call, {field}, {value}, err) != STATUS_OK)",
                      "        return error_status(err);"]
        elif member.kind == "integer":
            lines.append(f"    call_add_number_field(call, {field}, {value});")
        else:
            lines.append(f"    call_add_text_field(call, {field}, {spelling(member, value)});")
    return "\n".join(lines + ["    return STATUS_OK;", "}", ""])


def word_names(words):
    rows = [(f"STORE_{words.name}_{word}".upper(), facts.c_string(word)) for word in words.are]
    return f"static const char *const {words.name}_names[] = {{\n{facts.c_rows(rows)}}};\n"


def word_name(words):
    return f"""/* "" for what is none: the library refuses it. */
static const char *{words.name}_name(enum store_{words.name} {words.name})
{{
    return (size_t){words.name} < sizeof({words.name}_names) / sizeof({words.name}_names[0])
               ? {words.name}_names[{words.name}]
               : "";
}}
"""


def word_reader(words):
    return f"""enum status store_reply_{words.name}(const redisReply *reply, enum store_{words.name} *ret_{words.name},
    struct error *err)
{{
    size_t found = 0;
    const size_t count = sizeof({words.name}_names) / sizeof({words.name}_names[0]);
    if (reply_word(reply, {words.name}_names, count, &found, err) != STATUS_OK)
        return error_status(err);
    *ret_{words.name} = (enum store_{words.name})found;
    return STATUS_OK;
}}
"""


def functions_c(document):
    functions = called(document)
    foreign = {group.header for function in functions for group in function.arguments if group.kind == "group"}
    parts = [includes(["protocol/arguments.h", "protocol/shapes.h", "store/functions.h", *filter(None, foreign)])]
    parts += [word_names(words) for words in made_words(document)]
    parts += [word_name(words) for words in argument_words(document)]
    parts += [pair_adder(group) for group in all_groups(document, functions) if group.pairs]
    for function in functions:
        command = "FCALL_RO" if function.reads else "FCALL"
        lines = [builder(function), "{", f'    call_begin(call, "{command}", "appbackup_{function.name}");']
        if function.repeats:
            lines.append("    call->may_merge = true;")
        for argument in function.arguments:
            lines += additions(argument, argument.name + ("->" if argument.kind == "group" else ""))
        if is_fallible(function.arguments):
            lines.append("    return STATUS_OK;")
        parts.append("\n".join(lines + ["}", ""]))
    parts += [word_reader(words) for words in reply_words(document)]
    return "\n".join(parts)


# A reply: the function that reads it, the parameters for what is read, and their names.
def reply_of(function):
    shape = function.reply.replace(",", "").split(" ")
    if shape[0] == "nothing":
        return "store_reply_nothing", [], []
    if shape[0] == "number":
        return "store_reply_number", ["int64_t *ret_number"], ["ret_number"]
    name = shape[1]
    type_ = {"word": f"enum store_{name}", "record": f"struct {name}", "own": f"struct store_{name}"}[shape[0]]
    reader, given, said = f"store_reply_{name}", [f"{type_} *ret_{name}"], [f"ret_{name}"]
    if "none" in shape:
        return reader + "_or_none", given + ["bool *ret_found"], said + ["ret_found"]
    return reader, given, said


def blocking_head(function):
    given = ["struct store *store", *parameters(function), *reply_of(function)[1], "struct error *err"]
    return signature(f"enum status store_{function.name}", given)


def blocking_h(document):
    heads = "".join(f"{blocking_head(function)} MUST_CHECK;\n" for function in blocking(document))
    headers = includes(["store/functions.h", "store/replies.h", "store/store.h"])
    return f"{BLOCKING_CONTRACT}\n{headers}\n{heads}"


def blocking_c(document):
    parts = ['#include "store/blocking.h"\n']
    for function in blocking(document):
        reader, _, said = reply_of(function)
        given = ["&call", *names(function)]
        sent = "store_run(store, &call, &reply, err) != STATUS_OK"
        lines = [blocking_head(function), "{", "    CLEANUP(store_call_done) struct store_call call = {0};",
                 "    CLEANUP(reply_freep) redisReply *reply = NULL;"]
        if is_fallible(function.arguments):
            lines += [f"    if (store_call_{function.name}({', '.join(given + ['err'])}) != STATUS_OK ||",
                      f"        {sent})"]
        else:
            lines += [f"    store_call_{function.name}({', '.join(given)});", f"    if ({sent})"]
        lines += ["        return error_status(err);", f"    return {reader}({', '.join(['reply', *said, 'err'])});", "}", ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def has_none(document, record):
    return any(function.reply == f"record {record.name} or none" for function in document.functions.values())


def record_head(record, end=""):
    given = ["const redisReply *reply", f"struct {record.name} *ret_{record.name}"] + ["bool *ret_found"] * bool(end)
    return signature(f"enum status store_reply_{record.name}{end}", given + ["struct error *err"])


def records_h(document):
    parts = [RECORDS_CONTRACT, includes(["core/error.h"] + [f"model/{name}.h" for name in document.records]),
             "#include <hiredis/hiredis.h>\n\n#include <stdbool.h>\n"]
    for record in document.records.values():
        owns = f"/* The caller owns what it holds: {record.name}_done(). */\n" if record.owns else ""
        parts.append(f"{owns}{record_head(record)} MUST_CHECK;\n")
        if has_none(document, record):
            parts.append(f"{record_head(record, '_or_none')} MUST_CHECK; /* *ret_found false: there is none */\n")
    return "\n".join(parts)


def record_reader(record):
    name = record.name
    start = f"if ({name}_init(&{name}, err) != STATUS_OK ||\n        " if record.init else "if ("
    hold = f"CLEANUP({name}_done) " if record.owns else ""
    release = f"    {name} = (struct {name}){{0}};\n" if record.owns else ""
    article = "an" if name[0] in "aeiou" else "a"
    return f"""static enum status set_{name}(void *record, const char *field, const char *value, struct error *err)
{{
    return {name}_set_field(record, field, value, err);
}}

{record_head(record)}
{{
    {hold}struct {name} {name} = {{0}};
    {start}reply_record(reply, set_{name}, &{name}, err) != STATUS_OK ||
        reply_require({name}.{record.identity}, "{article} {name}", err) != STATUS_OK)
        return error_status(err);
    *ret_{name} = {name};
{release}    return STATUS_OK;
}}
"""


def records_c(document):
    parts = ['#include "protocol/shapes.h"\n#include "store/records.h"\n\n#include "core/cleanup.h"\n']
    for record in document.records.values():
        parts.append(record_reader(record))
        if has_none(document, record):
            parts.append(f"""{record_head(record, "_or_none")}
{{
    bool is_none = reply != NULL && reply->type == REDIS_REPLY_NIL;
    if (!is_none && store_reply_{record.name}(reply, ret_{record.name}, err) != STATUS_OK)
        return error_status(err);
    *ret_found = !is_none;
    return STATUS_OK;
}}
""")
    return "\n".join(parts)
