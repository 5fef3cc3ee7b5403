"""How a message's room is shared out: what may go into a grant, so that every task can reach a node in one message."""

from towpath.domain.errors import Mistake
from towpath.domain.plan import Plan
from towpath.store import batches, walks
from towpath.store.ledger import Ledger
from towpath.store.tasks import Task
from towpath.wire import pack

BATCH = 190 * 1024
"""Bytes of one packed batch, and of all the grants of an answer that has more than one: a message has 256 KiB."""

CARRY = 40 * 1024
"""Bytes that a step may hand on for all paths of a task."""

ARGUMENTS = 8 * 1024
"""Bytes of the arguments of one step."""

INPUTS = 128 * 1024
"""Bytes of inputs that a discovery may start from."""

CURSOR = 16 * 1024
"""Bytes of the place that a walk has come to."""

RULES = 64 * 1024
"""Bytes of the conditions of a workflow's rules and the options of its discovery, which go with a walk."""

HEAD = 360
"""Bytes that a grant takes beside what is counted, about."""


def check_plan(plan: Plan) -> None:
    """Raise `Mistake` for a plan that no message would hold."""
    for branch in plan.branches:
        for call in branch.chain:
            size = len(pack(dict(call.arguments)))
            if size > ARGUMENTS:
                place = f"workflow {plan.workflow}, step {call.step}"
                raise Mistake(f"{place}: expected arguments of at most {ARGUMENTS} bytes, found {size}")
    size = len(pack([walks.matchers(plan), dict(plan.options)]))
    if size > RULES:
        wanted = f"expected conditions of rules and options of at most {RULES} bytes"
        raise Mistake(f"workflow {plan.workflow}: {wanted}, found {size}")


def weights(ledger: Ledger, due: list[Task]) -> dict[int, int]:
    """About how many bytes the grant of each of these tasks takes, by its id."""
    conn = ledger.tx.conn
    lengths = batches.lengths(conn, [task.batch_id for task in due if task.batch_id is not None])
    starts = walks.lengths(conn, [task.id for task in due if task.is_discovery])
    said: dict[tuple[int, int, int], int] = {}
    found = {}
    for task in due:
        place = (task.job_id, task.rule, task.position)
        if place not in said:
            said[place] = _said(ledger.jobs[task.job_id].plan, task)
        carried = len(task.mask or b"") + len(task.carry or b"")
        own = starts.get(task.id, 0) if task.is_discovery else lengths.get(task.batch_id or 0, 0)
        found[task.id] = HEAD + said[place] + carried + own
    return found


def _said(plan: Plan, task: Task) -> int:
    """Bytes of what the plan says to a task."""
    if task.is_discovery:
        return len(pack([walks.matchers(plan), dict(plan.options)]))
    return len(pack(dict(plan.branches[task.rule].chain[task.position].arguments)))
