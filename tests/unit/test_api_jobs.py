"""Jobs over the API: start, list, steer, and ask what became of each path."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.fixtures_api import ROOT, SITE, Api, api, laid

from towpath.engine import registry

__all__ = ["api", "laid"]

ODD = b"/mnt/oslo/\xff\nodd"


def paths_of(api: Api, job: int, query: str = "") -> list[dict[str, Any]]:
    """Every row of a job's paths, streamed."""
    with api.http.stream("GET", f"/api/jobs/{job}/paths/?format=jsonl{query}") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.iter_lines()]


def pages_of(api: Api, url: str) -> Iterator[dict[str, Any]]:
    """The pages of a list, one after the other."""
    following: str | None = url
    while following is not None:
        answer = api.http.get(following)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        following = answer.json()["next"]


def test_a_job_is_started_and_shown(api: Api) -> None:
    order = {"workflow": "noop", "site": SITE, "paths": [ROOT]}
    answer = api.http.post("/api/file/workflow/", json=order)
    assert answer.status_code == 201
    job = answer.json()
    assert job["state"] == "PENDING"
    assert job["owner"] == "ana"
    assert job["discovery"] == "recursive"
    assert set(job["totals"]) == {"discovered", "done", "failed", "skipped", "aborted", "not_run", "unknown"}
    assert job["created_at"].endswith("Z")
    assert api.http.get(f"/api/jobs/{job['id']}/").json() == job


def test_every_path_has_its_outcome_once_for_each_step(api: Api) -> None:
    job = api.start(
        "noop", [f"{ROOT}/a", {"path": f"{ROOT}/b"}, {"path_b64": base64.b64encode(ODD).decode()}]
    )
    pending = paths_of(api, job)
    assert [row["outcome"] for row in pending] == ["pending"] * 3
    api.run(failed={b"b": "open: Permission denied"})
    rows = {row["path_b64"]: row for row in paths_of(api, job)}
    assert len(rows) == 3
    odd = rows[base64.b64encode(ODD).decode()]
    assert odd["path"] == "/mnt/oslo/\\xff\\x0aodd"
    assert odd["outcome"] == "processed"
    failed = paths_of(api, job, "&outcome=failed")
    assert [(row["path"], row["reason"], row["error_class"]) for row in failed] == [
        (f"{ROOT}/b", "open: Permission denied", "no_permission")
    ]
    shown = api.http.get(f"/api/jobs/{job}/").json()
    assert shown["state"] == "FAILURE"
    assert (shown["totals"]["done"], shown["totals"]["failed"]) == (2, 1)


def test_the_steps_of_a_job_have_counts_that_add_up(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/{n}" for n in range(5)])
    api.run(failed={b"3": "no"})
    steps = api.http.get(f"/api/jobs/{job}/steps/").json()
    assert steps["count"] == len(steps["results"])
    noop = next(step for step in steps["results"] if step["step"] == "noop")
    assert (noop["reached"], noop["processed"], noop["failed"]) == (5, 4, 1)
    assert noop["tasks"] == {"ERROR": 1}


def test_paths_come_in_pages_without_gap_or_repetition(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/{n:03}" for n in range(250)])
    api.run(failed={f"{n:03}".encode(): "no" for n in range(0, 250, 10)})
    pages = list(pages_of(api, f"/api/jobs/{job}/paths/?page_size=100"))
    assert [len(page["results"]) for page in pages] == [100, 100, 50]
    assert {page["count"] for page in pages} == {250}
    assert len({row["path"] for page in pages for row in page["results"]}) == 250
    numbered = list(pages_of(api, f"/api/jobs/{job}/paths/?page_size=100&page=1"))
    assert [page["results"] for page in numbered] == [page["results"] for page in pages]
    assert numbered[0]["previous"] is None
    assert "page=1" in numbered[1]["previous"]
    failed = list(pages_of(api, f"/api/jobs/{job}/paths/?outcome=failed&step=noop"))
    assert {page["count"] for page in failed} == {25}
    assert len([row for page in failed for row in page["results"]]) == 25
    task = pages[0]["results"][0]["task"]
    own = [row for page in pages for row in page["results"] if row["task"] == task]
    alone = list(pages_of(api, f"/api/jobs/{job}/paths/?task={task}&page_size=100"))
    assert [row for page in alone for row in page["results"]] == own
    assert {page["count"] for page in alone} == {len(own)}


def test_a_stream_has_every_row_however_many(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/{n:05}" for n in range(2500)])
    api.run()
    rows = paths_of(api, job)
    assert len({row["path"] for row in rows}) == len(rows) == 2500
    assert paths_of(api, job, "&outcome=failed") == []
    assert paths_of(api, job, "&step=other") == []


def test_a_stream_is_also_given_to_whoever_accepts_it(api: Api) -> None:
    job = api.start("noop", [ROOT])
    answer = api.http.get(f"/api/jobs/{job}/tasks/", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["step"] for line in answer.text.splitlines()]
    jobs = api.http.get("/api/jobs/", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["id"] for line in jobs.text.splitlines()] == [job]


def test_jobs_are_listed_the_newest_first_and_by_state(api: Api) -> None:
    ids = [api.start("noop", [f"{ROOT}/a"]) for _ in range(3)]
    api.run(failed={b"a": "no"})
    last = api.start("noop", [f"{ROOT}/b"])
    assert [job["id"] for job in api.http.get("/api/jobs/").json()["results"]] == [last, *reversed(ids)]
    failures = api.http.get("/api/jobs/?state=FAILURE").json()
    assert (failures["count"], [job["id"] for job in failures["results"]]) == (3, ids[::-1])
    assert api.http.get("/api/jobs/?workflow=migrate").json()["results"] == []
    assert api.http.get(f"/api/jobs/?site={SITE}").json()["count"] == 4
    two = list(pages_of(api, "/api/jobs/?page_size=2"))
    assert [job["id"] for page in two for job in page["results"]] == [last, *reversed(ids)]


def test_a_task_is_shown_with_its_counts(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a", f"{ROOT}/b"])
    api.run(failed={b"b": "no"})
    tasks = api.http.get(f"/api/jobs/{job}/tasks/?state=ERROR").json()
    assert tasks["count"] == 1
    task = tasks["results"][0]
    assert (task["step"], task["paths"], task["processed"], task["failed"]) == ("noop", 2, 1, 1)
    assert api.http.get(f"/api/tasks/{task['id']}/").json() == task


def test_a_job_is_paused_resumed_and_cancelled_with_who_and_why(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    paused = api.http.post(f"/api/jobs/{job}/pause/", json={"reason": "tape library down until 14:00"}).json()
    assert paused["state"] == "PAUSED"
    assert (paused["wish_by"], paused["wish_why"]) == ("ana", "tape library down until 14:00")
    assert api.claim() == []
    assert api.http.post(f"/api/jobs/{job}/resume/").json()["state"] == "PENDING"
    api.claim()
    assert api.http.post(f"/api/jobs/{job}/pause/", json={"now": True}).json()["state"] == "PAUSING"
    assert api.http.post(f"/api/jobs/{job}/cancel/").json()["state"] == "DEQUEUING"


def test_a_wish_that_the_state_does_not_allow_is_a_conflict(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    api.run()
    answer = api.http.post(f"/api/jobs/{job}/pause/")
    assert answer.status_code == 409
    assert f"job {job} is SUCCESS" in answer.json()["detail"]


def test_a_retry_is_a_new_job_of_the_paths_that_failed(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a", f"{ROOT}/b"])
    api.run(failed={b"b": "no"})
    answer = api.http.post(f"/api/jobs/{job}/retry/", json={"which": "failed"})
    assert answer.status_code == 201
    assert answer.json()["retry_of"] == job
    assert api.http.post(f"/api/jobs/{job}/retry/", json={"which": "some"}).status_code == 422


def test_the_same_idempotency_key_and_body_start_one_job(api: Api) -> None:
    order = {"workflow": "noop", "site": SITE, "paths": [ROOT]}
    headers = {"Idempotency-Key": "k1"}
    first = api.http.post("/api/file/workflow/", json=order, headers=headers)
    # Spelled differently, it is the same order.
    again = api.http.post("/api/file/workflow/", json=dict(reversed(order.items())), headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.http.post("/api/file/workflow/", json=order | {"queue": "q"}, headers=headers)
    assert other.status_code == 409
    assert f"the key belongs to job {first.json()['id']}" in other.json()["detail"]


def test_the_same_request_sent_many_times_at_once_starts_one_job(api: Api) -> None:
    order = {"workflow": "noop", "site": SITE, "paths": [ROOT]}

    def send(_number: int) -> httpx.Response:
        headers = dict(api.http.headers) | {"Idempotency-Key": "k1"}
        return httpx.post(
            f"{api.url}/api/file/workflow/", json=order, headers=headers, trust_env=False, verify=False
        )

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


def test_two_owners_may_draw_the_same_key(api: Api) -> None:
    order = {"workflow": "noop", "site": SITE, "paths": [ROOT]}
    with api.database.writing() as tx:
        key = registry.make_api_key(tx, "bea")
    ids = [
        api.http.post(
            "/api/file/workflow/",
            json=order,
            headers={"Idempotency-Key": "k1", "Authorization": f"Api-Key {whose}"},
        ).json()["id"]
        for whose in (api.key, key)
    ]
    assert ids[0] != ids[1]


def test_a_pause_until_a_time_is_shown_with_who_why_and_since(api: Api) -> None:
    job = api.start("noop", [ROOT])
    body = {"reason": "no tapes", "resume_at": "2100-01-01T14:00:00+01:00"}
    shown = api.http.post(f"/api/jobs/{job}/pause/", json=body).json()
    assert (shown["state"], shown["wanted"], shown["wish_by"]) == ("PAUSED", "pause", "ana")
    assert (shown["wish_why"], shown["resume_at"]) == ("no tapes", "2100-01-01T13:00:00Z")
    assert shown["waiting"] == "paused by ana until 2100-01-01 13:00:00 UTC: no tapes"
    assert api.http.post(f"/api/jobs/{job}/resume/").json()["resume_at"] is None
    made = api.http.get(f"/api/jobs/{job}/wishes/").json()["results"]
    assert [(wish["wanted"], wish["by"], wish["resume_at"]) for wish in made] == [
        ("pause", "ana", "2100-01-01T13:00:00Z"),
        ("run", "ana", None),
    ]


@pytest.mark.parametrize(
    ("when", "status", "text"),
    [
        ("2001-01-01T00:00:00Z", 400, "resume_at: expected a time to come, found 2001-01-01 00:00:00 UTC"),
        ("2100-01-01T00:00:00", 422, "resume_at: expected a time with its offset"),
        ("tomorrow", 422, "resume_at:"),
    ],
)
def test_a_pause_until_no_time_to_come_is_refused(api: Api, when: str, status: int, text: str) -> None:
    job = api.start("noop", [ROOT])
    answer = api.http.post(f"/api/jobs/{job}/pause/", json={"resume_at": when})
    assert answer.status_code == status
    assert text in answer.json()["detail"]
    assert api.http.get(f"/api/jobs/{job}/").json()["state"] == "PENDING"


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"workflow": "migrat"}, 404, "did you mean 'migrate'?"),
        ({"site": "osl"}, 404, "did you mean 'oslo'?"),
        ({"paths": ["/elsewhere"]}, 400, "lies beneath no root of site oslo"),
        ({"paths": ["a"]}, 400, "expected an absolute path, found 'a'"),
        ({"paths": []}, 422, "paths:"),
        ({"paths": [{"path": "/a", "path_b64": "YQ=="}]}, 422, "paths[0]: expected either path or path_b64"),
        ({"paths": [{"path_b64": "%"}]}, 422, "paths[0]: path_b64: expected base64"),
        ({"paths": [7]}, 422, "paths[0]:"),
        ({"fields": {"a": "b"}}, 400, "unknown field 'a'"),
        ({"discovery": "recursiv"}, 404, "did you mean 'recursive'?"),
        ({"sight": "oslo"}, 422, "sight:"),
    ],
)
def test_a_wrong_order_is_told_what_is_wrong_with_it(
    api: Api, change: dict[str, object], status: int, text: str
) -> None:
    answer = api.http.post(
        "/api/file/workflow/", json={"workflow": "noop", "site": SITE, "paths": [ROOT]} | change
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert text in answer.json()["detail"]
    assert api.http.get("/api/jobs/").json()["count"] == 0


def test_what_is_not_there_is_not_found(api: Api) -> None:
    for path in (
        "jobs/7/",
        "jobs/7/steps/",
        "jobs/7/wishes/",
        "jobs/7/tasks/",
        "jobs/7/paths/",
        "jobs/7/paths/?format=jsonl",
        "tasks/7/",
    ):
        answer = api.http.get(f"/api/{path}")
        assert answer.status_code == 404, path
        assert answer.json()["detail"] in ("no job 7", "no task 7")
    for verb in ("pause", "resume", "cancel", "retry"):
        assert api.http.post(f"/api/jobs/7/{verb}/").status_code == 404


def test_a_cursor_or_page_that_no_list_gave_is_refused(api: Api) -> None:
    job = api.start("noop", [ROOT])
    for query in (
        "cursor=x",
        "cursor=1.2.3",
        "cursor=1",
        "page=0",
        "page_size=101",
        "page=200&page_size=100",
        "cursor=1.1&page=1",
    ):
        answer = api.http.get(f"/api/jobs/{job}/paths/?{query}")
        assert answer.status_code in (400, 422), query
    assert api.http.get(f"/api/jobs/{job}/paths/?format=jsonl&cursor=x").status_code == 400


def test_jobs_are_listed_by_owner_queue_day_and_id(api: Api) -> None:
    ids = [api.start("noop", [f"{ROOT}/a"]) for _ in range(3)]
    api.run(failed={b"a": "no"})
    today = api.http.get(f"/api/jobs/{ids[0]}/").json()["created_at"][:10]

    def found(query: str) -> list[int]:
        answer = api.http.get(f"/api/jobs/?{query}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["count"] == len(answer.json()["results"])
        return [job["id"] for job in answer.json()["results"]]

    assert found("owner=ana&queue=default") == ids[::-1]
    assert found("owner=bea") == found("queue=night") == []
    assert found(f"created_from={today}") == ids[::-1]
    assert found(f"created_to={today}&created_from=2020-01-01") == ids[::-1]
    assert found("created_to=2020-01-01") == []
    assert found(f"id={ids[0]}&id={ids[2]}&id=999") == [ids[2], ids[0]]
    for day in ("yesterday", "0", "-6.2e-13", "20200101", "2020-01-01T00:00:00Z"):
        wrong = api.http.get(f"/api/jobs/?created_from={day}")
        assert wrong.status_code == 422, day
        assert wrong.json()["problems"][0]["place"] == "query.created_from"


def test_the_list_of_jobs_says_how_many_there_are_of_each_kind(api: Api) -> None:
    for _ in range(3):
        api.start("noop", [f"{ROOT}/a"])
    api.run(failed={b"a": "no"})
    api.start("checksum", [f"{ROOT}/b"])
    page = api.http.get("/api/jobs/?page_size=1&stats=true").json()
    stats = page["stats"]
    assert stats["state"] == {"FAILURE": 3, "PENDING": 1}
    assert stats["workflow"] == {"checksum": 1, "noop": 3}
    assert stats["owner"] == {"ana": 4}
    assert list(stats["created"].values()) == [4]
    assert api.http.get("/api/jobs/").json()["stats"] is None
    narrowed = api.http.get("/api/jobs/?state=FAILURE&stats=true").json()["stats"]
    assert narrowed["workflow"] == {"noop": 3}
