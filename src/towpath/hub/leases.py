"""Leases: heartbeats that a node missed while the hub could have heard them, never time on a clock."""

from collections.abc import Collection


class Leases:
    """Counts missed heartbeats. A hub that starts, or that was cut off or asleep, gives every lease its full length."""

    def __init__(self, beats: int) -> None:
        self.beats = beats
        self._missed: dict[int, int] = {}
        self._heard: set[int] = set()

    def heard(self, node_id: int) -> None:
        """A node said something."""
        self._heard.add(node_id)

    def period(self, holders: Collection[int], could_hear: bool) -> list[int]:
        """One heartbeat's time has passed: the nodes among `holders` whose leases have now run out.

        `could_hear` False: the hub was not reachable, or slept, for a part of it, so nobody has missed anything.
        """
        run_out = []
        for node_id in holders:
            if node_id in self._heard:
                self._missed[node_id] = 0
            elif could_hear:
                self._missed[node_id] = self._missed.get(node_id, 0) + 1
            if self._missed.get(node_id, 0) >= self.beats:
                run_out.append(node_id)
                self._missed[node_id] = 0
        self._heard.clear()
        return run_out
