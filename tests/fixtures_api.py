"""Pytest fixtures: the API behind a real server, over a database of its own, with a site whose node the test plays."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from towpath.api.app import create_app
from towpath.api.context import Context
from towpath.api.heads import BoundedHeads
from towpath.bus.keys import make_seed, public_key
from towpath.config import Front, HubSettings
from towpath.domain.paths import Code, ErrorClass
from towpath.engine import grant, nodes, receive, registry, workflows
from towpath.store import schema
from towpath.store.database import Database
from towpath.wire import (
    Batch,
    Claim,
    Ended,
    Event,
    Grant,
    Hello,
    Note,
    Report,
    Want,
    compress,
    decompress,
    pack,
    unpack,
)

SITE, NODE, ROOT = "oslo", "n1", "/mnt/oslo"
INCARNATION = b"i" * 16
PATIENCE = 20.0
_CONTRACT: dict[str, Any] = {}
_LAID: list[tuple[Path, str]] = []


@dataclass
class Api:
    """The API at `url`; `http` has a key. The methods play the site's node."""

    url: str
    key: str
    database: Database
    http: httpx.Client
    context: Context
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _reports: Iterator[int] = field(default_factory=lambda: count(1))

    def contract(self) -> dict[str, Any]:
        """The OpenAPI document: the same at every hub, so it is asked for once. Not to be changed."""
        if not _CONTRACT:
            _CONTRACT.update(self.http.get("/api/openapi.json").raise_for_status().json())
        return _CONTRACT

    def start(self, workflow: str, paths: list[object], fields: dict[str, object] | None = None) -> int:
        """A job over these paths as they are; its id."""
        order = {
            "workflow": workflow,
            "site": SITE,
            "paths": paths,
            "fields": fields or {},
            "discovery": None,
        }
        answer = self.http.post("/api/file/workflow/", json=order)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def claim(self, slots: int = 8, function: str = "worker") -> list[Grant]:
        """The tasks that are due."""
        asked = Claim(INCARNATION, next(self._numbers), [Want("default", function, slots)])
        with self.database.writing() as tx:
            return grant.claim(tx, SITE, NODE, asked).grants

    def report(self, granted: Grant, failed: dict[bytes, str] | None = None) -> None:
        """A task has ended: these paths failed, with their reasons; the others were processed."""
        paths = unpack(granted.batch, Batch).paths
        mask = decompress(granted.mask, len(paths)) if granted.mask else b"\1" * len(paths)
        mine = [bool(unmasked) for unmasked in mask]
        reasons = failed or {}
        codes = bytes(
            (Code.FAILED if path in reasons else Code.PROCESSED) if own else Code.NONE
            for path, own in zip(paths, mine, strict=True)
        )
        notes = [
            Note(index, ErrorClass.NO_PERMISSION, reasons[path])
            for index, path in enumerate(paths)
            if path in reasons
        ]
        self.tell(Ended(granted.task, granted.run, compress(codes), notes, bytes=10))

    def tell(self, event: Event) -> None:
        """An event of the node."""
        report = Report(INCARNATION, next(self._reports), [pack(event)])
        with self.database.writing() as tx:
            receive.receive(tx, SITE, NODE, report)

    def run(self, failed: dict[bytes, str] | None = None) -> None:
        """Run all that is due, until nothing is."""
        while granted := self.claim():
            for one in granted:
                self.report(one, failed)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def lay(database: Database, roots: dict[str, str]) -> str:
    with database.writing() as tx:
        workflows.install(tx)
        registry.add_site(tx, SITE)
        registry.register_node(tx, SITE, NODE, public_key(make_seed()))
        queues = {"default": {"worker": 8, "discovery": 2}}
        nodes.hello(tx, SITE, NODE, Hello(1, INCARNATION, roots, queues, [], b"k" * 32, unguarded=True))
        return registry.make_api_key(tx, "ana")


async def hears() -> bool:
    return True


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """A server in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    # What it accepts is like it: asyncio does so by itself only for sockets that name their protocol, and the end
    # of each answer would wait 40 ms for the beginning to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app, http=BoundedHeads, ws="none", log_config=None, lifespan="off", proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), name="api")
    thread.start()
    end = time.monotonic() + PATIENCE
    while not server.started:
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A database with a site whose node has said hello, made once for all modules, and a key of ana's to it."""
    if not _LAID:
        _LAID.append(_laid(tmp_path_factory.mktemp("laid") / "hub.db"))
    return _LAID[0]


def _laid(file: Path) -> tuple[Path, str]:
    schema.upgrade(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}", now)
    key = lay(database, {"data": ROOT})
    with database.engine.connect() as connection:
        # What stands in the log beside the file would be lost with a copy of the file alone.
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.stop()
    return file, key


@pytest.fixture
def api(laid: tuple[Path, str], tmp_path: Path) -> Iterator[Api]:
    """The API with a site whose node has said hello, and a key of ana's."""
    with _running(laid, tmp_path, Front()) as running:
        yield running


@pytest.fixture
def proxied_api(laid: tuple[Path, str], tmp_path: Path) -> Iterator[Api]:
    """The same, where 127.0.0.1 is a proxy."""
    with _running(laid, tmp_path, Front(proxies=("127.0.0.1",))) as running:
        yield running


@contextmanager
def _running(laid: tuple[Path, str], tmp_path: Path, front: Front) -> Iterator[Api]:
    original, key = laid
    shutil.copyfile(original, tmp_path / "hub.db")
    settings = HubSettings(
        tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", "nats://127.0.0.1:1", max_body=200_000, front=front
    )
    database = Database(settings.database_url, now)
    database.start()
    app = create_app(database, settings, b"h" * 32, hears, now)
    with serving(app) as url:
        headers = {"Authorization": f"Api-Key {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False, verify=False) as http:
            yield Api(url, key, database, http, app.state.context)
    database.stop()
