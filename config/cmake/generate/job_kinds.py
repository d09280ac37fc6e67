"""src/model/job_kinds.yaml, with src/model/states.yaml: what a worker can be asked to do."""

import facts
import states

OUTCOMES = ("completed", "failed", "canceled", "retry", "released")
USUAL = {"completed": "complete", "failed": "fail", "canceled": "cancel", "retry": "requeue", "released": "requeue"}
SCHEMA = facts.table(facts.record(
    priority=facts.integer(1, 99),
    subject=facts.name(),
    title=facts.text(),
    means=facts.text(),
    outcomes=facts.record(None, **{outcome: facts.name() for outcome in OUTCOMES}),
    holds_app=facts.flag(False),
    needs_app=facts.flag(False),
    writes_bucket=facts.flag(False),
))


def read(path, states_path):
    kinds, subjects = facts.read(path, SCHEMA), states.read(states_path).subjects
    for kind in kinds.values():
        if kind.subject not in subjects:
            raise facts.FactError(f"job_kinds.yaml: {kind.name}: there is no subject '{kind.subject}'")
        kind.outcomes = vars(kind.outcomes) if kind.outcomes else USUAL
        events = {event for state in subjects[kind.subject].states.values() for event in state}
        for outcome, event in kind.outcomes.items():
            if event not in events:
                raise facts.FactError(f"job_kinds.yaml: {kind.name}.{outcome}: a {kind.subject} knows no '{event}'")
    return kinds


def _constant(kind):
    return f"JOB_{kind.name.upper()}"


def _subject(name):
    return f"JOB_SUBJECT_{name.upper()}"


def _subjects(kinds):
    return list(dict.fromkeys(kind.subject for kind in kinds.values()))


def each(kinds):
    """A macro, for tables with a row for each kind that is written by hand."""
    rows = [f"    ROW({_constant(kind)}, {kind.name})" for kind in kinds.values()]
    return "#define JOB_KINDS_EACH(ROW) \\\n" + " \\\n".join(rows) + "\n"


def header(kinds):
    comments = {_constant(kind): kind.means for kind in kinds.values()}
    return ("#include <stdbool.h>\n\n" + facts.enum("job_kind", ["JOB_KIND_UNSET", *comments, "JOB_KIND_COUNT"], comments) + "\n"
            + facts.enum("job_subject", ["JOB_SUBJECT_UNSET", *map(_subject, _subjects(kinds)), "JOB_SUBJECT_COUNT"])
            + """
/* The members are explained in src/model/job_kinds.yaml. */
struct job_kind_facts {
    enum job_subject subject;
    bool holds_app;
    bool needs_app;
    bool writes_bucket;
};

extern const char *const job_kind_names[JOB_KIND_COUNT];
extern const char *const job_subject_names[JOB_SUBJECT_COUNT];
extern const struct job_kind_facts job_kind_table[JOB_KIND_COUNT];

/* Each kind of job as ROW(constant, name). */
""" + each(kinds))


def source(kinds):
    names = [("JOB_KIND_UNSET", '""'), *((_constant(kind), facts.c_string(kind.name)) for kind in kinds.values())]
    subjects = [("JOB_SUBJECT_UNSET", '""'), *((_subject(name), facts.c_string(name)) for name in _subjects(kinds))]
    rows = []
    for kind in kinds.values():
        flags = [flag for flag in ("holds_app", "needs_app", "writes_bucket") if getattr(kind, flag)]
        members = [f".subject = {_subject(kind.subject)}", *(f".{flag} = true" for flag in flags)]
        rows.append((_constant(kind), "{" + ", ".join(members) + "}"))
    return f"""#include "model/job_kinds.h"

const char *const job_kind_names[JOB_KIND_COUNT] = {{
{facts.c_rows(names)}}};

const char *const job_subject_names[JOB_SUBJECT_COUNT] = {{
{facts.c_rows(subjects)}}};

const struct job_kind_facts job_kind_table[JOB_KIND_COUNT] = {{
{facts.c_rows(rows)}}};
"""


if __name__ == "__main__":
    facts.main(read, {"model/job_kinds.h": header, "model/job_kinds.c": source})
