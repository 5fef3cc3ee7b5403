"""What an answered heartbeat vouches for: what it listed, unless the answer says otherwise."""

from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import in_a_loop

from towpath import wire
from towpath.worker.beating import Beating
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Held, Run


class Enough(Exception):
    """The test has seen what it came for."""


@in_a_loop
async def test_a_run_that_is_dropped_is_not_vouched_for_even_for_a_moment() -> None:
    hub, clock, held = SiteHub(), HandClock(), Held()
    fence = Fence(clock.now)
    fence.lease(30)
    kept, dropped = (Run(hub.add("noop"), Hold(fence, clock.now()), clock.now()) for _ in range(2))
    for run in (kept, dropped):
        held.add(run)
    hub.known.add(b"1" * 16)
    hub.held[kept.id] = kept.grant
    clock.advance(20)

    def judged(verdicts: wire.Verdicts) -> None:
        assert verdicts.drop == [dropped.id]
        assert fence.check(kept.hold.certain_at)
        assert not fence.check(dropped.hold.certain_at)
        raise Enough

    async def hello() -> None:
        raise AssertionError("expected a hub that knows the node")

    try:
        await Beating(hub, clock, held, fence, b"1" * 16).run(judged, hello)
    except Enough:
        return
    raise AssertionError("expected a verdict")
