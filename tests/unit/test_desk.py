"""The desk as it begins: all sites hear that a hub answers."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.hub_desk import Numbers, furnish
from tests.site_node import in_a_loop, until

from towpath.config import HubSettings
from towpath.hub.desk import Desk
from towpath.store import schema
from towpath.store.database import Database

Answer = Callable[[str, str, str, bytes], Awaitable[bytes]]


class Quiet:
    """A link on which nobody asks anything; it keeps the hints that were given."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, bool]] = []
        self.up: Callable[[], None] = lambda: None

    async def serve(self, handler: Answer, /) -> None:
        """There is a bus at once."""
        self.up()

    async def close(self) -> None:
        """Nothing to leave."""

    def on_up(self, callback: Callable[[], None], /) -> None:
        """Keep it."""
        self.up = callback

    def on_nudge(self, callback: Callable[[], None], /) -> None:
        """There are no other hubs."""

    async def nudge(self) -> None:
        """There are no other hubs."""

    async def wake(self, site: str, *, began: bool = False) -> None:
        """Keep the hint."""
        self.hints.append((site, began))

    async def log_event(self, kind: str, payload: bytes, number: str) -> bool:
        """There is no log here, and none is missed."""
        return True

    async def is_reachable(self) -> bool:
        """Always."""
        return True


@in_a_loop
async def test_all_sites_hear_that_a_hub_answers_when_it_starts_and_when_the_bus_is_back(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    schema.upgrade(url)
    clock = Numbers()
    database = Database(url, clock)
    furnish(database, clock)
    database.start()
    link = Quiet()
    desk = Desk(database, link, HubSettings(tmp_path, url, "nats://127.0.0.1:1"), bytes(32))
    await desk.start()
    expected = [("bergen", True), ("oslo", True)]
    await until(lambda: [hint for hint in link.hints if hint[1]] == expected, "all sites were woken")
    link.up()
    await until(lambda: [hint for hint in link.hints if hint[1]] == expected * 2, "and again")
    await desk.stop()
    database.stop()
