"""Leases count heartbeats missed while the hub could hear, and nothing else."""

from towpath.hub.leases import Leases

BEATS = 4
NODE, OTHER = 7, 8


def silent_periods(leases: Leases, number: int, could_hear: bool = True) -> list[int]:
    """That many periods in which nobody says anything: all whose leases ran out."""
    return [node for _ in range(number) for node in leases.period([NODE, OTHER], could_hear=could_hear)]


def test_a_hub_that_starts_gives_every_lease_its_full_length() -> None:
    leases = Leases(BEATS)
    assert silent_periods(leases, BEATS - 1) == []
    assert leases.period([NODE, OTHER], could_hear=True) == [NODE, OTHER]


def test_a_lease_that_ran_out_runs_out_once_and_has_its_full_length_again() -> None:
    leases = Leases(BEATS)
    silent_periods(leases, BEATS)
    assert silent_periods(leases, BEATS - 1) == []
    assert silent_periods(leases, 1) == [NODE, OTHER]


def test_a_node_that_is_heard_has_missed_nothing() -> None:
    leases = Leases(BEATS)
    silent_periods(leases, BEATS - 1)
    leases.heard(NODE)
    assert leases.period([NODE, OTHER], could_hear=True) == [OTHER]
    assert sum(leases.period([NODE], could_hear=True) == [] for _ in range(BEATS - 1)) == BEATS - 1
    assert leases.period([NODE], could_hear=True) == [NODE]


def test_being_heard_once_counts_for_one_period_only() -> None:
    leases = Leases(BEATS)
    leases.heard(NODE)
    leases.heard(NODE)
    assert leases.period([NODE], could_hear=True) == []
    assert [leases.period([NODE], could_hear=True) for _ in range(BEATS)] == [[], [], [], [NODE]]


def test_a_period_in_which_the_hub_could_not_hear_counts_for_nothing() -> None:
    leases = Leases(BEATS)
    silent_periods(leases, BEATS - 1)
    assert silent_periods(leases, 50, could_hear=False) == []
    assert silent_periods(leases, 1) == [NODE, OTHER]


def test_a_node_heard_in_a_period_that_counts_for_nothing_was_heard_all_the_same() -> None:
    leases = Leases(BEATS)
    silent_periods(leases, BEATS - 1)
    leases.heard(NODE)
    leases.period([NODE, OTHER], could_hear=False)
    assert silent_periods(leases, 1) == [OTHER]


def test_a_node_that_is_not_waited_for_misses_nothing() -> None:
    leases = Leases(BEATS)
    for _ in range(BEATS):
        assert leases.period([], could_hear=True) == []
    assert silent_periods(leases, BEATS - 1) == []


def test_what_a_node_missed_before_it_came_back_is_forgotten_when_it_is_heard() -> None:
    """It was lost, and nobody waited for it; the hello that ends this is the first that is heard of it."""
    leases = Leases(BEATS)
    silent_periods(leases, BEATS - 1)
    assert leases.period([OTHER], could_hear=True) == [OTHER]
    leases.heard(NODE)
    assert leases.period([NODE], could_hear=True) == []
    assert [leases.period([NODE], could_hear=True) for _ in range(BEATS)][-1] == [NODE]
