"""Reports of a job: every path with its cause, as JSON lines, CSV and Parquet, streamed in flat memory."""

import base64
import csv
import io
import json
import sys

import httpx
import pyarrow.parquet as pq
import pytest
from tests.fixtures_api import ROOT, Api, api, laid

from towpath.api.parquet import GROUP, Parquet
from towpath.api.paths import Path
from towpath.api.reports import HEADS
from towpath.domain.paths import ErrorClass, Outcome

__all__ = ["api", "laid"]

ODD = 'b,"\n=é'


@pytest.fixture
def job(api: Api) -> int:
    """A job of three paths, of which one failed."""
    made = api.start("noop", [f"{ROOT}/a", f"{ROOT}/{ODD}", f"{ROOT}/c"])
    api.run(failed={b"a": 'a "quoted", cause'})
    return made


def download(api: Api, job: int, kind: str, **more: str) -> httpx.Response:
    """The report."""
    return api.http.get(f"/api/jobs/{job}/report/", params={"format": kind, **more})


def test_the_three_formats_tell_the_same(api: Api, job: int) -> None:
    lines = [json.loads(line) for line in download(api, job, "jsonl").text.splitlines()]
    table = list(csv.DictReader(io.StringIO(download(api, job, "csv").text, newline="")))
    parquet = pq.read_table(io.BytesIO(download(api, job, "parquet").content)).to_pylist()
    assert [row["path_b64"] for row in lines] == [
        base64.b64encode(f"{ROOT}/{name}".encode()).decode() for name in ("a", ODD, "c")
    ]
    assert (lines[0]["outcome"], lines[0]["reason"]) == ("failed", 'a "quoted", cause')
    assert parquet == [{head: row[head] for head in HEADS} for row in lines]
    assert table == [{head: "" if row[head] is None else str(row[head]) for head in HEADS} for row in parquet]


def test_a_report_is_narrowed_and_named(api: Api, job: int) -> None:
    failed = download(api, job, "parquet", outcome="failed")
    assert failed.headers["Content-Disposition"] == f'attachment; filename="job-{job}.parquet"'
    assert failed.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(failed.content)).num_rows == 1
    assert download(api, job, "csv", outcome="aborted").text == ",".join(HEADS) + "\r\n"
    assert pq.read_table(io.BytesIO(download(api, job, "parquet", step="none").content)).num_rows == 0
    assert download(api, job, "xlsx").status_code == 422
    assert download(api, 4711, "parquet").status_code == 404


def test_a_hub_without_pyarrow_says_what_to_install(
    api: Api, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "towpath.api.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused = download(api, job, "parquet")
    assert refused.status_code == 400
    assert refused.json()["detail"] == (
        "format parquet: expected pyarrow at the hub, found none; install towpath[parquet] there"
    )


def test_of_a_large_report_one_row_group_is_held() -> None:
    row = Path(
        task=1, rule=0, position=0, step="noop", site="oslo", root="data", path="/d/a", path_b64="L2QvYQ==",
        outcome=Outcome.FAILED, already=False, error_class=ErrorClass.TRANSIENT, reason="no",
    )  # fmt: skip
    form, written = Parquet(), []
    for _ in range(5 * GROUP // 1000):
        written.append(form.add([row] * 1000))
        assert len(form._rows) < GROUP
    assert sum(map(bool, written)) >= 4
    whole = pq.ParquetFile(io.BytesIO(b"".join(written) + form.end()))
    assert whole.metadata.num_rows == 5 * GROUP
    assert max(whole.metadata.row_group(n).num_rows for n in range(whole.num_row_groups)) == GROUP
    assert whole.read_row_group(0).to_pylist()[0]["error_class"] == "transient"
