"""How commands print lists: tables for people, JSON for scripts, never held whole."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from towpath.cli.output import Column, Format, Rows, print_list, size
from towpath.domain.errors import Mistake


class Row(msgspec.Struct):
    """A row of a list."""

    id: int
    state: str


SHAPE = Rows(
    Row,
    (Column("id", 4, lambda r: str(r.id), right=True), Column("state", 9, lambda r: r.state)),
    "no rows",
)


def rows(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield json.dumps({"id": number, "state": "SUCCESS", "more": "å"}, ensure_ascii=False).encode()


def test_json_is_one_array_of_the_apis_own_objects(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(rows(3), SHAPE, Format(json=True))
    out = capsys.readouterr().out
    assert json.loads(out) == [{"id": n, "state": "SUCCESS", "more": "å"} for n in range(3)]
    assert out.isascii()


def test_json_of_nothing_is_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(rows(0), SHAPE, Format(json=True))
    assert json.loads(capsys.readouterr().out) == []


def test_jsonl_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(rows(3), SHAPE, Format(jsonl=True))
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [0, 1, 2]


def test_a_limit_reads_no_further(capsys: pytest.CaptureFixture[str]) -> None:
    source = rows(10)
    print_list(source, SHAPE, Format(jsonl=True, limit=2))
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert json.loads(next(source))["id"] == 2


def test_a_table_is_plain_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(rows(2), SHAPE, Format())
    assert capsys.readouterr().out.splitlines() == ["  id  state", "   0  SUCCESS", "   1  SUCCESS"]


def test_an_empty_table_says_so_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(rows(0), SHAPE, Format())
    assert capsys.readouterr() == ("", "no rows\n")


def test_two_formats_at_once_are_refused() -> None:
    with pytest.raises(Mistake, match="either --json or --jsonl"):
        Format(json=True, jsonl=True)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_440_000_000, "1.4 GB"), (10**18, "1000.0 PB")],
)
def test_sizes_are_short(count: int, text: str) -> None:
    assert size(count) == text
