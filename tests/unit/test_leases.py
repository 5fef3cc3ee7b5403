"""Leases count heartbeats missed while the hub could hear, and nothing else."""

from collections import Counter

from towpath.hub.leases import Leases

BEATS = 4
NODE, OTHER = 7, 8


class Watch:
    """A hub's leases, and how many heartbeats its nodes have given to it or to any other hub."""

    def __init__(self) -> None:
        self.leases = Leases(BEATS)
        self.given: Counter[int] = Counter()

    def period(self, *awaited: int, heard: tuple[int, ...] = (), could_hear: bool = True) -> list[int]:
        """A heartbeat's time goes by, in which these nodes are heard: those whose leases ran out."""
        self.given.update(heard)
        return self.leases.period({node: self.given[node] for node in awaited}, could_hear)

    def silence(self, number: int, could_hear: bool = True) -> list[int]:
        """That many periods in which nobody says anything: all whose leases ran out."""
        return [node for _ in range(number) for node in self.period(NODE, OTHER, could_hear=could_hear)]


def watching() -> Watch:
    """A hub that has seen both nodes."""
    watch = Watch()
    assert watch.period(NODE, OTHER) == []
    return watch


def test_a_hub_that_starts_gives_every_lease_its_full_length() -> None:
    watch = watching()
    assert watch.silence(BEATS - 1) == []
    assert watch.silence(1) == [NODE, OTHER]


def test_a_hub_that_slept_gives_every_lease_its_full_length_again() -> None:
    watch = watching()
    watch.silence(BEATS - 1)
    watch.leases.renew()
    assert watch.silence(BEATS - 1) == []
    assert watch.silence(1) == [NODE, OTHER]


def test_a_lease_that_ran_out_runs_out_once_and_has_its_full_length_again() -> None:
    watch = watching()
    watch.silence(BEATS)
    assert watch.silence(BEATS - 1) == []
    assert watch.silence(1) == [NODE, OTHER]


def test_a_node_that_is_heard_has_missed_nothing() -> None:
    watch = watching()
    watch.silence(BEATS - 1)
    assert watch.period(NODE, OTHER, heard=(NODE,)) == [OTHER]
    assert [watch.period(NODE) for _ in range(BEATS)] == [[], [], [], [NODE]]


def test_being_heard_twice_in_a_period_counts_for_that_period_only() -> None:
    watch = watching()
    assert watch.period(NODE, heard=(NODE, NODE)) == []
    assert [watch.period(NODE) for _ in range(BEATS)] == [[], [], [], [NODE]]


def test_a_period_in_which_the_hub_could_not_hear_counts_for_nothing() -> None:
    watch = watching()
    watch.silence(BEATS - 1)
    assert watch.silence(50, could_hear=False) == []
    assert watch.silence(1) == [NODE, OTHER]


def test_a_node_heard_in_a_period_that_counts_for_nothing_was_heard_all_the_same() -> None:
    watch = watching()
    watch.silence(BEATS - 1)
    watch.period(NODE, OTHER, heard=(NODE,), could_hear=False)
    assert watch.silence(1) == [OTHER]


def test_a_node_that_is_not_waited_for_misses_nothing() -> None:
    watch = watching()
    for _ in range(BEATS):
        assert watch.period() == []
    assert watch.silence(BEATS) == []
    assert watch.silence(1) == [NODE, OTHER]


def test_what_a_node_missed_before_it_came_back_is_forgotten_when_it_is_heard() -> None:
    """It was lost, and nobody waited for it; the hello that ends this is the first that is heard of it."""
    watch = watching()
    watch.silence(BEATS - 1)
    assert watch.period(OTHER) == [OTHER]
    assert watch.period(NODE, heard=(NODE,)) == []
    assert [watch.period(NODE) for _ in range(BEATS)] == [[], [], [], [NODE]]
