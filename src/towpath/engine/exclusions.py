"""What spaces leave out of jobs: paths that cannot be asked for, and what a walk passes by."""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from towpath.domain.catalogue import DELETE
from towpath.domain.errors import Mistake
from towpath.domain.exclusions import Excluded, Exclusions, concerns
from towpath.domain.paths import printable
from towpath.domain.plan import Plan
from towpath.engine.inputs import absolute, roots_of
from towpath.engine.spaces import list_spaces
from towpath.wire import Input, pack

MOST_BYTES = 24 * 1024
"""Of what one walk passes by: it goes with the walk in one message."""


def of_site(conn: Connection, site: str) -> list[Excluded]:
    """What the spaces of a site leave out."""
    return [space.leaves_out for space in list_spaces(conn) if space.site == site and space.excluded]


def of_inputs(conn: Connection, site: str, inputs: Sequence[Input]) -> tuple[Excluded, ...]:
    """What a job over these inputs passes by; raises `Mistake` where one of them is itself left out."""
    known = of_site(conn, site)
    if not known:
        return ()
    roots = roots_of(conn, site)
    paths = [absolute(given, roots) for given in inputs]
    exclusions = Exclusions(known)
    for path in paths:
        by = exclusions.find(path)
        if by is not None:
            raise Mistake(
                f"paths: expected none that a space leaves out, found '{printable(path)}', which space {by.space} of"
                f" site {site} excludes"
            )
    return tuple(one for one in known if any(concerns(one, path) for path in paths))


def check_plan(plan: Plan, excluded: Sequence[Excluded]) -> None:
    """Raises `Mistake` for a plan that would take along what is left out, or that no message would hold."""
    if not excluded:
        return
    for branch in plan.branches:
        for call in branch.chain:
            if call.step == DELETE.name and call.arguments.get("recursive"):
                raise Mistake(
                    f"workflow {plan.workflow}: step {call.step} with recursive would take along what space"
                    f" {excluded[0].space} excludes; leave recursive out, or delete paths beside it"
                )
    size = sum(len(pack([one.space, one.directory, list(one.globs)])) for one in excluded)
    if size > MOST_BYTES:
        raise Mistake(
            f"paths: expected at most {MOST_BYTES} bytes of what spaces exclude there, found {size}; name fewer paths"
        )
