"""Readings are shared among those who ask the same before one has begun."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy.engine import Connection
from tests.fixtures_store import database_url
from tests.hub_desk import Numbers
from tests.site_node import in_a_loop, until

from towpath.api.sharing import Sharing
from towpath.domain.errors import NotFound
from towpath.store.database import Database

__all__ = ["database_url"]


@dataclass
class Reader:
    """Counts how often it reads, and does not end before it may."""

    runs: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    fault: Exception | None = None

    def read(self, _conn: Connection) -> int:
        self.runs += 1
        self.begun.set()
        assert self.may_end.wait(20)
        if self.fault:
            raise self.fault
        return self.runs


@pytest.fixture
def sharing(database_url: str) -> Iterator[Sharing]:
    database = Database(database_url, Numbers())
    yield Sharing(database)
    database.stop()


def busy() -> Callable[[], None]:
    """Keep the only thread that reads busy, until what is returned is called."""
    threads, free = ThreadPoolExecutor(1), threading.Event()
    asyncio.get_running_loop().set_default_executor(threads)
    threads.submit(free.wait)
    return free.set


async def ask(sharing: Sharing, what: str, reader: Reader) -> "asyncio.Task[int]":
    task = asyncio.ensure_future(sharing.read(what, reader.read))
    await asyncio.sleep(0)
    return task


@in_a_loop
async def test_all_who_ask_before_a_reading_has_begun_are_given_the_same(sharing: Sharing) -> None:
    reader, go_on = Reader(), busy()
    reader.may_end.set()
    asked = [await ask(sharing, "jobs", reader) for _ in range(3)]
    go_on()
    assert await asyncio.gather(*asked) == [1, 1, 1]


@in_a_loop
async def test_who_asks_something_else_is_given_another_reading(sharing: Sharing) -> None:
    reader, other, go_on = Reader(), Reader(), busy()
    reader.may_end.set()
    other.may_end.set()
    asked = [await ask(sharing, "jobs", reader), await ask(sharing, "sites", other)]
    go_on()
    await asyncio.gather(*asked)
    assert (reader.runs, other.runs) == (1, 1)


@in_a_loop
async def test_who_asks_once_a_reading_has_begun_is_given_a_later_one(sharing: Sharing) -> None:
    reader = Reader()
    first = await ask(sharing, "jobs", reader)
    await until(reader.begun.is_set, "the first reading begins")
    second = await ask(sharing, "jobs", reader)
    reader.may_end.set()
    await asyncio.gather(first, second)
    assert reader.runs == 2


@in_a_loop
async def test_who_hangs_up_takes_nothing_from_the_others(sharing: Sharing) -> None:
    reader, go_on = Reader(), busy()
    reader.may_end.set()
    first, second = await ask(sharing, "jobs", reader), await ask(sharing, "jobs", reader)
    first.cancel()
    go_on()
    assert await second == 1


@in_a_loop
async def test_all_hear_of_what_a_reading_has_met_and_the_next_begins_anew(sharing: Sharing) -> None:
    reader, go_on = Reader(fault=NotFound("no job 9")), busy()
    reader.may_end.set()
    asked = [await ask(sharing, "job 9", reader) for _ in range(2)]
    go_on()
    for one in asked:
        with pytest.raises(NotFound):
            await one
    reader.fault = None
    assert await (await ask(sharing, "job 9", reader)) == 2
