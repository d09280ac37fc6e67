"""What stands in the keys of Redis, as src/store/protocol/keys.yaml declares it: whether that goes together, and what
the doctor knows of it."""

import yaml

import facts

COMPUTED = "computed"
NUMBERS = ("number", "count", "time")  # checks of what can be a score
OWNER, ACCOUNT = "owner", "account"  # an argument that is made of a field
SUBJECT_FIELDS = {"account", "app", "bucket", "node", "job", "state", "modified_ms", "state_unready", "state_details"}
MANY = ("hash", "set", "zset")


def _value(node, place):
    """A check, or the words that there are; one of them may be nothing."""
    if isinstance(node, yaml.SequenceNode):
        return facts.listing(facts.text(empty=True))(node, place)
    return facts.name()(node, place)


VALUE = facts.optional(_value, facts.NEEDED)


def _fields(default):
    return facts.table(VALUE, default=default)


def _members(node, place):
    if isinstance(node, yaml.MappingNode):
        return _fields(facts.NEEDED)(node, place)
    return facts.name()(node, place)


BLOCKS = _fields(facts.NEEDED)
MEMBERS = {
    "fields": facts.record(None, always=_fields({}), perhaps=_fields({}), blocks=facts.listing(facts.name(), [])),
    "leads_to": facts.text(None),
    "members": facts.optional(_members, None),
    "scores": facts.name(None),
    "entry": facts.record(None, of=facts.listing(facts.text(), []), member=facts.name(None), value=facts.name(None),
                          when=facts.table(facts.listing(facts.text()), default={}), proves=facts.name(None)),
}


# --- what goes together ---------------------------------------------------------------------------------------------


def _require(is_so, text):
    if not is_so:
        raise facts.FactError(text)


def fields(document, key):
    """(name, check, is it always there) of each field of a record, in their order."""
    parts = [(key.fields.always, True), (key.fields.perhaps, False)]
    parts += [(document.blocks[block], False) for block in key.fields.blocks]
    return [(name, check, always) for part, always in parts for name, check in part.items()]


def records(key):
    """The names of the records that have an entry in this key."""
    return ([key.leads_to] if key.leads_to else []) + (key.entry.of if key.entry else [])


def _require_check(document, check):
    known = isinstance(check, list) or check in document.checks or check in document.states
    _require(known, f"there is no check '{check}'")


def _require_checks(document, checks):
    for check in checks:
        _require_check(document, check)


def _require_fields(document, key):
    for block in key.fields.blocks:
        _require(block in document.blocks, f"there is no block '{block}'")
    declared = fields(document, key)
    names = [name for name, _, _ in declared]
    _require(key.type == "hash" and key.arguments, "only a hash with arguments can be a record")
    _require(names, "the record has no fields")
    _require_checks(document, [check for _, check, _ in declared])
    for name in names:
        _require(names.count(name) == 1, f"the field '{name}' is declared twice")


def _require_entry(document, key, record):
    """An entry can be made of what the record has, always."""
    entry, declared = key.entry, fields(document, record)
    known = {name for name, _, _ in declared} | set(record.arguments)
    scores = {name for name, check, _ in declared if check in NUMBERS} | {COMPUTED}
    always = {name for name, _, is_always in declared if is_always} | set(record.arguments)
    known_parts = always | ({OWNER} if ACCOUNT in always else set())
    for part in key.arguments + ([entry.member] if entry.member else []):
        _require(part in known_parts, f"'{part}' is no field that {record.name} always has")
    for name in [*entry.when, *([entry.proves] if entry.proves else [])]:
        _require(name in known, f"{record.name} has no field '{name}'")
    if key.type == "zset":
        _require(entry.value, "a zset needs to know the value of an entry, which is its score")
        _require(entry.value in scores, f"{record.name} has no field '{entry.value}' that is a number")


def _require_index(document, key):
    entry = key.entry
    _require(entry is not None, "an index needs to know what its entries are")
    _require(not entry.of, "'of' does not go with 'leads_to'")
    record = document.keys.get(key.leads_to)
    _require(record is not None and record.fields, f"'{key.leads_to}' is no key of a record")
    _require((key.type == "hash") == (entry.member is not None), "'member' goes with a hash, and a hash needs it")
    if len(record.arguments) > 1:
        _require(key.type == "hash" and key.arguments + [entry.member] == record.arguments,
                 f"what leads to {record.name} is a hash: {' and '.join(record.arguments)} are its argument and its member")
        _require(entry.value in (None, COMPUTED), "the value in a hash is no field, but may be computed")
    else:
        _require(key.type == "zset" or not entry.value, "'value' goes with a zset")


def _require_members(document, key):
    checks = key.members.values() if isinstance(key.members, dict) else [key.members]
    _require(key.type == "hash" or not isinstance(key.members, dict), "only members of a hash have values")
    _require((key.type == "zset") == (key.scores is not None), "'scores' goes with a zset, and a zset needs it")
    _require_checks(document, [*checks, *([key.scores] if key.scores else [])])
    if key.entry:
        _require(key.type == "set" and key.entry.of and not key.entry.value, "entries 'of' records go with a set")


def _require_one(document, key):
    given = [word for word in ("fields", "leads_to", "members") if getattr(key, word)]
    if key.type not in MANY:
        _require(not given and not key.entry and not key.scores, f"nothing is declared of what is in a {key.type}")
        return
    _require(len(given) == 1, f"a {key.type} needs one of fields, leads_to and members")
    _require(not key.scores or key.members, "'scores' goes with members")
    if key.fields:
        _require(not key.entry, "'entry' goes with leads_to or members")
        _require_fields(document, key)
        return
    {"leads_to": _require_index, "members": _require_members}[given[0]](document, key)
    for name in records(key):
        _require(name in document.keys and document.keys[name].fields, f"'{name}' is no key of a record")
        _require_entry(document, key, document.keys[name])


def _require_in(name, require_it, document, row):
    try:
        require_it(document, row)
    except facts.FactError as error:
        raise facts.FactError(f"{name}: {error}") from error


def _require_subject(document, name):
    """The doctor reads a subject by its name, and judges it by its job."""
    key = document.keys.get(name)
    _require(key is not None and key.fields and len(key.arguments) == 1, "a subject needs a key with its id and fields")
    missing = SUBJECT_FIELDS - {field for field, _, _ in fields(document, key)}
    _require(not missing, f"a subject needs the fields {', '.join(sorted(missing))}")


def require(document, subjects):
    """subjects: of src/model/states.yaml; <subject>_state is a check, too."""
    document.states = {f"{name}_state": list(subject.states) for name, subject in subjects.items()}
    for name, argument in document.arguments.items():
        _require_in(name, _require_checks, document, [argument.value])
    for name, block in document.blocks.items():
        _require_in(name, _require_checks, document, block.values())
    for name, key in document.keys.items():
        _require_in(name, _require_one, document, key)
    for name in subjects:
        _require_in(name, _require_subject, document, name)


# --- Lua ------------------------------------------------------------------------------------------------------------


def _check(document, check):
    words = check if isinstance(check, list) else document.states.get(check)
    return {word: True for word in words} if words else check


def _record_row(document, key):
    declared = fields(document, key)
    row = {"fields": [{"name": name, "is": _check(document, check), **({"needed": True} if always else {})}
                      for name, check, always in declared]}
    names = [name for name, _, _ in declared]
    told = [argument not in names and argument for argument in key.arguments]
    if any(told):
        row["told"] = told
    entries = [other.name for other in document.keys.values() if key.name in records(other)]
    if entries:
        row["entries"] = entries
    return row


def _entry_row(document, key):
    row = {"parts": key.arguments, "member": key.entry.member, "value": key.entry.value, "proves": key.entry.proves,
           "when": {field: _check(document, words) for field, words in key.entry.when.items()}}
    return {name: value for name, value in row.items() if value}


def _row(document, key):
    row = {"type": key.type}
    if key.arguments:
        row["arguments"] = [_check(document, document.arguments[argument].value) for argument in key.arguments]
    if key.fields:
        row.update(_record_row(document, key))
    for word in ("leads_to", "scores"):
        if getattr(key, word):
            row[word] = getattr(key, word)
    if key.members:
        row["members"] = ({name: _check(document, check) for name, check in key.members.items()}
                          if isinstance(key.members, dict) else key.members)
    return {**row, **(_entry_row(document, key) if key.entry else {})}


def lua(document):
    """Keys.all: what there is to know of each key, by its name."""
    return f"\nKeys.all = {facts.lua({key.name: _row(document, key) for key in document.keys.values()})}\n"
