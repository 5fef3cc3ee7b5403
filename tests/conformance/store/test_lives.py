"""The lives of a node: a hello is believed where it begins a new life, and not where it comes of an earlier one."""

from msgspec import structs
from tests.hub_desk import ROOT, Hub, Node

from towpath import wire
from towpath.engine import nodes
from towpath.engine.nodes import Greeting

QUEUES = {"default": {"worker": 8, "discovery": 2}}


def said(incarnation: bytes, life: int) -> wire.Hello:
    """The hello of a life."""
    hello = wire.Hello(wire.VERSION, incarnation, {"data": ROOT}, QUEUES, [], bytes(32), True)
    return structs.replace(hello, life=life)


def greet(hub: Hub, node: Node, hello: wire.Hello) -> Greeting:
    """Say that; returns what the hub answers."""
    return hub.tell(lambda tx: nodes.hello(tx, node.site, node.name, hello))


def begin(hub: Hub, node: Node, incarnation: bytes) -> wire.Hello:
    """Begin a life as a node does; returns the hello that was believed."""
    told = greet(hub, node, said(incarnation, 0)).life
    assert greet(hub, node, said(incarnation, told)).life == 0
    node.incarnation, node.claims, node.sent = incarnation, 0, 0
    return said(incarnation, told)


def test_a_hello_of_an_earlier_life_that_comes_again_takes_nothing(hub: Hub, oslo: Node) -> None:
    first = begin(hub, oslo, b"1" * 16)
    begin(hub, oslo, b"2" * 16)
    hub.given("noop", 3)
    granted = oslo.claim().grants
    for late in (first, said(b"1" * 16, 0)):
        before = hub.rows()
        assert greet(hub, oslo, late).life > 0
        assert hub.rows() == before
    assert oslo.beat().drop == []
    assert len(granted) == 3


def test_a_life_that_was_told_its_number_too_late_is_told_another(hub: Hub, oslo: Node) -> None:
    one, other = b"1" * 16, b"2" * 16
    told = [greet(hub, oslo, said(life, 0)).life for life in (one, other)]
    assert told[0] == told[1]
    assert greet(hub, oslo, said(other, told[1])).life == 0
    again = greet(hub, oslo, said(one, told[0])).life
    assert again == told[0] + 1
    assert greet(hub, oslo, said(one, again)).life == 0


def test_the_same_life_may_say_hello_again_and_loses_nothing(hub: Hub, oslo: Node) -> None:
    hello = begin(hub, oslo, b"1" * 16)
    hub.given("noop", 1)
    [granted] = oslo.claim().grants
    assert greet(hub, oslo, hello).life == 0
    assert oslo.beat([granted.run]).drop == []


def test_a_node_that_does_not_count_its_lives_is_believed(hub: Hub, oslo: Node) -> None:
    begin(hub, oslo, b"1" * 16)
    assert greet(hub, oslo, said(b"2" * 16, -1)).life == 0
    assert greet(hub, oslo, said(b"1" * 16, 0)).life == 2
