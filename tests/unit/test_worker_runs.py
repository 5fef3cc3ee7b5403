"""A granted task from its grant to the event that ends it."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
import structlog
from nacl.public import PrivateKey, SealedBox
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub, event_of
from tests.site_node import BOX_KEY, Giving, Plain, processed

from towpath import wire
from towpath.domain.catalogue import MIGRATE
from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.steps.protocol import Context, Item, Site, Step, Stopped, Target
from towpath.storage.opening import open_storage
from towpath.storage.protocol import Storage, StorageError
from towpath.storage.roots import Root, Roots
from towpath.worker.crew import Crew
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Run
from towpath.worker.link import HubAway, HubRefused
from towpath.worker.pool import Pool
from towpath.worker.runs import Means, carry_out, step_through
from towpath.worker.targets import KEPT, Targets

E = TypeVar("E", wire.Ended, wire.Failed)
Do = Callable[[Context], Iterator[PathOutcome]]


class Bench:
    """What a run needs, and a hub that answers for targets."""

    def __init__(self, place: Path) -> None:
        self.hub = SiteHub()
        self.clock = HandClock()
        self.fence = Fence(self.clock.now)
        self.fence.lease(30)
        self.pool = Pool("path", 2)
        self.told: list[wire.TargetTold | Exception] = []
        self.asked: list[wire.TargetAsked] = []
        self.opened: list[tuple[str, dict[str, str]]] = []
        self.place = place
        self.steps: dict[str, Step] = {"noop": Plain()}
        self.root = Root("data", bytes(place))
        self.hold = Hold(self.fence, self.clock.now())

    def run(self, grant: wire.Grant) -> bytes | None:
        """Carry out a grant in this thread."""
        now = self.clock.now
        targets = Targets(self.ask, BOX_KEY, self.open, now)
        means = Means(
            Site("oslo", b"k" * 32, False),
            Roots([self.root]),
            self.steps,
            {},
            targets,
            Crew(self.pool, 2),
            now,
        )
        run = Run(grant, self.hold, now())
        return carry_out(run, partial(step_through, run, means))

    def gives(self, do: Do, paths: tuple[bytes, ...] = (b"a", b"b", b"c"), **more: object) -> bytes | None:
        """What ends a task whose step does that."""
        self.steps["giving"] = Giving(do)
        return self.run(self.hub.add("giving", paths, **more))

    def ask(self, asked: wire.TargetAsked) -> wire.TargetTold:
        self.asked.append(asked)
        told = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        if isinstance(told, Exception):
            raise told
        return told

    def open(self, url: str, credentials: Mapping[str, str], storage_class: str) -> Storage:
        self.opened.append((url, dict(credentials)))
        return open_storage(url, {}, [bytes(self.place)])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Means for a run."""
    made = Bench(tmp_path)
    yield made
    made.root.close()
    made.pool.close()


def event(packed: bytes | None, kind: type[E]) -> E:
    """The event that ended a task."""
    assert packed is not None
    found = event_of(packed)
    assert isinstance(found, kind), found
    return found


def all_processed(context: Context) -> Iterator[PathOutcome]:
    """Nothing done to each."""
    yield from map(processed, context.items)


def test_a_step_is_given_its_own_paths_with_all_that_is_known_of_them(bench: Bench) -> None:
    seen: list[Item] = []
    carried: list[object] = []

    def look(context: Context) -> Iterator[PathOutcome]:
        seen.extend(context.items)
        carried.append(context.carried)
        assert context.root is bench.root
        yield from map(processed, context.items)

    mask, carry = wire.compress(b"\1\0\1"), wire.pack({2: b"record"})
    ended = event(bench.gives(look, mask=mask, carry=carry), wire.Ended)
    assert [(item.index, item.path, item.state) for item in seen] == [
        (0, b"a", "processed"),
        (2, b"c", "processed"),
    ]
    assert carried == [{2: b"record"}]
    assert wire.decompress(ended.codes, 3) == b"\1\0\1"


def test_arguments_that_were_not_given_have_their_default(bench: Bench) -> None:
    seen: list[object] = []

    class Migrating(Plain):
        """Looks at its arguments."""

        spec = MIGRATE

        def run(self, context: Context) -> Iterator[PathOutcome]:
            """Look."""
            seen.append(dict(context.arguments))
            return super().run(context)

    bench.steps["migrate"] = Migrating()
    event(bench.run(bench.hub.add("migrate", arguments={"stub_size": 7})), wire.Ended)
    assert seen == [{**MIGRATE.defaults(), "stub_size": 7}]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"step": "nop"}, "this node has no step 'nop', did you mean 'noop'?"),
        ({"mask": wire.compress(b"\1\1")}, "mask: expected 3 bytes, found 2"),
        ({"mask": wire.compress(bytes(1000))}, "frame holds more than 3 bytes"),
        ({"mask": b"nonsense"}, "mask: "),
        ({"batch": b"\0nonsense"}, "Malformed: Batch: "),
        (
            {"batch": wire.pack(wire.Batch("dat", [b"a"], b"\1", [1], ["x"]))},
            "no root 'dat', did you mean 'data'?",
        ),
        (
            {"batch": wire.pack(wire.Batch("data", [b"a"], b"\1\1", [1], ["x"]))},
            "a kind and a size for each of 1",
        ),
    ],
)
def test_a_grant_that_cannot_be_carried_out_fails_and_says_why(
    bench: Bench, more: dict[str, object], message: str
) -> None:
    grant = msgspec.structs.replace(bench.hub.add("noop", [b"a", b"b", b"c"]), **more)
    assert message in event(bench.run(grant), wire.Failed).error


def test_what_is_logged_while_a_task_runs_says_of_which_job_and_task(bench: Bench) -> None:
    def tell(context: Context) -> Iterator[PathOutcome]:
        structlog.get_logger().info("here")
        yield from (processed(item) for item in context.items)

    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        bench.steps["giving"] = Giving(tell)
        grant = bench.hub.add("giving")
        bench.run(grant)
        structlog.get_logger().info("there")
    assert [logged[0][name] for name in ("task", "job", "step")] == [grant.task, grant.job, "giving"]
    assert "task" not in logged[1]


def test_a_path_without_an_outcome_fails_the_task(bench: Bench) -> None:
    failed = event(bench.gives(lambda context: iter([processed(context.items[0])])), wire.Failed)
    assert failed.error == "step giving gave no outcome for 2 paths"


def test_a_second_outcome_for_a_path_fails_the_task_and_closes_the_step(bench: Bench) -> None:
    closed: list[bool] = []

    def twice(context: Context) -> Iterator[PathOutcome]:
        try:
            yield processed(context.items[0])
            yield processed(context.items[0])
        finally:
            closed.append(True)

    assert event(bench.gives(twice), wire.Failed).error == "step giving gave two outcomes for path 0"
    assert closed == [True]


def test_a_step_that_ends_early_without_having_been_told_to_has_failed(bench: Bench) -> None:
    def early(context: Context) -> Iterator[PathOutcome]:
        bench.hold.hand_back()
        yield processed(context.items[0])

    assert "gave no outcome for 2 paths" in event(bench.gives(early), wire.Failed).error


def test_a_step_that_heard_that_it_is_to_end_may_still_end_all(bench: Bench) -> None:
    def deaf(context: Context) -> Iterator[PathOutcome]:
        bench.hold.hand_back()
        assert not context.proceed()
        yield from map(processed, context.items)

    assert not event(bench.gives(deaf), wire.Ended).handed_back


def test_each_stops_at_the_next_path_of_a_task_that_is_handed_back(bench: Bench) -> None:
    def one(item: Item) -> PathOutcome:
        bench.hold.hand_back()
        return processed(item)

    ended = event(
        bench.gives(lambda context: context.each(one, (item for item in context.items))), wire.Ended
    )
    assert ended.handed_back
    assert wire.decompress(ended.codes, 3).count(1) in (1, 2)


def test_a_path_in_whose_midst_a_task_is_handed_back_has_no_outcome(bench: Bench) -> None:
    def one(item: Item) -> PathOutcome:
        if item.index == 1:
            bench.hold.hand_back()
        context[0].go_on()
        return processed(item)

    context: list[Context] = []

    def run(given: Context) -> Iterator[PathOutcome]:
        context.append(given)
        return given.each(one, (item for item in given.items))

    ended = event(bench.gives(run), wire.Ended)
    assert ended.handed_back
    assert wire.decompress(ended.codes, 3)[1] == Code.NONE


def test_a_path_in_whose_midst_its_run_is_lost_ends_all(bench: Bench) -> None:
    def lost(context: Context) -> Iterator[PathOutcome]:
        bench.hold.lose()
        context.go_on()
        yield from ()

    assert bench.gives(lost) is None


def test_a_task_that_was_handed_back_before_it_began_has_done_nothing(bench: Bench) -> None:
    bench.hold.hand_back()
    ended = event(bench.gives(all_processed), wire.Ended)
    assert (ended.handed_back, wire.decompress(ended.codes, 3)) == (True, b"\0\0\0")


def test_nothing_is_said_of_a_run_that_was_lost(bench: Bench) -> None:
    def lost(context: Context) -> Iterator[PathOutcome]:
        yield processed(context.items[0])
        bench.hold.lose()
        context.confirm()

    assert bench.gives(lost) is None


@pytest.mark.parametrize("error", [SystemExit(3), KeyError("x"), Stopped()])
def test_whatever_a_step_raises_stays_in_its_task(bench: Bench, error: BaseException) -> None:
    def burst(context: Context) -> Iterator[PathOutcome]:
        raise error

    packed = bench.gives(burst)
    assert (packed is None) == isinstance(error, Stopped)


# Targets ------------------------------------------------------------------------------------------------------


def told(place: Path, secret: dict[str, str] | None = None, key: bytes = BOX_KEY) -> wire.TargetTold:
    """What the hub says of a target."""
    sealed = SealedBox(PrivateKey(key).public_key).encrypt(json.dumps(secret).encode()) if secret else b""
    return wire.TargetTold("archive", f"file://{place}/archive", sealed, b"tag1")


def taking(targets: list[Target]) -> Do:
    """A step that asks for its target."""

    def do(context: Context) -> Iterator[PathOutcome]:
        targets.append(context.target())
        yield from map(processed, context.items)

    return do


def test_a_target_is_opened_once_with_its_unsealed_secret_and_kept(bench: Bench) -> None:
    bench.told = [told(bench.place, {"user": "x"})]
    now = bench.clock.now
    shared = Targets(bench.ask, BOX_KEY, bench.open, now)
    targets = [shared.named("archive", bench.hold) for _ in range(3)]
    assert bench.opened == [(f"file://{bench.place}/archive", {"user": "x"})]
    assert bench.asked == [wire.TargetAsked(name="archive")]
    assert targets[0].directory == bytes(bench.place / "archive")
    assert (targets[0].name, targets[0].tag) == ("archive", b"tag1")
    bench.clock.advance(KEPT + 1)
    bench.hold.heard(now())
    assert shared.named("archive", bench.hold) is targets[0]
    assert len(bench.asked) == 2
    bench.told = [told(bench.place, {"user": "y"})]
    bench.clock.advance(KEPT + 1)
    assert shared.named("archive", bench.hold) is not targets[0]
    bench.told = [HubAway("gone")]
    bench.clock.advance(KEPT + 1)
    assert shared.named("archive", bench.hold).name == "archive"


def test_a_target_is_found_by_the_tag_in_a_mark(bench: Bench) -> None:
    bench.told = [told(bench.place)]
    found: list[Target] = []

    def do(context: Context) -> Iterator[PathOutcome]:
        found.append(context.target_of(b"tag1"))
        yield from map(processed, context.items)

    event(bench.gives(do), wire.Ended)
    assert bench.asked == [wire.TargetAsked(tag=b"tag1")]
    assert found[0].name == "archive"


@pytest.mark.parametrize(
    ("endpoint", "answer", "reason", "error_class"),
    [
        ("archive", wire.TargetTold(""), "target 'archive': the hub has none such", ErrorClass.PERMANENT),
        ("archive", HubRefused("busy"), "target 'archive': busy", ErrorClass.TRANSIENT),
        ("archive", wire.TargetTold("archive", "ftp://x"), "target 'archive': ", ErrorClass.PERMANENT),
        ("archive", wire.TargetTold("archive", "file:///etc"), "found '/etc'", ErrorClass.NO_PERMISSION),
        ("", None, "expected the step's 'endpoint' or a default target", ErrorClass.PERMANENT),
    ],
)
def test_a_target_that_cannot_be_had_says_why(
    bench: Bench, endpoint: str, answer: wire.TargetTold | Exception, reason: str, error_class: ErrorClass
) -> None:
    bench.told = [answer]
    raised: list[StorageError] = []

    def do(context: Context) -> Iterator[PathOutcome]:
        try:
            context.target()
        except StorageError as error:
            raised.append(error)
            raise
        yield from map(processed, context.items)

    failed = event(bench.gives(do, endpoint=endpoint), wire.Failed)
    assert reason in failed.error
    assert failed.error == raised[0].reason
    assert raised[0].error_class is error_class


def test_a_secret_sealed_to_another_node_is_not_opened(bench: Bench) -> None:
    bench.told = [told(bench.place, {"user": "x"}, key=bytes(32))]
    assert (
        "sealed to another node's key"
        in event(bench.gives(taking([]), endpoint="archive"), wire.Failed).error
    )


def test_a_task_that_waits_for_its_target_is_handed_back_with_what_was_done(bench: Bench) -> None:
    bench.told = [HubAway("gone")]

    def do(context: Context) -> Iterator[PathOutcome]:
        yield processed(context.items[0])
        bench.hold.hand_back()
        context.target()

    ended = event(bench.gives(do, endpoint="archive"), wire.Ended)
    assert (ended.handed_back, wire.decompress(ended.codes, 3)) == (True, bytes([Code.PROCESSED, 0, 0]))


def test_a_task_whose_run_is_lost_while_it_waits_for_its_target_says_nothing(bench: Bench) -> None:
    bench.told = [HubAway("gone")]

    def do(context: Context) -> Iterator[PathOutcome]:
        bench.hold.lose()
        context.target()
        yield from map(processed, context.items)

    assert bench.gives(do, endpoint="archive") is None


def test_a_hub_that_comes_back_tells_the_target(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("towpath.worker.targets.AGAIN", 0.001)
    bench.told = [HubAway("gone"), HubAway("gone"), told(bench.place)]
    targets: list[Target] = []
    event(bench.gives(taking(targets), endpoint="archive"), wire.Ended)
    assert len(bench.asked) == 3
    assert targets[0].name == "archive"
