"""Calls that are written once, as plans, and stand in the client that waits and in the one that is awaited."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import update_wrapper, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from towpath.client.plans import Feed, Plan, Retries

P = ParamSpec("P")
T = TypeVar("T")


class Driver(Protocol):
    """Carries plans out, and waits for them."""

    retries: Retries

    def run(self, plan: Plan[T]) -> T:
        """What comes of it."""

    def rows(self, feed: Feed[T]) -> Iterator[T]:
        """What comes of it, one by one."""


class AsyncDriver(Protocol):
    """Carries plans out, while others go on."""

    retries: Retries

    async def run(self, plan: Plan[T]) -> T:
        """What comes of it."""

    def rows(self, feed: Feed[T]) -> AsyncIterator[T]:
        """What comes of it, one by one."""


class Blocking:
    """A part of a client whose calls return when they are answered."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver


class Awaiting:
    """A part of a client whose calls are awaited."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver


class Part:
    """What plans find in the part that they belong to."""

    _driver: Any

    @property
    def _retries(self) -> Retries:
        retries: Retries = self._driver.retries
        return retries


class once(Generic[P, T]):  # noqa: N801  it is written as a decorator
    """A call with one result: `client.sites.get(...)`, or `await client.sites.get(...)`."""

    def __init__(self, plan: Callable[Concatenate[Any, P], Plan[T]]) -> None:
        self._plan = plan
        update_wrapper(self, plan)  # type: ignore[arg-type]

    @overload
    def __get__(self, part: Blocking, owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, part: Awaiting, owner: object) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, part: None, owner: object) -> "once[P, T]": ...

    def __get__(self, part: Any, owner: object) -> Any:
        """The call of that part of a client."""
        if part is None:
            return self

        @wraps(self._plan)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part._driver.run(self._plan(part, *args, **kwargs))

        return call


class many(Generic[P, T]):  # noqa: N801
    """A call with results that come one by one: `for row in …`, or `async for row in …`."""

    def __init__(self, feed: Callable[Concatenate[Any, P], Feed[T]]) -> None:
        self._feed = feed
        update_wrapper(self, feed)  # type: ignore[arg-type]

    @overload
    def __get__(self, part: Blocking, owner: object) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, part: Awaiting, owner: object) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, part: None, owner: object) -> "many[P, T]": ...

    def __get__(self, part: Any, owner: object) -> Any:
        """The call of that part of a client."""
        if part is None:
            return self

        @wraps(self._feed)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part._driver.rows(self._feed(part, *args, **kwargs))

        return call
