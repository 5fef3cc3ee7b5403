"""The way of a job as a trace, by real processes and a collector that reads what they send."""

from collections.abc import Callable

from tests.collector import Collector, Told, collecting
from tests.fixtures_hub import Hub, until


def trace_of(collector: Collector, trace: str) -> list[Told]:
    """The spans of a trace that have arrived, each once."""
    return sorted({span.id: span for span in collector.spans() if span.trace == trace}.values(), key=by_time)


def by_time(span: Told) -> int:
    """For sorting."""
    return span.began


def run(hub: Hub, *words: str, status: int = 0) -> int:
    """A job to its end; its id."""
    return int(hub.json("run", *words, "--wait", status=status)["id"])


def test_a_job_is_one_trace_from_its_submission_to_the_report_of_its_node(
    make_hub: Callable[[], Hub],
) -> None:
    with collecting() as collector:
        hub = make_hub()
        hub.env |= collector.environment
        hub.up("oslo")
        (hub.site("oslo") / "file").write_text("x")
        job = run(hub, "checksum", "--site", "oslo", str(hub.site("oslo")))
        tasks = hub.json("job", "tasks", str(job))
        (trace,) = {task["trace_id"] for task in tasks}

        def arrived(name: str) -> list[Told]:
            return [span for span in trace_of(collector, trace) if span.name == name]

        until(lambda: len(arrived("report")) == len(tasks), "each report was told of")
        until(lambda: arrived("run checksum"), "the node told of its run")
        (root,), (ran,) = arrived("submit checksum"), arrived("run checksum")
        claims = {span.id: span for span in arrived("claim")}
        claim = claims[ran.parent]
        reports = [span for span in arrived("report") if span.parent == claim.id]
        assert root.parent == ""
        assert {span.parent for span in claims.values()} == {root.id}
        assert (root.service, claim.service, ran.service) == ("towpath-hub", "towpath-hub", "towpath-worker")
        assert [span.facts["towpath.task.id"] for span in (claim, ran, *reports)] == [
            str(next(task["id"] for task in tasks if task["step"] == "checksum"))
        ] * 3
        assert ran.facts["towpath.paths"] == "1"
        assert claim.began <= ran.began <= ran.ended <= reports[0].ended
        assert len(arrived("run checksum")) == 1


def test_a_run_in_which_a_path_failed_says_so_in_its_trace(
    make_hub: Callable[[], Hub],
) -> None:
    with collecting() as collector:
        hub = make_hub()
        hub.env |= collector.environment
        hub.up("oslo")
        (hub.site("oslo") / "file").write_text("x")
        hub.run("target", "add", "far", "file:///where/no/node/may/look")
        words = ("migrate", "--site", "oslo", "--field", "endpoint=far", str(hub.site("oslo")))
        job = run(hub, *words, status=3)
        trace = next(task["trace_id"] for task in hub.json("job", "tasks", str(job)))

        def failed() -> list[Told]:
            return [span for span in trace_of(collector, trace) if span.error]

        until(failed, "the failure was told of")
        assert failed()[0].name == "run migrate"
        assert "error.type" in failed()[0].facts
