"""src/model/figures.yaml: how the service is, and where that is shown."""

import facts

TEXT_SIZE = 16
MEMBERS = {"text": "char {}[" + str(TEXT_SIZE) + "]", "flag": "bool {}"}  # the others are numbers
PATH = r"(\w+\.)?\w+"
SCHEMA = facts.table(facts.record(
    unit=facts.choice("text", "flag", "count", "ms", "s", "bytes"),
    means=facts.text(),
    health=facts.flag(False),
    readyz=facts.text(None, PATH),
    status=facts.text(None, r"\w+\.\w+"),
))


def read(path):
    figures = facts.read(path, SCHEMA)
    for figure in figures.values():
        if figure.readyz and not figure.health:
            raise facts.FactError(f"figures.yaml: {figure.name}: /readyz shows what appbackup_health says, and no other")
    return figures


def path(text):
    """("", "workers") or ("redis", "version")"""
    before, _, name = text.rpartition(".")
    return before, name


def _in_health(figures):
    return [figure for figure in figures.values() if figure.health]


def header(figures):
    members = "".join(f"    {MEMBERS.get(figure.unit, 'int64_t {}').format(figure.name)}; "
                      f"{facts.c_comment(figure.means)}\n" for figure in _in_health(figures))
    return f"""#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_health {{
{members}}};

enum store_figure_kind {{ STORE_FIGURE_TEXT, STORE_FIGURE_FLAG, STORE_FIGURE_NUMBER }};

/* Where a figure is in struct store_health, and where GET /readyz shows it: in an object, which is "" for none, under
 * a name, which is NULL if it is not shown. */
struct store_figure {{
    const char *name;
    enum store_figure_kind kind;
    size_t offset;
    size_t size;
    const char *readyz_object;
    const char *readyz_name;
}};

enum {{ STORE_FIGURES = {len(_in_health(figures))} }};

extern const struct store_figure store_figures[STORE_FIGURES];
"""


def source(figures):
    rows = []
    for figure in _in_health(figures):
        kind = figure.unit.upper() if figure.unit in MEMBERS else "NUMBER"
        shown = map(facts.c_string, path(figure.readyz)) if figure.readyz else ('""', "NULL")
        rows.append(("", "{" + ", ".join([
            facts.c_string(figure.name), f"STORE_FIGURE_{kind}", f"offsetof(struct store_health, {figure.name})",
            f"sizeof(((struct store_health *)NULL)->{figure.name})", *shown]) + "}"))
    return f"""#include "store/health.h"

const struct store_figure store_figures[STORE_FIGURES] = {{
{facts.c_rows(rows)}}};
"""


if __name__ == "__main__":
    facts.main(read, {"store/health.h": header, "store/health.c": source})
