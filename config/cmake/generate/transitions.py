"""src/model/states.yaml as a table of C for the tests: what the library in Redis should do is asked of the declaration."""

import facts
import states


def tables(document):
    parts = ["""/* to: "gone" after the last state. */
struct transition {
    const char *from, *event, *to;
};
"""]
    for subject in document.subjects.values():
        rows = [("", "{" + ", ".join(map(facts.c_string, (before, event, after))) + "}")
                for before, events in subject.states.items() for event, after in events.items()]
        parts.append(f"static const char *const {subject.name}_states[] = {{\n"
                     + facts.c_rows(("", facts.c_string(state)) for state in subject.states) + "};\n")
        parts.append(f"static const struct transition {subject.name}_transitions[] = {{\n{facts.c_rows(rows)}}};\n")
    return "\n".join(parts)


if __name__ == "__main__":
    facts.main(states.read, {"model/transitions.h": tables})
