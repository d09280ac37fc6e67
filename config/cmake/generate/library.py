"""The tables of the library in Redis that are declared elsewhere: one namespace, Facts."""

import facts
import figures
import job_kinds
import states


def read(states_path, kinds_path, figures_path):
    return states.read(states_path), job_kinds.read(kinds_path, states_path), figures.read(figures_path)


def subjects(declared, kinds_):
    return {subject.name: {
        "states": list(subject.states),
        "transitions": states.transitions(subject),
        "ended": {state: True for state in subject.ended},
        "kinds": {kind.name: True for kind in kinds_.values() if kind.subject == subject.name},
    } for subject in declared.subjects.values()}


def kinds(declared):
    return {kind.name: {"priority": kind.priority, "subject": kind.subject, "title": kind.title,
                        "outcomes": kind.outcomes} for kind in declared.values()}


def shown(declared):
    """Which figures appbackup_health has, and where appbackup_status shows them."""
    status = [(figure.name, *figures.path(figure.status)) for figure in declared.values() if figure.status]
    return {"health": [figure.name for figure in declared.values() if figure.health],
            "status": [{"figure": figure, "object": object_, "name": name} for figure, object_, name in status]}


def tables(document):
    declared_states, declared_kinds, declared_figures = document
    return "\nlocal Facts = " + facts.lua({
        "subjects": subjects(declared_states, declared_kinds),
        "kinds": kinds(declared_kinds),
        "job_places": declared_states.jobs,
        "figures": shown(declared_figures),
    }) + "\n"


if __name__ == "__main__":
    facts.main(read, {"store/facts.lua": tables})
