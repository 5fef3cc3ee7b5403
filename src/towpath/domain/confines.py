"""What a job may do that is started by somebody whose rights end at a space."""

from collections.abc import Iterator, Mapping

from towpath.domain.errors import Mistake
from towpath.domain.fairness import Turn
from towpath.domain.plan import Call, Plan

STAYING: Mapping[str, tuple[str, ...]] = {
    "migrate": (),
    "recall": (),
    "delete": (),
    "unmanage": (),
    "tag": (),
    "check_sync_state": ("to_root", "to_path", "from_path"),
    "verify": (),
    "checksum": ("manifest",),
    "noop": (),
}
"""Steps that touch the paths they are given and nothing else, each with the arguments that must be left out for that.

`set_metadata` is not among them: it would let an owner of files make programs of theirs run as somebody else.
"""

DISCOVERIES = frozenset({None, "recursive"})


def check_confined(plan: Plan, turn: Turn) -> None:
    """Raises `Mistake` where a job could touch anything outside of the paths it is given, or push others aside."""
    fault = next(_faults(plan, turn), None)
    if fault is not None:
        raise Mistake(f"workflow {plan.workflow}: {fault}; it takes an operator to run this")


def _faults(plan: Plan, turn: Turn) -> Iterator[str]:
    if plan.discovery not in DISCOVERIES:
        yield f"discovery {plan.discovery} looks at more than the given paths"
    if turn.priority > 0:
        yield f"priority: expected at most 0 of somebody whose rights end at a space, found {turn.priority}"
    for branch in plan.branches:
        for call in branch.chain:
            yield from _leaving(plan, call)


def _leaving(plan: Plan, call: Call) -> Iterator[str]:
    if call.site != plan.site:
        yield f"step {call.step} works at site {call.site}, and the space is at {plan.site}"
    elif call.step not in STAYING:
        yield f"step {call.step} may reach what lies outside of a space"
    else:
        for name in STAYING[call.step]:
            if call.arguments.get(name):
                yield f"step {call.step}: {name} may reach what lies outside of a space"
