"""What holds for every test: how a skip counts, and the line that a run ends with."""

import gc
import os
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.applicable import NOT_HERE
from tests.fixtures_azurite import azurite, container
from tests.fixtures_gcs import google
from tests.fixtures_postgres import databases, postgres
from tests.fixtures_seaweed import bucket, seaweed
from tests.fixtures_store import fresh_file
from tests.spreading import spread
from tests.tiers import mark

__all__ = ["azurite", "bucket", "container", "databases", "fresh_file", "google", "postgres", "seaweed"]
# Here, once: each module that imports a fixture of the session has a server of its own, to the end of the session.

NO_SKIPS = os.environ.get("TOWPATH_NO_SKIPS", "") not in ("", "0")
NOBODY = 65534

# Machines are shared: how long an example takes to draw or to run says nothing.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Let children be interrupted, also where a shell that runs us in the background has SIGINT ignored: what is
    ignored stays so in every program that is started."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        and threading.current_thread() is threading.main_thread()
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector rest while all modules are loaded, of which nothing goes, and pass over them thereafter: looks
    at them take a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Mark the tests by which `-m` chooses, then order what is left of them for several workers; each of these comes to
    the same order."""
    mark(items)
    chosen = yield
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = spread(items, workers)
    return chosen


def _refuse_a_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip a failure, where none is allowed, unless the test is not for this machine."""
    if not NO_SKIPS or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = _reason(report)
    if reason.startswith(NOT_HERE):
        return
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: expected to run, found skipped: {reason}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it was skipped."""
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return told.removeprefix("Skipped: ")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at each part of each test."""
    report = yield
    _refuse_a_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at each module: one can be skipped whole."""
    report = yield
    _refuse_a_skip(report)
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with a line for each reason why tests are not for this machine, and one plain line that says how many passed
    and failed."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput") or config.option.collectonly:
        return
    passed, failed, skipped = (len(reporter.stats.get(key, ())) for key in ("passed", "failed", "skipped"))
    failed += len(reporter.stats.get("error", ()))
    reasons = Counter(map(_reason, reporter.stats.get("skipped", ())))
    for reason, times in sorted(reasons.items()):
        if reason.startswith(NOT_HERE):
            print(f"{times} {reason}", flush=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """The test runs without root's rights; `tmp_path` and what is made in it before belong to it."""
    if os.geteuid() != 0:
        yield
        return
    of_pytest = Path(tempfile.gettempdir())
    for above in tmp_path.parents:
        if above.is_relative_to(of_pytest) and above != of_pytest:
            above.chmod(0o711)
    for place in (tmp_path, *tmp_path.rglob("*")):
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
