"""Spaces: the default target of a job is that of the space that its paths lie in, else the site's."""

from functools import partial

import pytest
import sqlalchemy as sa
from tests.hub_desk import Hub, Node

from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.plan import plan_from_document
from towpath.engine import registry, spaces
from towpath.engine.spaces import Space
from towpath.store.tables import jobs


@pytest.fixture
def three(hub: Hub, oslo: Node, bergen: Node) -> Hub:
    """A hub with three targets: `vault` is the default of site oslo, `tape` of its space a, `cloud` of a/b."""
    for name in ("tape", "cloud"):
        hub.tell(
            partial(
                registry.add_target, name=name, url=f"file:///srv/{name}", credentials={}, hub_key=bytes(32)
            )
        )
    hub.tell(lambda tx: registry.set_default_target(tx, "oslo", "vault"))
    add(hub, Space("films", "oslo", "/srv/data/a", "tape"))
    add(hub, Space("rushes", "oslo", "/srv/data/a/b", "cloud"))
    add(hub, Space("plain", "oslo", "/srv/data/p"))
    return hub


def add(hub: Hub, space: Space) -> None:
    """Make a space known."""
    hub.tell(lambda tx: spaces.add_space(tx, space))


def default(hub: Hub, *paths: str) -> str:
    """The target that a job over these paths uses."""
    job = hub.submit("migrate", *paths)
    plan = hub.tell(lambda tx: tx.conn.execute(sa.select(jobs.c.plan).where(jobs.c.id == job)).scalar_one())
    return plan_from_document(plan).branches[0].chain[0].endpoint


@pytest.mark.parametrize(
    ("paths", "target"),
    [
        (("x",), "vault"),
        (("p",), "vault"),
        (("ab",), "vault"),
        (("a/c",), "tape"),
        (("a/c", "a/d/e"), "tape"),
        (("a/b",), "cloud"),
        (("a/b/c/d",), "cloud"),
        (("x", "p/y"), "vault"),
    ],
)
def test_the_deepest_space_of_the_paths_says_where_data_goes_else_the_site(
    three: Hub, paths: tuple[str, ...], target: str
) -> None:
    assert default(three, *paths) == target


@pytest.mark.parametrize(
    ("paths", "each"),
    [
        (("a/c", "x"), "films: tape, site oslo: vault"),
        (("a",), "films: tape, rushes: cloud"),
        (("",), "site oslo: vault, films: tape, rushes: cloud"),
    ],
)
def test_paths_of_different_defaults_need_a_target_that_is_named(
    three: Hub, paths: tuple[str, ...], each: str
) -> None:
    with pytest.raises(Mistake) as caught:
        three.submit("migrate", *paths)
    assert f"the paths lie in places with different default targets ({each}); give --field endpoint" in str(
        caught.value
    )
    three.submit("migrate", *paths, endpoint="tape")
    three.submit("noop", *paths)


def test_a_space_without_a_default_and_a_site_without_one_say_what_is_missing(three: Hub) -> None:
    three.tell(lambda tx: registry.set_default_target(tx, "oslo", None))
    with pytest.raises(
        Mistake, match="site oslo has no default target; give --field endpoint=NAME, or give the site, or the"
    ):
        three.submit("migrate", "p/y")
    three.tell(lambda tx: spaces.change_space(tx, Space("plain", "oslo", "", "cloud")))
    assert default(three, "p/y") == "cloud"


def test_a_name_stands_at_many_sites_once_at_each_and_beneath_their_roots(three: Hub) -> None:
    add(three, Space("films", "bergen", "/srv/data/a/", "vault"))
    assert three.tell(lambda tx: spaces.get_space(tx.conn, "films", "bergen")).path == "/srv/data/a"
    with pytest.raises(Conflict, match="space 'films' stands already at site bergen, as '/srv/data/a'"):
        add(three, Space("films", "bergen", "/srv/data/z"))
    with pytest.raises(Conflict, match="'/srv/data/a' of site bergen is space 'films' already"):
        add(three, Space("others", "bergen", "/srv/data/x/../a"))
    with pytest.raises(Mistake, match="lies beneath no root of site bergen"):
        add(three, Space("others", "bergen", "/etc"))
    with pytest.raises(NotFound, match="no site 'bergn', did you mean 'bergen'"):
        add(three, Space("others", "bergn", "/srv/data/x"))
    with pytest.raises(NotFound, match="no target 'tap', did you mean 'tape'"):
        add(three, Space("others", "bergen", "/srv/data/x", "tap"))
    with pytest.raises(NotFound, match="no space 'film' at site oslo, did you mean 'films'"):
        three.tell(lambda tx: spaces.remove_space(tx, "film", "oslo"))


def test_the_default_target_of_a_space_cannot_be_forgotten(three: Hub) -> None:
    with pytest.raises(Conflict, match="target 'tape' is the default target of space films; give that space"):
        three.tell(lambda tx: registry.delete_target(tx, "tape"))
    three.tell(lambda tx: spaces.remove_space(tx, "films", "oslo"))
    three.tell(lambda tx: registry.delete_target(tx, "tape"))
