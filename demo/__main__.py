"""The story of the demo: premigrate, stub, recall, send; with a pause, a cancel, and a path that fails."""

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from rich.table import Table

from demo import tree
from demo.hub import Demo, Wrong, start, towpath
from demo.say import console, say, title
from towpath.cli.output import size as shown


def main() -> int:
    """Run the demo; 0 where every job ended as expected and the checksums are equal."""
    source = Path(os.environ.get("DIR") or sysconfig.get_path("stdlib")).expanduser().resolve()
    keep = os.environ.get("KEEP", "") not in ("", "0")
    if not source.is_dir():
        print(f"DIR={source}: expected a directory", file=sys.stderr)
        return 1
    top = Path(tempfile.mkdtemp(prefix="towpath-demo-"))
    home = top / "home"
    try:
        if not plant(source, top / "oslo" / "data"):
            return 1
        (top / "bergen").mkdir()
        (top / "vault").mkdir()
        demo = start(home, [("oslo", top / "oslo"), ("bergen", top / "bergen")])
        towpath(home, "target", "add", "vault", f"file://{top / 'vault'}")
        equal = tell(demo, top)
        close(demo, equal)
        return 0 if all(before == after for _, before, after in equal) else 1
    except Wrong as error:
        print(f"demo: {error}", file=sys.stderr)
        for log in sorted((home / "logs").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}", file=sys.stderr)
        return 1
    finally:
        if keep:
            say(
                f"\nIt is left running in {top}\n  export TOWPATH_HOME={home}\n  towpath job list\n  towpath down"
            )
        else:
            if home.exists():
                towpath(home, "down")
            shutil.rmtree(top, ignore_errors=True)


def plant(source: Path, to: Path) -> bool:
    """Copy the tree into the first site; a very large one only if that is really meant."""
    title("A tree of real files at site oslo")
    size = tree.measure(source)
    if size.bytes > tree.MOST_BYTES and not _is_meant(source, size):
        return False
    tree.copy(source, to)
    tree.fill(to, tree.measure(to))
    planted = tree.measure(to)
    say(f"{planted.files:,} files, {shown(planted.bytes)}, copied from {source}")
    return True


def _is_meant(source: Path, size: tree.Size) -> bool:
    if not sys.stdin.isatty():
        print(
            f"DIR={source}: it holds {shown(size.bytes)}; run this at a terminal to confirm", file=sys.stderr
        )
        return False
    return input(f"{source} holds {shown(size.bytes)}, which is copied. Go on? [y/N] ").strip().lower() == "y"


def tell(demo: Demo, top: Path) -> list[tuple[str, str, str]]:
    """The whole story; returns pairs of checksums that must be equal."""
    data = top / "oslo" / "data"
    before = tree.checksum(data)
    cancel(demo, data)
    premigrate(demo, data)
    migrate(demo, data)
    recall(demo, data, top / "vault")
    equal = [("oslo, after recall", before, tree.checksum(data))]
    title("Send: the same tree at site bergen")
    fields: dict[str, bool | int | str] = {"destinationsite": "bergen", "hydrate": True}
    demo.finish("send", demo.submit("send", "oslo", data, fields), "SUCCESS")
    equal.append(("bergen, after send", before, tree.checksum(top / "bergen" / "data")))
    return equal


def cancel(demo: Demo, data: Path) -> None:
    """A job that is cancelled on its way."""
    title("Cancel: a premigrate that somebody stops")
    job = demo.submit("premigrate", "oslo", data)
    job = demo.watch("premigrate", job, lambda j: j.state == "STARTED")
    job = demo.ask(job, "cancel", {"reason": "wrong target"})
    demo.finish("premigrate, cancelled", job, "CANCELLED")


def premigrate(demo: Demo, data: Path) -> None:
    """A job that is paused on its way, and resumed."""
    title("Premigrate: verified copies at the target, paused half-way and resumed")
    job = demo.submit("premigrate", "oslo", data)
    job = demo.watch("premigrate", job, lambda j: j.state == "STARTED")
    job = demo.ask(job, "pause", {"now": True, "reason": "tape library down"})
    job = demo.watch("paused", job, lambda j: j.state == "PAUSED")
    if job.state != "PAUSED":
        raise Wrong(f"expected job {job.id} to be paused, found {job.state}")
    say(f"  why it waits: {job.waiting}")
    job = demo.ask(job, "resume")
    demo.finish("premigrate, resumed", job, "SUCCESS")


def migrate(demo: Demo, data: Path) -> None:
    """Stubs in place of files."""
    title("Migrate: stubs in place of files")
    held = tree.allocated(data)
    demo.finish("migrate", demo.submit("migrate", "oslo", data), "SUCCESS")
    say(f"  on disk before {shown(held)}, after {shown(tree.allocated(data))}")


def recall(demo: Demo, data: Path, vault: Path) -> None:
    """The data comes back; one path fails, is mended, and is retried alone."""
    title("Recall: the data comes back, and one path fails on purpose")
    lost = max(
        (p for p in vault.rglob("*") if p.is_file() and ".towpath" not in p.parts),
        key=lambda p: p.stat().st_size,
    )
    aside = vault.parent / "aside"
    lost.rename(aside)
    job = demo.finish("recall", demo.submit("recall", "oslo", data), "FAILURE")
    for path in demo.failed_paths(job):
        say(f"  failed: {path['path']}\n  because: {path['reason']}")
    aside.rename(lost)
    say("  the object is back in its place; the paths that failed are retried")
    demo.finish("recall, retried", demo.ask(job, "retry", {"which": "failed"}), "SUCCESS")


def close(demo: Demo, equal: list[tuple[str, str, str]]) -> None:
    """The closing tables."""
    title("What was run")
    jobs = Table(box=None, pad_edge=False)
    for name, side in (
        ("job", "right"),
        ("what", "left"),
        ("state", "left"),
        ("paths", "right"),
        ("bytes", "right"),
    ):
        jobs.add_column(name, justify="right" if side == "right" else "left")
    for name in ("seconds", "files/s", "done", "failed", "skipped", "not run"):
        jobs.add_column(name, justify="right")
    for ran in demo.ran:
        totals = ran.job.totals
        counts = (totals.done, totals.failed, totals.skipped, totals.not_run)
        jobs.add_row(
            str(ran.job.id), ran.what, ran.job.state, f"{totals.discovered:,}", shown(ran.job.bytes_done),
            f"{ran.seconds:.1f}", f"{totals.done / max(ran.seconds, 0.001):,.0f}", *(f"{c:,}" for c in counts),
        )  # fmt: skip
    console.print(jobs)
    console.print()
    sums = Table(box=None, pad_edge=False)
    for name in ("tree", "checksum before", "checksum after", ""):
        sums.add_column(name)
    for name, before, after in equal:
        sums.add_row(name, before, after, "equal" if before == after else "[red]DIFFERENT[/]")
    console.print(sums)


if __name__ == "__main__":
    raise SystemExit(main())
