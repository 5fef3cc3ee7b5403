"""Who may join the bus, read again and again beside the supervisor: nodes come and go while it lives."""

import threading
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from towpath.bus.server_config import NodeKey
from towpath.store.engines import Away

EVERY_SECONDS = 0.5


class Roll:
    """The nodes that the database has, as they were when it last answered.

    It is read by a thread: a database that hangs must not keep the supervisor from what it keeps alive.
    """

    def __init__(self, read: Callable[[], Sequence[NodeKey]], changed: Callable[[], None]) -> None:
        """`changed` is called, by another thread, whenever there are other nodes than before."""
        self._read = read
        self._changed = changed
        self._nodes = tuple(read())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_for_ever, name="roll", daemon=True)

    @property
    def nodes(self) -> tuple[NodeKey, ...]:
        """Every node that may join the bus."""
        return self._nodes

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._over.set()

    def look(self) -> None:
        """Read once, in the caller's own thread."""
        found = tuple(self._read())
        if found != self._nodes:
            self._nodes = found
            self._changed()

    def _look_for_ever(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self.look()
            except (Away, SQLAlchemyError):
                # Whatever keeps the database from answering, the nodes stay who they were.
                continue
