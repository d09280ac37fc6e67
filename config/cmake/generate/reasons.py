"""src/core/reasons.yaml: what can be said of a failure, a warning or a note."""

import facts

UNSET = "REASON_UNSET"
STATUSES = ("invalid", "not_found", "conflict", "forbidden", "unsupported", "lost", "unavailable")
SCHEMA = facts.record(
    effects=facts.table(facts.record(title=facts.text(), text=facts.text())),
    sections=facts.table(
        facts.table(facts.record(
            effect=facts.name(), means=facts.text(), status=facts.choice(*STATUSES, default=None),
            replies=facts.listing(facts.text(pattern=r"[A-Z]+"), None), problem=facts.integer(1, 999, None),
            readyz=facts.text(None))),
        keys=r"[A-Z][\w ]+"),
)


def read(path):
    document = facts.read(path, SCHEMA)
    codes = [code for section in document.sections.values() for code in section]
    document.reasons = {code: row for section in document.sections.values() for code, row in section.items()}
    if len(codes) != len(document.reasons):
        raise facts.FactError(f"{path}: a code stands in two sections")
    for code, row in document.reasons.items():
        if row.effect not in document.effects:
            raise facts.FactError(f"{path}: {code}: there is no effect '{row.effect}'")
    return document


def constant(code):
    return f"REASON_{code.upper()}"


def header(document):
    comments = {constant(code): row.means for code, row in document.reasons.items()}
    return facts.enum("reason", [UNSET, *comments, "REASON_COUNT"], comments)


def source(document):
    rows = [(UNSET, '""')] + [(constant(code), facts.c_string(code)) for code in document.reasons]
    return f"""#include "core/error.h"

#include <assert.h>

static const char *const codes[REASON_COUNT] = {{
{facts.c_rows(rows)}}};

const char *reason_code(enum reason reason)
{{
    assert((unsigned)reason < REASON_COUNT);
    return codes[reason];
}}
"""


if __name__ == "__main__":
    facts.main(read, {"core/reasons.h": header, "core/reason.c": source})
