"""src/core/reasons.yaml: what the API makes of a reason: a problem, or a sentence of GET /readyz."""

import facts
import reasons


def header(document):
    problems = [row for row in document.reasons.values() if row.problem]
    faults = [row for row in document.reasons.values() if row.readyz]
    return f"""#include "core/error.h"

struct api_problem_reason {{
    enum reason reason;
    int number; /* an enum problem_number */
}};

struct api_fault {{
    enum reason reason;
    const char *text;
}};

enum {{ API_PROBLEM_REASONS = {len(problems)}, API_FAULTS = {len(faults)} }};

extern const struct api_problem_reason api_problem_reasons[API_PROBLEM_REASONS];
extern const struct api_fault api_faults[API_FAULTS];
"""


def source(document):
    items = document.reasons.items()
    problems = [("", f"{{{reasons.constant(code)}, {row.problem}}}") for code, row in items if row.problem]
    faults = [("", f"{{{reasons.constant(code)}, {facts.c_string(row.readyz)}}}") for code, row in items if row.readyz]
    return f"""#include "api/reasons.h"

const struct api_problem_reason api_problem_reasons[API_PROBLEM_REASONS] = {{
{facts.c_rows(problems)}}};

const struct api_fault api_faults[API_FAULTS] = {{
{facts.c_rows(faults)}}};
"""


if __name__ == "__main__":
    facts.main(reasons.read, {"api/reasons.h": header, "api/reasons.c": source})
