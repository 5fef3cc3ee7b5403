"""Statements that are kept as constants: on SQLite, run again without what SQLAlchemy does for each run."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, IteratorResult, Row
from sqlalchemy.sql import Executable

Shape = tuple[object, ...]
"""The names of a statement's parameters, and how long those are that are lists: what its text depends on."""

MOST_SHAPES = 50
"""Of one statement."""

_LISTS = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a statement that gives no rows."""

    rowcount: int


class Rows(IteratorResult[Any]):
    """The result of a statement that gives rows: SQLAlchemy's, with a shorter way to the first row and to all."""

    def __init__(self, plan: "Plan", rows: Iterator[Any]) -> None:
        super().__init__(plan.rows, rows)
        self._make = plan.make

    def first(self) -> Row[Any] | None:
        """The first row, None where there is none; what comes after it is not read."""
        row = next(self.iterator, None)
        self.iterator = iter(())
        return None if row is None else self._make(row)

    def all(self) -> Sequence[Row[Any]]:
        """All rows that were not read yet."""
        return [self._make(row) for row in self.iterator]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a statement is run with parameters of one shape, as read off a run of SQLAlchemy's."""

    text: str
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """The values that the text asks for, in its order."""
    fixed: dict[str, Any]
    """Values that stand in the statement itself."""
    lists: tuple[tuple[str, tuple[str, ...]], ...]
    """Parameters that are lists, and the names of their members."""
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]
    """What makes a value fit for the driver, by place."""
    rows: Any
    """SQLAlchemy's description of the rows; None where there are none."""
    make: Any
    """Makes a row of that kind from one of the driver's."""
    is_select: bool

    def values(self, given: Mapping[str, Any]) -> Sequence[Any]:
        """One run's values, for the driver."""
        if self.fixed or self.lists:
            given = {**self.fixed, **given}
            for name, members in self.lists:
                given.update(zip(members, given[name], strict=True))
        taken = self.take(given)
        if not self.processors:
            return taken
        fit = list(taken)
        for place, process in self.processors:
            fit[place] = process(fit[place])
        return fit

    def run(self, driver: sqlite3.Connection, given: Any) -> Any:
        """Run it: a result that looks as SQLAlchemy's own."""
        if isinstance(given, list) and len(given) > 1:
            return Written(driver.executemany(self.text, [self.values(row) for row in given]).rowcount)
        cursor = driver.execute(
            self.text, self.values((given[0] if isinstance(given, list) else given) or {})
        )
        if self.rows is None:
            return Written(cursor.rowcount)
        # Of what a statement writes nothing may be left for later: it would be in the way of the commit.
        return Rows(self, iter(cursor if self.is_select else cursor.fetchall()))


_PLANS: WeakKeyDictionary[Executable, dict[Shape, Plan | None]] = WeakKeyDictionary()
"""Of all statements that were run; None where SQLAlchemy is to run it each time."""


class Preparing(Connection):
    """A connection to SQLite. What is run again is run from the text and the order of values that SQLAlchemy made the
    last time; what is built anew for each run is left to SQLAlchemy."""

    def execute(
        self, statement: Executable, parameters: Any = None, *, execution_options: Any = None
    ) -> CursorResult[Any]:
        """As SQLAlchemy's. Without an open transaction, or where somebody listens, it is just that."""
        if execution_options or not self._is_plain():
            return super().execute(statement, parameters, execution_options=execution_options)
        plans = _PLANS.get(statement)
        if plans is None:
            if statement.is_select or statement.is_dml:
                _PLANS[statement] = {}
            return super().execute(statement, parameters)
        shape = _shape(parameters)
        if shape in plans:
            plan = plans[shape]
            if plan is None:
                return super().execute(statement, parameters)
            try:
                return cast("CursorResult[Any]", plan.run(self._driver(), parameters))
            except sqlite3.Error as error:
                raise self._told(plan.text, error) from error
        result = super().execute(statement, parameters)
        if len(plans) < MOST_SHAPES:
            plans[shape] = _plan(statement, parameters, result)
        return result

    def scalar(self, statement: Executable, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """As SQLAlchemy's."""
        return self.execute(statement, parameters, execution_options=execution_options).scalar()

    def exec_driver_sql(
        self, statement: str, parameters: Any = None, execution_options: Any = None
    ) -> CursorResult[Any]:
        """As SQLAlchemy's; many rows go to the driver as they are."""
        if execution_options or not isinstance(parameters, list) or not self._is_plain():
            return super().exec_driver_sql(statement, parameters, execution_options)
        try:
            written = Written(self._driver().executemany(statement, parameters).rowcount)
        except sqlite3.Error as error:
            raise self._told(statement, error) from error
        return cast("CursorResult[Any]", written)

    def _is_plain(self) -> bool:
        listened = self._has_events or self.engine._has_events
        return self.in_transaction() and not listened and not self._execution_options

    def _driver(self) -> sqlite3.Connection:
        driver: Any = self.connection.dbapi_connection
        return cast(sqlite3.Connection, driver)

    def _told(self, text: str, error: sqlite3.Error) -> BaseException:
        """The driver's error, as SQLAlchemy tells it."""
        return sa.exc.DBAPIError.instance(text, None, error, sqlite3.Error, dialect=self.dialect)


def _shape(parameters: Any) -> Shape:
    if not parameters:
        return ()
    if isinstance(parameters, list):
        return (len(parameters) > 1, *parameters[0])
    shape = tuple(parameters)
    for name, value in parameters.items():
        if isinstance(value, _LISTS):
            shape += ((name, len(value)),)
    return shape


def _plan(statement: Executable, parameters: Any, result: CursorResult[Any]) -> Plan | None:
    """Read off a run of SQLAlchemy's how to do the same; None where that would not be all."""
    context: Any = result.context
    compiled = context.compiled
    if statement.get_execution_options() or not _is_simple(compiled, parameters):
        return None
    # Of a statement that is run with many rows at once the driver gives none back.
    if result.returns_rows and isinstance(parameters, list) and len(parameters) > 1:
        return None
    given = (parameters[0] if isinstance(parameters, list) else parameters) or {}
    sources = {name: _source(bind, name, given) for bind, name in compiled.bind_names.items()}
    text, names, processors = compiled.string, compiled.positiontup, dict(compiled._bind_processors)
    lists: dict[str, list[str]] = {}
    if compiled.post_compile_params:
        state = compiled.construct_expanded_state(given)
        text, names, lists = state.statement, state.positiontup, state.parameter_expansion
        processors |= state.processors
    members = tuple((sources[name] or "", tuple(parts)) for name, parts in lists.items())
    lengths = {name: len(parts) for name, parts in members}
    if text != context.statement or any(_length(given.get(name)) != n for name, n in lengths.items()):
        return None
    every = context.compiled_parameters[0]
    rows: Any = result._metadata if result.returns_rows else None
    listed = {name for parts in lists.values() for name in parts}
    return Plan(
        text,
        _taker([sources.get(name) or name for name in names]),
        {name: every[name] for name in names if sources.get(name) is None and name not in listed},
        members,
        tuple((place, processors[name]) for place, name in enumerate(names) if name in processors),
        rows,
        partial(Row, rows, rows._effective_processors, rows._key_to_index) if result.returns_rows else None,
        statement.is_select,
    )


def _is_simple(compiled: Any, parameters: Any) -> bool:
    """Whether a run is but a text and values: SQLAlchemy adds nothing to them, and has nothing to do afterwards."""
    return (
        compiled.positiontup is not None
        and not compiled.escaped_bind_names
        and not compiled.literal_execute_params
        and not any(bind.callable for bind in compiled.bind_names)
        and not (compiled.insert_prefetch or compiled.update_prefetch or compiled.implicit_returning)
        # Whoever inserts one row may ask for its key.
        and (isinstance(parameters, list) or not compiled.isinsert)
    )


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, _LISTS) else None


def _source(bind: Any, name: str, given: Mapping[str, Any]) -> str | None:
    """Under which name the value of a parameter is given; None where it stands in the statement."""
    return next((known for known in (bind.key, name) if known in given), None)


def _taker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if not names:
        return lambda given: ()
    if len(names) == 1:
        (only,) = names
        return lambda given: (given[only],)
    return cast(Callable[[Mapping[str, Any]], tuple[Any, ...]], itemgetter(*names))
