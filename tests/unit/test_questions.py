"""What people ask the nodes of a site: one node gets each question, again until it has answered, and only it may."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.hub_desk import Hub, make_hub

from towpath import wire
from towpath.domain.errors import Conflict, NotFound
from towpath.engine import nodes, questions, registry
from towpath.wire import Answered, Question

CHECK = Question(0, "check", "vault")
SECONDS = 45.0


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with two nodes at oslo, and none at bergen."""
    hub = make_hub(tmp_path)
    for name in ("n1", "n2"):
        hub.tell(partial(registry.register_node, site="oslo", node=name, public_key="K"))
        said = wire.Hello(1, name.encode() * 8, {"data": "/srv"}, {}, [], b"k" * 32)
        hub.tell(partial(nodes.hello, site="oslo", name=name, said=said))
    yield hub
    hub.database.stop()


def ask(hub: Hub, seconds: float = SECONDS) -> int:
    """Ask the nodes of oslo."""
    return hub.tell(lambda tx: questions.ask(tx, "oslo", CHECK, seconds))


def due(hub: Hub, name: str) -> list[int]:
    """What a node is to answer."""
    return [question.id for question in hub.tell(lambda tx: questions.due(tx, "oslo", name))]


def answer(hub: Hub, name: str, number: int, text: str) -> None:
    """A node answers."""
    hub.tell(lambda tx: questions.answer(tx, "oslo", name, Answered(number, text.encode())))


def found(hub: Hub, number: int) -> tuple[str, bytes] | None:
    """Who answered, and what."""
    with hub.database.reading() as conn:
        answered = questions.find_answer(conn, number)
    return None if answered is None else (answered.node, answered.said.answer)


def test_a_question_goes_to_one_node_and_comes_again_until_it_is_answered(hub: Hub) -> None:
    number = ask(hub)
    assert due(hub, "n1") == [number]
    assert due(hub, "n2") == []
    assert due(hub, "n1") == [number]
    assert found(hub, number) is None
    answer(hub, "n1", number, "well")
    assert found(hub, number) == ("n1", b"well")
    assert due(hub, "n1") == []


def test_only_the_node_that_was_asked_may_answer_and_only_once(hub: Hub) -> None:
    number = ask(hub)
    answer(hub, "n2", number, "not asked at all")
    assert due(hub, "n1") == [number]
    answer(hub, "n2", number, "not asked")
    assert found(hub, number) is None
    answer(hub, "n1", number, "well")
    answer(hub, "n1", number, "again")
    assert found(hub, number) == ("n1", b"well")


def test_nobody_is_given_a_question_that_nobody_waits_for(hub: Hub) -> None:
    number = ask(hub, seconds=1)
    hub.clock.at += 2_000_000
    assert due(hub, "n1") == []
    forgotten = ask(hub)
    hub.tell(lambda tx: questions.forget(tx, forgotten))
    assert due(hub, "n1") == []
    answer(hub, "n1", number, "late")
    assert found(hub, number) is None


def test_the_number_of_a_question_never_comes_again(hub: Hub) -> None:
    number = ask(hub)
    hub.tell(lambda tx: questions.forget(tx, number))
    assert ask(hub) > number


def test_asking_wakes_the_nodes_of_the_site(hub: Hub) -> None:
    woken: list[set[str]] = []
    hub.database.on_wake = woken.append
    ask(hub)
    assert woken == [{"oslo"}]


def test_a_site_that_is_heard_is_asked_rather_one_whose_default_the_target_is(hub: Hub) -> None:
    with hub.database.reading() as conn:
        assert questions.site_for(conn, "vault", None) == "oslo"
        with pytest.raises(NotFound, match="no site 'olso', did you mean 'oslo'"):
            questions.site_for(conn, "vault", "olso")
        with pytest.raises(Conflict, match="site bergen: expected a node that is heard"):
            questions.site_for(conn, "vault", "bergen")
    hub.tell(partial(registry.register_node, site="bergen", node="b", public_key="K"))
    said = wire.Hello(1, b"b" * 16, {"data": "/srv"}, {}, [], b"k" * 32)
    hub.tell(partial(nodes.hello, site="bergen", name="b", said=said))
    with hub.database.reading() as conn:
        assert questions.site_for(conn, "vault", None) == "bergen"
    hub.tell(lambda tx: registry.set_default_target(tx, "oslo", "vault"))
    with hub.database.reading() as conn:
        assert questions.site_for(conn, "vault", None) == "oslo"
