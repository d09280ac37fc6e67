"""src/core/reasons.yaml: error replies of Redis, and the reasons that they stand for."""

import facts
import reasons


def rows(document):
    """(first word of the reply, status, code of the reason)"""
    return [(word, row.status, code) for code, row in document.reasons.items() if row.status
            for word in row.replies or [code.upper()]]


def header(document):
    return f"""#include "core/error.h"

struct store_refusal {{
    const char *word; /* the first one of the error reply */
    enum status status;
    enum reason reason;
}};

enum {{ STORE_REFUSALS = {len(rows(document))} }};

extern const struct store_refusal store_refusals[STORE_REFUSALS];
"""


def source(document):
    lines = [("", f"{{{facts.c_string(word)}, STATUS_{status.upper()}, {reasons.constant(code)}}}")
             for word, status, code in rows(document)]
    return f"""#include "store/refusals.h"

const struct store_refusal store_refusals[STORE_REFUSALS] = {{
{facts.c_rows(lines)}}};
"""


if __name__ == "__main__":
    facts.main(reasons.read, {"store/refusals.h": header, "store/refusals.c": source})
