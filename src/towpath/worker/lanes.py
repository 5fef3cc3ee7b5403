"""The lanes of a node: its slots by queue and function, as many as it was started with or as people wish."""

from collections.abc import Callable, Iterator, Mapping

from towpath.domain.slots import Queues, effective
from towpath.worker.pool import Hands
from towpath.worker.slots import Slots

Lane = tuple[str, str]
"""A queue and a function of it."""


class Lanes(Mapping[Lane, Slots]):
    """Every lane that the node has had; one without slots runs nothing."""

    def __init__(
        self, started_with: Queues, hands: Callable[[str, int], Hands], clock: Callable[[], float]
    ) -> None:
        self._started_with, self._hands, self._clock = started_with, hands, clock
        self._slots: dict[Lane, Slots] = {}
        self.set({})

    def set(self, wished: Queues) -> None:
        """Have as many slots as people wish, and where they wish nothing as many as the node was started with."""
        for queue, functions in effective(self._started_with, wished).items():
            for function, size in functions.items():
                self._resize((queue, function), size)

    def _resize(self, lane: Lane, size: int) -> None:
        slots = self._slots.get(lane)
        if slots is None:
            hands = self._hands("-".join(lane), size)
            self._slots[lane] = Slots(size, hands, self._clock)
        elif slots.size != size:
            slots.resize(size)

    def __getitem__(self, lane: Lane) -> Slots:
        return self._slots[lane]

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)
