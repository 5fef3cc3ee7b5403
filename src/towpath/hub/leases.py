"""Leases: heartbeats that a node missed while the hub could have heard them, never time on a clock."""

from collections.abc import Mapping


class Leases:
    """Counts missed heartbeats. A hub that starts, or that was cut off or asleep, gives every lease its full length."""

    def __init__(self, beats: int) -> None:
        self.beats = beats
        self._missed: dict[int, int] = {}
        self._given: dict[int, int] = {}

    def renew(self) -> None:
        """Give every lease its full length again."""
        self._missed.clear()

    def quiet(self, beats: int) -> list[int]:
        """The nodes that have missed at least so many heartbeats one after the other, and keep their leases yet."""
        return [node_id for node_id, missed in self._missed.items() if missed >= beats]

    def period(self, given: Mapping[int, int], could_hear: bool) -> list[int]:
        """One heartbeat's time has passed: the nodes whose leases have now run out.

        `given` says of each node that holds any how many heartbeats it has given in all, to whichever hub.
        `could_hear` False: no hub was reachable, or this one slept, for a part of it, so nobody has missed anything.
        """
        before, self._given = self._given, dict(given)
        missed = {node_id: self._missed.get(node_id, 0) for node_id in given}
        for node_id, beats in given.items():
            # One that was not awaited before may have said hello just now.
            if before.get(node_id) != beats:
                missed[node_id] = 0
            elif could_hear:
                missed[node_id] += 1
        run_out = [node_id for node_id, number in missed.items() if number >= self.beats]
        self._missed = {node_id: number for node_id, number in missed.items() if number < self.beats}
        return run_out
