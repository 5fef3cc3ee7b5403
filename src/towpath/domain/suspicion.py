"""Whom to blame for workers that are lost: the rules by which the one path that ends them is found, and no other."""

SUSPECT = 2
"""Workers that a task of several paths may lose before it is halved: once is anybody's bad luck."""

BLAMED = 3
"""Workers that a task of one path loses before that path has failed, where it was alone with the last one."""

IN_COMPANY = 10
"""Workers that a task of one path may lose in the company of others: of old nodes, which leave no task alone."""

WALKS = 5
"""Workers that a discovery may lose before it is given up."""


def is_to_blame(losses: int, *, alone: bool) -> bool:
    """Whether the one path of a task has failed with so many workers lost; `alone`: nothing else ran at the last."""
    return losses >= (BLAMED if alone else IN_COMPANY)


def runs_alone(attempt: int) -> bool:
    """Whether a node runs a task of that attempt (1 = the first) with nothing beside it, so that a loss is its own."""
    return attempt >= BLAMED
