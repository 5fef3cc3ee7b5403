"""Groups: in which spaces a user has a right for the sake of one."""

from functools import partial

import pytest
from tests.hub_desk import Hub, Node

from towpath.domain.errors import NotFound
from towpath.domain.rights import Grant, Place, Right, Role
from towpath.engine import groups, people, spaces
from towpath.engine.spaces import Space


@pytest.fixture
def crew(hub: Hub, oslo: Node, bergen: Node) -> Hub:
    """A hub with spaces at two sites, and a group of one member that administers `films` and views `plain`."""
    for space in (
        Space("films", "oslo", "/srv/data/a"),
        Space("films", "bergen", "/srv/data/f"),
        Space("rushes", "oslo", "/srv/data/a/b"),
        Space("rushes", "bergen", "/srv/data/r"),
        Space("plain", "oslo", "/srv/data/ab"),
    ):
        hub.tell(partial(spaces.add_space, space=space))
    hub.tell(lambda tx: people.add_user(tx, "ana", Role.MEMBER))
    hub.tell(lambda tx: groups.add_group(tx, "crew"))
    hub.tell(lambda tx: groups.add_member(tx, "crew", "ana"))
    hub.tell(lambda tx: groups.grant(tx, "crew", "films", Grant.ADMINISTER))
    hub.tell(lambda tx: groups.grant(tx, "crew", "plain", Grant.VIEW))
    return hub


def reach(hub: Hub, right: Right) -> frozenset[Place]:
    """Where the member has that right."""
    return hub.tell(lambda tx: groups.reach(tx.conn, "ana", right))


def test_a_grant_holds_in_the_spaces_of_a_name_and_what_lies_in_them(crew: Hub) -> None:
    films = {("oslo", "films"), ("oslo", "rushes"), ("bergen", "films")}
    assert reach(crew, Right.RUN) == films
    assert reach(crew, Right.READ) == films | {("oslo", "plain")}
    assert reach(crew, Right.ADMINISTER) == frozenset()


def test_a_grant_ends_with_the_last_space_of_its_name(crew: Hub) -> None:
    crew.tell(lambda tx: spaces.remove_space(tx, "films", "oslo"))
    assert reach(crew, Right.RUN) == {("bergen", "films")}
    crew.tell(lambda tx: spaces.remove_space(tx, "films", "bergen"))
    assert reach(crew, Right.RUN) == frozenset()
    assert crew.tell(lambda tx: groups.find_group(tx.conn, "crew")).spaces == {"plain": Grant.VIEW}


def test_a_user_who_is_removed_leaves_their_groups(crew: Hub) -> None:
    crew.tell(lambda tx: people.ensure_user(tx, "head", Role.ADMINISTRATOR))
    crew.tell(lambda tx: people.remove_user(tx, "ana"))
    assert crew.tell(lambda tx: groups.find_group(tx.conn, "crew")).members == []
    with pytest.raises(NotFound, match="no user 'ana'"):
        crew.tell(lambda tx: groups.add_member(tx, "crew", "ana"))


def test_the_jobs_space_is_the_deepest_that_holds_all_its_paths(crew: Hub) -> None:
    def space(*paths: str) -> str:
        job = crew.submit("noop", *paths)
        return crew.job(job).space

    assert space("a/b/c") == "rushes"
    assert space("a/b/c", "a/d") == "films"
    assert space("a/b/c", "ab") == ""
    assert space("abc") == ""
