"""src/model/states.yaml: the states of backups, tasks and jobs, and what leads from one to another."""

import facts

NONE, GONE = "none", "gone"  # before the first record, and after the last
SCHEMA = facts.record(
    subjects=facts.table(facts.record(
        enum_of=facts.name(None),
        begin=facts.table(facts.name()),
        states=facts.table(facts.table(facts.name())),
        ended=facts.listing(facts.name()),
    )),
    jobs=facts.table(facts.choice("queue", "delayed", "leases", "quarantine", "nowhere")),
    words=facts.table(facts.listing(facts.name())),
)


def read(path):
    document = facts.read(path, SCHEMA)
    for subject in document.subjects.values():
        named = set(subject.ended) | set(subject.begin.values())
        named |= {to for events in subject.states.values() for to in events.values()} - {GONE}
        _require(subject.name, named, subject.states)
        if subject.enum_of:
            _require("subjects", {subject.enum_of}, document.subjects)
            _require(subject.name, subject.states, document.subjects[subject.enum_of].states)
    return document


def _require(where, names, known):
    for name in names:
        if name not in known:
            raise facts.FactError(f"states.yaml: {where}: '{name}' is not declared")


def transitions(subject):
    """state -> {event -> next state}, with `none` for what there is before the first record."""
    return {NONE: subject.begin, **subject.states}


def _enum(tag, prefix, words):
    """(tag, names of the constants, their texts, name of their count)"""
    unset, count = f"{tag.upper()}_UNSET", f"{tag.upper()}_COUNT"
    return tag, [unset, *(f"{prefix}_{word.upper()}" for word in words)], ["", *words], count


def _enums(document):
    for subject in document.subjects.values():
        if not subject.enum_of:
            yield _enum(f"{subject.name}_state", subject.name.upper(), subject.states)
    for tag, words in document.words.items():
        yield _enum(tag, tag.upper(), words)


def header(document):
    return "\n".join(
        facts.enum(tag, [*constants, count]) + f"\nextern const char *const {tag}_names[{count}];\n"
        for tag, constants, _, count in _enums(document))


def source(document):
    return '#include "model/states.h"\n' + "".join(
        f"\nconst char *const {tag}_names[{count}] = {{\n"
        + facts.c_rows(zip(constants, map(facts.c_string, texts))) + "};\n"
        for tag, constants, texts, count in _enums(document))


if __name__ == "__main__":
    facts.main(read, {"model/states.h": header, "model/states.c": source})
