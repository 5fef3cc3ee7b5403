"""What large puts have left at targets is noted where it outlives the worker, and goes once their jobs are over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures_hub import until

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import GivenUp, StorageError
from towpath.worker.unfinished import UnfinishedFile


class Vault:
    """Takes away what it is told to, unless it is closed."""

    def __init__(self) -> None:
        self.gone: list[tuple[bytes, str]] = []
        self.refuses: ErrorClass | None = None

    def give_up(self, tag: bytes, key: str) -> None:
        """Note it, or refuse."""
        if self.refuses is not None:
            raise StorageError("closed", self.refuses)
        self.gone.append((tag, key))


@pytest.fixture
def vault() -> Vault:
    """An open one."""
    return Vault()


@pytest.fixture
def notes(tmp_path: Path, vault: Vault) -> Iterator[UnfinishedFile]:
    """The notes of a node."""
    made = UnfinishedFile(tmp_path / "unfinished.db", vault.give_up)
    yield made
    made.close()


def interrupted(notes: UnfinishedFile, job: int, key: str) -> None:
    """A put that was given up."""
    with pytest.raises(GivenUp), notes.noted(job, b"tag1", key):
        raise GivenUp


def test_a_put_that_ended_well_is_not_noted_any_more(notes: UnfinishedFile) -> None:
    with notes.noted(7, b"tag1", "a"):
        assert notes.jobs() == [7]
    assert notes.jobs() == []


def test_a_put_that_did_not_end_is_known_to_the_next_life(
    notes: UnfinishedFile, tmp_path: Path, vault: Vault
) -> None:
    interrupted(notes, 7, "a")
    next_life = UnfinishedFile(tmp_path / "unfinished.db", vault.give_up)
    assert next_life.jobs() == [7]
    next_life.close()


def test_what_a_job_left_goes_once_it_is_over_and_nothing_else(notes: UnfinishedFile, vault: Vault) -> None:
    for job, key in ((7, "a"), (7, "b"), (8, "c")):
        interrupted(notes, job, key)
    notes.over([7])
    until(lambda: notes.jobs() == [8], "what job 7 left was taken away")
    assert sorted(vault.gone) == [(b"tag1", "a"), (b"tag1", "b")]


def test_a_put_that_another_job_goes_on_with_is_that_jobs(notes: UnfinishedFile, vault: Vault) -> None:
    interrupted(notes, 7, "a")
    interrupted(notes, 9, "a")
    assert notes.jobs() == [9]


def test_what_cannot_be_taken_away_now_is_tried_again(notes: UnfinishedFile, vault: Vault) -> None:
    interrupted(notes, 7, "a")
    vault.refuses = ErrorClass.TRANSIENT
    notes.over([7])
    vault.refuses = None

    def gone() -> bool:
        notes.over([7])
        return notes.jobs() == []

    until(gone, "it was taken away")
    assert (b"tag1", "a") in vault.gone


def test_a_target_that_is_gone_for_ever_is_not_asked_for_ever(notes: UnfinishedFile, vault: Vault) -> None:
    interrupted(notes, 7, "a")
    vault.refuses = ErrorClass.PERMANENT
    notes.over([7])
    until(lambda: notes.jobs() == [], "it was forgotten")
