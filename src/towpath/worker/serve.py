"""The process of a node: real bus, clock, disk and threads are put together here, and signals are heard."""

import asyncio
import fcntl
import os
import random
import secrets
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import structlog
from nacl.public import PrivateKey

from towpath import __version__, wire
from towpath.bus.connection import NodeLink
from towpath.bus.keys import load_seed
from towpath.bus.settings import BusSettings
from towpath.descriptors import raise_descriptors
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass
from towpath.domain.traces import Telling
from towpath.hsm import mark as marks
from towpath.steps.protocol import HandedBack, Site
from towpath.storage.findings import Finding
from towpath.storage.opening import open_storage
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage, StorageError, Sweeping
from towpath.storage.roots import Root, Roots
from towpath.storage.wrappers import Retrying, Surroundings
from towpath.worker import keys, plugins
from towpath.worker.backoff import ANSWER_WITHIN
from towpath.worker.begun import BegunFile
from towpath.worker.buslink import BusLink
from towpath.worker.clock import BootClock, Clock
from towpath.worker.crew import Crew
from towpath.worker.disks import DiskWatch
from towpath.worker.fence import Fence, Hold
from towpath.worker.link import Link, Verb
from towpath.worker.loop import Machine, Worker
from towpath.worker.outbox import Outbox
from towpath.worker.pool import Pool
from towpath.worker.questions import Responder
from towpath.worker.runs import Means
from towpath.worker.settings import WorkerSettings
from towpath.worker.targets import Ask, Checker, Opener, Targets
from towpath.worker.unfinished import GiveUp, UnfinishedFile

LEFT_BEHIND = 1
"""The exit code of a node that left tasks behind: told twice to stop, or they did not end in time."""


log = structlog.get_logger()


async def serve(settings: WorkerSettings, traces: Telling | None = None) -> int:
    """Run a node until it is told to stop by SIGTERM or SIGINT; returns the exit code, 0 once it is drained.

    A second signal makes it leave at once. `traces` is told of its runs. Raises `Mistake` for a home, root or key that
    cannot be used.
    """
    # A file whose lease is broken by somebody's open sends SIGIO, which would end the process by default.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    raise_descriptors()
    seed = _seed(settings.seed_file)
    with _home(settings.home), _roots(settings) as roots:
        incarnation = secrets.token_bytes(16)
        with _writable(settings.home):
            outbox = Outbox(settings.home / "outbox.db", incarnation)
        place = BusSettings.parse(settings.bus_url, seed, settings.bus_ca, settings.bus_name)
        bus = NodeLink(place, settings.site, settings.node)
        log.info("starting", site=settings.site, node=settings.node, waiting=outbox.waiting)
        try:
            with ThreadPoolExecutor(1, "outbox") as disk:
                async with bus:
                    with _writable(settings.home):
                        worker = _worker(settings, BusLink(bus), roots, outbox, disk, traces)
                    _hear_signals(worker)
                    return 0 if await worker.run() else LEFT_BEHIND
        finally:
            outbox.close()


def _worker(
    settings: WorkerSettings,
    link: Link,
    roots: Roots,
    outbox: Outbox,
    disk: ThreadPoolExecutor,
    traces: Telling | None,
) -> Worker:
    clock = BootClock()
    box_key = keys.load_or_make(settings.home / "box.key")
    ask = hub_asker(link, asyncio.get_running_loop())
    steps = plugins.installed_steps()
    site_key = keys.load_or_make(settings.home / "site.key")
    targets = Targets(ask, box_key, opener(settings.allowed, settings.site), clock.now)
    means = Means(
        Site(settings.site, site_key, settings.unguarded, settings.steps),
        roots,
        steps,
        plugins.installed_discoveries(),
        targets,
        Crew(Pool("path", settings.io_threads), settings.io_threads),
        clock.now,
        UnfinishedFile(settings.home / "unfinished.db", giver_up(targets, clock)),
        Responder(targets, checker(settings.allowed), roots, site_key),
        traces,
    )
    hello = wire.Hello(
        version=wire.VERSION,
        incarnation=outbox.incarnation,
        roots=dict(settings.roots),
        queues={queue: dict(functions) for queue, functions in settings.queues.items()},
        steps=plugins.beyond_built_in(steps),
        box_key=bytes(PrivateKey(box_key).public_key),
        unguarded=settings.unguarded,
        trusted=marks.SETS_TRUSTED,
        software=f"towpath {__version__}",
    )
    jitter = random.Random()  # noqa: S311 (for waits alone)
    begun, disks = BegunFile(settings.home / "begun"), DiskWatch(settings.roots)
    machine = Machine(clock, jitter, outbox, disk, Pool, begun=begun, disks=disks)
    return Worker(link, machine, means, hello, settings.grace.total_seconds())


def hub_asker(link: Link, loop: asyncio.AbstractEventLoop) -> Ask:
    """A way to ask the hub for a target from a task's thread."""

    def ask(asked: wire.TargetAsked) -> wire.TargetTold:
        asking = link.ask(Verb.TARGET, asked, wire.TargetTold, ANSWER_WITHIN)
        return asyncio.run_coroutine_threadsafe(asking, loop).result()

    return ask


def giver_up(targets: Targets, clock: Clock) -> GiveUp:
    """Takes away what a put has left, unless the hub, which tells the target, is away."""
    hold = Hold(Fence(clock.now), 0.0)
    hold.hand_back()

    def give_up(tag: bytes, key: str) -> None:
        try:
            targets.tagged(tag, hold).storage.give_up(key)
        except HandedBack:
            raise StorageError("the hub is away", ErrorClass.TRANSIENT) from None

    return give_up


def opener(allowed: tuple[str, ...], site: str) -> Opener:
    """Opens targets, `file` targets only beneath the allowed directories; what fails for a moment is tried again.

    What writes of long ago have left there is taken away: at object stores, of this site alone.
    """
    directories = [os.fsencode(directory) for directory in allowed]
    around = Surroundings(time.monotonic, time.sleep, random.random)

    def opened(url: str, credentials: Mapping[str, str], storage_class: str) -> Storage:
        storage = open_storage(url, credentials, directories, storage_class=storage_class)
        if isinstance(storage, DirectoryStorage):
            storage.sweep(datetime.now(UTC))
        elif isinstance(storage, Sweeping):
            threading.Thread(target=_sweep, args=(storage, site), name="sweep", daemon=True).start()
        return Retrying(storage, around)

    return opened


def _sweep(storage: Sweeping, site: str) -> None:
    try:
        swept = storage.sweep(site, datetime.now(UTC))
    except StorageError as error:
        log.warning("writes of long ago were not looked for", reason=error.reason)
    else:
        if swept:
            log.info("writes of long ago were taken away", writes=swept)


def checker(allowed: tuple[str, ...]) -> Checker:
    """Tries targets out, `file` targets only beneath the allowed directories."""
    directories = [os.fsencode(directory) for directory in allowed]

    def check(url: str, credentials: Mapping[str, str]) -> list[Finding]:
        # Loaded only here: most nodes are never asked, and it needs the clients of object stores.
        checking = import_module("towpath.storage.checking")
        found: list[Finding] = checking.check_target(url, credentials, directories, lambda: datetime.now(UTC))
        return found

    return check


def _hear_signals(worker: Worker) -> None:
    told = 0

    def hear(name: str) -> None:
        nonlocal told
        told += 1
        log.info("told to stop", signal=name, times=told)
        if told == 1:
            worker.drain()
        else:
            worker.leave()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear, number.name)


def _seed(path: Path) -> str:
    try:
        return load_seed(path)
    except OSError as error:
        raise Mistake(f"{path}: expected the node's NKEY seed, found: {error.strerror}") from None


@contextmanager
def _home(home: Path) -> Iterator[None]:
    """The home, made where there is none, for this process alone: two that share an outbox would send it twice."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Mistake(
            f"home {home}: expected a directory of this node's own, found: {error.strerror}"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Mistake(
                f"home {home}: expected to be alone in it, found another worker that runs there"
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _writable(home: Path) -> Iterator[None]:
    """What a node keeps is opened: a home that takes nothing, as on a full disk, is told by name."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise Mistake(f"home {home}: expected room for what the node keeps there, found: {error}") from error


@contextmanager
def _roots(settings: WorkerSettings) -> Iterator[Roots]:
    opened: list[Root] = []
    try:
        for name, directory in settings.roots.items():
            try:
                opened.append(Root(name, os.fsencode(directory)))
            except OSError as error:
                raise Mistake(
                    f"root '{name}': cannot open the directory {directory}: {error.strerror}"
                ) from None
        yield Roots(opened)
    finally:
        for root in opened:
            root.close()
