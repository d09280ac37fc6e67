"""src/store/protocol/functions.yaml: the functions of the Redis library, what each takes and what it answers.

The head of that file says what the words in it mean. Made of it are
  store/functions.h  .c  a builder for each call of a program, structs of arguments that go together, words of replies
  store/records.h    .c  the readers of records
  store/blocking.h   .c  each call of a worker as one function: sent, waited for and read
  store/arguments.lua    the reader of each function's arguments, in the library
"""

import re
import shlex
import textwrap
import types

import facts
import job_kinds
import states

KINDS_FACTS, STATES_FACTS = (f"{facts.ROOT}/src/model/{name}.yaml" for name in ("job_kinds", "states"))
TEXTS = ("id", "digest", "name", "line", "sentence", "text")
KINDS = TEXTS + ("integer", "flag", "word", "json", "list", "bytes")
LIMITED = ("name", "line", "text", "json", "list", "bytes")
PROGRAMS = ("api", "worker", "ctl")
REPLY = r"nothing|text|number|lines|(word|records) \w+|record \w+( or none)?|own \w+(, borrowed)?"
ARGUMENTS_MAX, NUMBERS_MAX, OWNED_MAX = 64, 16, 4  # as include/store/call.h has them


# --- reading -------------------------------------------------------------------------------------------------------


def late(name, default=facts.NEEDED):
    """A schema that stands further down."""
    def check(node, place):
        return globals()[name](node, place)
    check.default = default
    return check


def as_it_stands(default):
    def check(node, place):
        return node.value
    check.default = default
    return check


ARGUMENT = facts.record(**{
    "is": facts.choice(*KINDS, default=None), "max": facts.text(None),
    "from": facts.integer(-2, 2 ** 53, default=None), "to": facts.text(None), "words": facts.name(None),
    "empty": facts.flag(False), "optional": as_it_stands(None), "always": facts.text(None), "label": facts.text(None),
    "means": facts.text(None), "c": facts.text(None), "spelt": facts.name(None),
    "group": facts.name(None), "struct": facts.name(None), "of": facts.text(None), "header": facts.text(None),
    "members": late("MEMBERS", None)})
MEMBERS = facts.table(ARGUMENT)
GROUP = facts.record(struct=facts.name(None), of=facts.text(None), header=facts.text(None), pairs=facts.flag(False),
                     arguments=MEMBERS)
WORDS = facts.record(c=facts.name(None), header=facts.text(None), are=late("ARE", None), states_of=facts.name(None),
                     kinds_of=facts.name(None), as_declared=facts.flag(False))
RECORD = facts.record(owns=facts.flag(False), init=facts.flag(False), identity=facts.name("id"))
FUNCTION = facts.record(
    does=facts.choice("reads", "writes"), library=facts.choice("core", "doctor", default="core"),
    callers=facts.listing(facts.choice(*PROGRAMS), default=[]), arguments=facts.table(ARGUMENT, default={}),
    repeats=facts.record(None, most=facts.integer(2, 1000), noun=facts.name()),
    reply=facts.text(pattern=REPLY),
    help=facts.text(), note=facts.text(None), by_hand=facts.text(""), hint=as_it_stands(""))
SCHEMA = facts.record(
    limits=facts.table(facts.integer(1, 2 ** 53)), words=facts.table(WORDS), records=facts.table(RECORD),
    groups=facts.table(GROUP), functions=facts.table(FUNCTION))


def ARE(node, place):
    """The words alone, or each with what it means."""
    if hasattr(node, "value") and node.value and isinstance(node.value[0], tuple):
        return facts.table(facts.text())(node, place)
    return {word: None for word in facts.listing(facts.name())(node, place)}


def declared_words(words, declared, kinds):
    """Those that are declared elsewhere: the states of a subject, the kinds of jobs that work on it, or other words."""
    where, subject = f"words.{words.name}:", words.states_of or words.kinds_of
    need([words.are, words.states_of, words.kinds_of, words.as_declared or None].count(None) == 3, where,
         "it needs one of 'are', 'states_of', 'kinds_of' and 'as_declared'")
    need(subject is None or subject in declared.subjects, where, f"there is no subject '{subject}'")
    need(not words.as_declared or words.name in declared.words, where, "states.yaml has no such words")
    if words.states_of:
        words.are = dict.fromkeys(declared.subjects[subject].states)
    elif words.kinds_of:
        words.are = {kind.name: None for kind in kinds.values() if kind.subject == subject}
    elif words.as_declared:
        words.are = dict.fromkeys(declared.words[words.name])


def need(condition, *texts):
    if not condition:
        raise facts.FactError("functions.yaml: " + " ".join(texts))


class Reader:
    """Puts limits, words and groups in their places."""

    def __init__(self, document):
        self.document = document

    def limit(self, value, where):
        if value is None or value.isdigit():
            return value if value is None else int(value)
        need(value in self.document.limits, where, f"there is no limit '{value}'")
        return self.document.limits[value]

    def argument(self, name, raw, where):
        where = f"{where}.{name}:"
        if raw.group:
            need(raw.group in self.document.groups, where, f"there is no group '{raw.group}'")
            group = self.document.groups[raw.group]
            return self.group(name, raw.group, group.struct, group.of, group.header, group.arguments,
                              group.pairs, where)
        if raw.members:
            return self.group(name, raw.struct or name, raw.struct, raw.of, raw.header, raw.members, False, where)
        kind = getattr(raw, "is")
        need(kind, where, "it says neither 'is' nor 'group' nor 'members'")
        need((kind in LIMITED) == (raw.max is not None), where, "'max' goes with", ", ".join(LIMITED))
        need((kind == "integer") == (raw.to is not None), where, "'from' and 'to' go with integer")
        need((kind == "word") == (raw.words is not None), where, "'words' go with word")
        need(not raw.words or raw.words in self.document.words, where, f"there are no words '{raw.words}'")
        need(not raw.empty or kind in ("id", "name", "line", "text"), where, f"'empty' does not go with {kind}")
        return types.SimpleNamespace(
            name=name, kind=kind, max=self.limit(raw.max, where),
            low=getattr(raw, "from"), high=self.limit(raw.to, where),
            words=self.document.words.get(raw.words), empty=raw.empty or kind in ("sentence", "json", "list", "bytes"),
            optional=raw.optional, always=raw.always, label=raw.label or name, means=raw.means,
            path=raw.c or name, spelt=raw.spelt,
            members=None, pairs=False)

    def group(self, name, of, struct, type_, header, members, pairs, where):
        need(bool(struct) != bool(type_), where, "a group has either 'struct' or 'of'")
        need(bool(type_) == bool(header), where, "'header' goes with 'of'")
        return types.SimpleNamespace(
            name=name, kind="group", group=of, pairs=pairs, is_made=struct is not None, path=name, always=None,
            optional=None, type=f"struct store_{struct}" if struct else type_, header=header,
            members=[self.argument(key, raw, where) for key, raw in members.items()])


def leaves(arguments):
    """All arguments as they follow one another; one that brings its name along is not taken apart."""
    for argument in arguments:
        if argument.members and not argument.pairs:
            yield from leaves(argument.members)
        else:
            yield argument


def check(function):
    flat = list(leaves(function.arguments))
    names = [argument.name for argument in flat]
    where = f"functions.{function.name}:"
    need(len(names) == len(set(names)), where, "two arguments have the same name")
    need(len(flat) + 3 <= ARGUMENTS_MAX, where, f"more than {ARGUMENTS_MAX} arguments")
    last = [argument.optional is not None or argument.kind == "group" for argument in flat]
    need(last == sorted(last), where, "behind an optional argument all are optional")
    need(not any(argument.kind == "group" for argument in flat[:-1]), where, "pairs stand last")
    everything = [part for argument in flat for part in (argument.members or [argument])]
    need(sum(part.kind == "integer" for part in everything) <= NUMBERS_MAX, where, f"more than {NUMBERS_MAX} numbers")
    need(sum(part.kind in ("json", "list") for part in everything) <= OWNED_MAX, where,
         f"more than {OWNED_MAX} JSON texts")
    for argument in flat[:-1]:
        need(not is_left_out(argument), where, f"{argument.name}: what may be left out and not be empty stands last")
    check_by_hand(function, flat, where)


def check_by_hand(function, flat, where):
    """As many words as there are arguments, those in brackets being optional ones."""
    if not function.by_hand and all(argument.optional is not None for argument in flat):
        return
    words = shlex.split(re.sub(r"\[FIELD VALUE\]|\.\.\.|[\[\]]", "", function.by_hand))
    least = sum(argument.optional is None and not argument.pairs for argument in flat)
    need(least <= len(words) <= len(flat), where,
         f"by_hand has {len(words)} words, the function {least} to {len(flat)}")


def read(path, kinds_path=KINDS_FACTS, states_path=STATES_FACTS):
    document = facts.read(path, SCHEMA)
    declared, kinds = states.read(states_path), job_kinds.read(kinds_path, states_path)
    for words in document.words.values():
        declared_words(words, declared, kinds)
    reader = Reader(document)
    for function in document.functions.values():
        function.arguments = [reader.argument(name, raw, f"functions.{function.name}")
                              for name, raw in function.arguments.items()]
        function.reads = function.does == "reads"
        check(function)
        shape = function.reply.split(" ")
        if shape[0] == "word":
            need(shape[1] in document.words, function.name, f"there are no words '{shape[1]}'")
    return document


# --- what is made for C --------------------------------------------------------------------------------------------


def called(document):
    return [function for function in document.functions.values() if function.callers]


def blocking(document):
    return [function for function in called(document) if "worker" in function.callers
            and function.reply.split(" ")[0] not in ("records", "lines", "text") and "borrowed" not in function.reply]


def is_left_out(argument):
    """Not said at all where a caller has nothing to say."""
    return argument.optional == "" and not argument.empty and argument.kind in TEXTS


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
                f"{indent}    return err->status;"]
    if argument.kind == "group":
        return [line for member in argument.members for line in additions(member, inside(value, member), indent)]
    if argument.kind in ("json", "list"):
        return [f"{indent}if (call_add_json(call, {value}, err) != STATUS_OK)", f"{indent}    return err->status;"]
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
                      "        return err->status;"]
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
        return err->status;
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
        lines += ["        return err->status;", f"    return {reader}({', '.join(['reply', *said, 'err'])});", "}", ""]
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
        return err->status;
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
        return err->status;
    *ret_found = !is_none;
    return STATUS_OK;
}}
""")
    return "\n".join(parts)


# --- what is made for the library ----------------------------------------------------------------------------------


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


# --- what the documents say ----------------------------------------------------------------------------------------


def row(function):
    """Its line in the tables of docs/redis.md."""
    call = f"FCALL_RO appbackup_{function.name} 0 " if function.reads and function.library == "core" else ""
    return f"| `appbackup_{function.name}` | {function.help} | `{(call + function.by_hand).strip()}`{function.hint} |"


if __name__ == "__main__":
    facts.main(read, {
        "store/functions.h": functions_h, "store/functions.c": functions_c, "store/records.h": records_h,
        "store/records.c": records_c, "store/blocking.h": blocking_h, "store/blocking.c": blocking_c,
        "store/arguments.lua": arguments_lua})
