"""The page on states: diagrams drawn from the table of moves, and what is said of each state."""

import ast
import inspect
import itertools
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from docs.smallest_job import Change, job_moves
from towpath.domain.advice import COMMAND, ORIGIN, STAYING_JOB, STAYING_TASK, WAITING, Party
from towpath.domain.events import KINDS
from towpath.domain.states import JOB_OVER, MOVES, TERMINAL, WISHES, JobState, TaskEvent, TaskState, Wanted
from towpath.domain.waiting import Reason

WIDTH = 120
"""Columns of the documents."""

HELD = "\0"
"""Stands for a blank at which no line is broken."""

OPENING = """\
# The states of jobs and tasks

<!-- Made from src/towpath/domain/states.py and advice.py by `make docs`: change those, not this. -->

The state of a *task* is a fact, moved by the one table `MOVES`. The state of a *job* is derived from what people wish
of it and from how its tasks stand; nobody sets it. So a job that stays somewhere is always explained by its tasks: look
there first.

A worker or a hub that died needs no more care than to be started again: what it had begun goes on, or is done again.
"""

TASKS = "## Tasks\n\n"

JOBS = """\
## Jobs

Each arrow is what can happen to the smallest job that has a walk and a chain of two tasks: a wish (`towpath job
pause`, …), or an event of one of its tasks, by the names of the diagram above. A retry changes nothing here: it makes a
new job.

"""


WAITING_FOR = """\
## Why something waits

What waits has one reason, said in one sentence with the job, with each of its tasks, and by `towpath job wait ID`; the
first that holds is told.

"""


def page() -> str:
    """The whole page."""
    tasks, jobs = TASKS + _task_diagram(), JOBS + _job_diagram()
    return "\n".join([OPENING, tasks, *_tasks(), jobs, *_jobs(), WAITING_FOR + _reasons()])


def said(enum: type[StrEnum]) -> Mapping[str, str]:
    """Name of each member → the docstring that follows it in the source."""
    body = ast.parse(inspect.getsource(enum)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for line, below in zip(body.body, body.body[1:], strict=False):
        match line, below:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
    return found


# Tasks --------------------------------------------------------------------------------------------------------


def _task_diagram() -> str:
    return _diagram(
        TaskState.PENDING, TERMINAL, ((before, after, event) for (before, event), after in MOVES.items())
    )


def _tasks() -> Iterator[str]:
    meanings, events = said(TaskState), said(TaskEvent)
    for state in TaskState:
        rows = [
            (after, event, events[event.name].rstrip("."), *_origin(event))
            for (before, event), after in MOVES.items()
            if before is state
        ]
        table = _table(("to", "by what", "that is", "by whom", "how"), rows)
        yield _section("task", state, meanings[state.name], table, STAYING_TASK[state])


def _origin(event: TaskEvent) -> tuple[str, str]:
    return ", ".join(ORIGIN[event].parties), ORIGIN[event].how


# Jobs ---------------------------------------------------------------------------------------------------------


def _job_diagram() -> str:
    edges = (
        (before, after, ", ".join(_names(reasons))) for (before, after), reasons in _ordered(job_moves())
    )
    return _diagram(JobState.PENDING, JOB_OVER, edges)


def _jobs() -> Iterator[str]:
    meanings = said(JobState)
    moves = _ordered(job_moves())
    for state in JobState:
        rows = [
            (after, ", ".join(_names(reasons)), ", ".join(_by(reasons)))
            for (before, after), reasons in moves
            if before is state
        ]
        table = _table(("to", "by what", "by whom"), rows)
        yield _section("job", state, meanings[state.name], table, STAYING_JOB[state])


def _ordered(
    moves: Mapping[tuple[JobState, JobState], frozenset[Change]],
) -> list[tuple[tuple[JobState, JobState], frozenset[Change]]]:
    order = list(JobState)
    return sorted(moves.items(), key=lambda move: (order.index(move[0][0]), order.index(move[0][1])))


def _sorted(reasons: Iterable[Change]) -> list[Change]:
    """Wishes first, then events, each as they stand in the code."""
    order: list[Change] = [*Wanted, *TaskEvent]
    return sorted(reasons, key=order.index)


def _names(reasons: Iterable[Change]) -> list[str]:
    return [
        f"wish {COMMAND[reason]}" if isinstance(reason, Wanted) else str(reason)
        for reason in _sorted(reasons)
    ]


def _by(reasons: Iterable[Change]) -> list[Party]:
    """Who is behind these, each once."""
    by = [(Party.PERSON,) if isinstance(r, Wanted) else ORIGIN[r].parties for r in _sorted(reasons)]
    return list(dict.fromkeys(itertools.chain(*by)))


def _reasons() -> str:
    meanings = said(Reason)
    rows = [(f"`{reason}`", meanings[reason.name], WAITING[reason]) for reason in Reason]
    return _table(("reason", "that is", "what to do"), rows) + "\n"


# Words --------------------------------------------------------------------------------------------------------


def _diagram(first: StrEnum, last: Iterable[StrEnum], edges: Iterable[tuple[StrEnum, StrEnum, str]]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {before} --> {after}: {label}" for before, after, label in edges]
    lines += [f"    {state} --> [*]" for state in sorted(last)]
    return "\n".join([*lines, "```", ""])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "Nothing leaves this state."
    cells = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _section(kind: str, state: StrEnum, meaning: str, table: str, advice: str) -> str:
    whole = re.sub("`[^`]+`", lambda code: code[0].replace(" ", HELD), f"**Where one stays here.** {advice}")
    staying = textwrap.fill(whole, WIDTH, break_on_hyphens=False).replace(HELD, " ")
    return "\n\n".join([f"### {state} (a {kind})", meaning, table, staying, ""]).rstrip("\n") + "\n"


# For programs -------------------------------------------------------------------------------------------------


def table() -> str:
    """The same as JSON, for the web UI: what each state means, what may be wished of a job in it, and what is over."""
    meanings, facts = said(JobState), said(TaskState)
    jobs = {
        state: {
            "meaning": meanings[state.name],
            "wishes": sorted(WISHES[state]),
            "over": state in JOB_OVER,
            "staying": STAYING_JOB[state],
        }
        for state in JobState
    }
    tasks = {
        state: {"meaning": facts[state.name], "over": state in TERMINAL, "staying": STAYING_TASK[state]}
        for state in TaskState
    }
    return json.dumps({"job": jobs, "task": tasks, "events": dict(KINDS)}, indent=1) + "\n"
