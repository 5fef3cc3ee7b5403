"""Room: whatever is granted fits a message, and what could never fit one is refused where it is asked for."""

import random

import pytest
from tests.hub_desk import ROOT, Hub, Node, ended, found

from towpath import wire
from towpath.domain.errors import Mistake
from towpath.engine import control, room
from towpath.engine.inputs import Asked

DICE = random.Random(1)
UNLIKE = bytes(sorted(set(range(1, 256)) - set(b"/.")))
"""The bytes that a name is made of."""


def noise(length: int) -> bytes:
    """A name of bytes that do not compress, as a file system allows them."""
    return bytes(DICE.choices(UNLIKE, k=length))


def submit(hub: Hub, names: list[bytes], **order: object) -> int:
    """Start a job over these paths."""
    asked = tuple(Asked(ROOT.encode() + b"/" + name) for name in names)
    discovery = str(order.get("discovery", "workflow"))
    submission = control.Submission(
        "noop", "oslo", "default", asked, {}, "ana", None if discovery == "none" else discovery
    )
    return hub.tell(lambda tx: control.submit(tx, submission)).job_id


def test_walks_with_many_inputs_do_not_share_a_message(hub: Hub, oslo: Node) -> None:
    names = [noise(200) for _ in range(590)]
    jobs = {submit(hub, names), submit(hub, names)}
    granted = set()
    for more in (True, False):
        answer = oslo.claim("discovery", 2)
        assert len(wire.pack(answer, wire.MAX_MESSAGE)) > room.INPUTS // 2
        assert (len(answer.grants), answer.more) == (1, more)
        granted |= {one.job for one in answer.grants}
    assert granted == jobs


def test_the_callers_own_paths_are_cut_to_what_a_message_holds(hub: Hub, oslo: Node) -> None:
    names = [noise(240) for _ in range(1500)]
    job = submit(hub, names, discovery="none")
    got: list[bytes] = []
    while grants := (answer := oslo.claim(slots=64)).grants:
        wire.pack(answer, wire.MAX_MESSAGE)
        got += [path for one in grants for path in wire.unpack(one.batch, wire.Batch).paths]
        oslo.report(*map(ended, grants))
    assert sorted(got) == sorted(names)
    assert hub.job(job).totals["done"] == 1500


def test_what_steps_hand_on_and_are_told_counts_too(hub: Hub, oslo: Node) -> None:
    hub.define("told", {"name": "noop"}, {"name": "checksum"})
    hub.given("told", 8)
    for one in oslo.claim().grants:
        code = ended(one).codes
        oslo.report(wire.Ended(one.task, one.run, code, [], carry=noise(room.CARRY)))
    answer = oslo.claim()
    assert 4 <= len(answer.grants) < 8
    assert answer.more
    wire.pack(answer, wire.MAX_MESSAGE)


def test_the_largest_of_everything_together_fits_a_message(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    (walk,) = oslo.claim("discovery").grants
    names = [noise(145) for _ in range(1310)]
    event = found(walk, b"", b"1", *(name.decode("utf-8", "surrogateescape") for name in names))
    assert len(event.groups[0].batch) > room.BATCH - 4000
    oslo.report(event)
    (one,) = oslo.claim().grants
    oslo.report(wire.Ended(one.task, one.run, ended(one).codes, [], carry=noise(room.CARRY)))
    answer = oslo.claim()
    assert [grant.step for grant in answer.grants] == ["checksum"]
    wire.pack(answer, wire.MAX_MESSAGE)
    oslo.report(ended(answer.grants[0]))
    assert hub.job(job).totals["done"] == 1310


def test_too_many_starts_for_a_walk_are_a_mistake(hub: Hub, oslo: Node) -> None:
    with pytest.raises(Mistake, match=f"expected at most {room.INPUTS} bytes of paths.*name a directory"):
        submit(hub, [b"%0250d" % number for number in range(600)])


def test_conditions_that_no_message_would_hold_are_a_mistake(hub: Hub, oslo: Node) -> None:
    document = {
        "name": "many",
        "filter_rules": [
            {
                "type": "all",
                "state": "all",
                "include": [f"/{noise(60).hex()}/*" for _ in range(1100)],
                "action": [{"name": "noop"}],
            }
        ],
    }
    hub.define_document(document)
    with pytest.raises(
        Mistake, match=f"workflow many: expected conditions of rules.*{room.RULES} bytes, found"
    ):
        hub.submit("many")


def test_a_path_named_twice_is_worked_on_once(hub: Hub, oslo: Node) -> None:
    submit(hub, [b"a", b"b", b"a", b"./b/"], discovery="none")
    (one,) = oslo.claim().grants
    assert wire.unpack(one.batch, wire.Batch).paths == [b"a", b"b"]


def test_a_path_with_two_states_is_a_mistake(hub: Hub, oslo: Node) -> None:
    asked = tuple(Asked(f"{ROOT}/a".encode(), state) for state in ("created", "deleted"))
    order = control.Submission("noop", "oslo", "default", asked, {}, "ana", None)
    with pytest.raises(Mistake, match="expected one state for 'a', found 'created' and 'deleted'"):
        hub.tell(lambda tx: control.submit(tx, order))
