"""Reads src/store/protocol/functions.yaml. The head of that file says what the words in it mean; here limits, words and
groups get into their places, and what does not go together is refused."""

import re
import shlex
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


def is_left_out(argument):
    """Not said at all where a caller has nothing to say."""
    return argument.optional == "" and not argument.empty and argument.kind in TEXTS


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


def row(function):
    """Its line in the tables of docs/redis.md."""
    call = f"FCALL_RO appbackup_{function.name} 0 " if function.reads and function.library == "core" else ""
    return f"| `appbackup_{function.name}` | {function.help} | `{(call + function.by_hand).strip()}`{function.hint} |"
