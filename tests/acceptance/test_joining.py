"""A node that joins from elsewhere: another user, another home, and nothing but a token that a person carries."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.acceptance import another
from tests.certificates import write_certificate
from tests.conftest import NOBODY
from tests.fixtures_hub import PATIENCE, Ended, Hub, MakeHub, until

from towpath.wire.joining import Ticket, read_token, write_token

AS_ANOTHER = (sys.executable, "-I", "-S", another.__file__, str(NOBODY))


class Elsewhere:
    """Another machine, as far as one can be had here: a user of its own where root runs the tests, and its own home."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.root_dir, self.log = root / "node", root / "files", root / "log"
        self.root_dir.mkdir()
        (self.root_dir / "one").write_bytes(b"1" * 1000)
        self.processes: list[subprocess.Popen[bytes]] = []
        if os.geteuid() == 0:
            for place in (root, *root.rglob("*")):
                os.chown(place, NOBODY, NOBODY)

    def start(self, *arguments: str, log: Path | None = None) -> "subprocess.Popen[bytes]":
        """A worker; it says what it does in the log."""
        hidden = ("TOWPATH_HOME", "TOWPATH_URL", "TOWPATH_API_KEY", "TOWPATH_CA")
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        place = ["--home", str(self.home), "--root", f"data={self.root_dir}"]
        with (log or self.log).open("ab") as said:
            process = subprocess.Popen(
                [*AS_ANOTHER, sys.executable, "-P", "-m", "towpath", "worker", *place, *arguments],
                env={**env, "HOME": str(self.root), "NO_COLOR": "1"},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self.processes.append(process)
        return process

    def hear(self, words: str, what: str) -> None:
        """Wait until the workers have said that."""
        try:
            until(lambda: words in self.log.read_text(), what)
        except AssertionError as error:
            raise AssertionError(f"{error}; they said:\n{self.log.read_text()[-4000:]}") from None

    def refused(self, *arguments: str) -> str:
        """What a worker says that does not start: one line."""
        log = self.root / f"refused-{len(self.processes)}"
        assert self.start(*arguments, log=log).wait(PATIENCE) == 1, log.read_text()
        said = log.read_text()
        assert said.count("\n") == 1, said
        return said

    def stop(self) -> None:
        """End all workers."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def hub(make_shared_hub: MakeHub) -> Hub:
    """A hub that speaks HTTPS, with a bus that speaks TLS, and a site that has no node yet."""
    made = make_shared_hub()
    write_certificate(made.root, "hub.example")
    tls = ("--tls-cert", "cert.pem", "--tls-key", "key.pem")
    made.run("up", "--detach", "--listen", "127.0.0.1:0", "--bus-listen", "127.0.0.1:0", *tls)
    made.run("site", "add", "rome")
    return made


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    """A machine of the test's own."""
    made = Elsewhere(tmp_path)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)


def token(hub: Hub, *arguments: str, site: str = "rome") -> str:
    """A fresh join token."""
    return hub.run("site", "token", site, *arguments).strip()


def online(hub: Hub, site: str = "rome") -> list[str]:
    """The nodes of a site that are heard."""
    nodes = hub.get("/api/nodes/", {"site": site})["results"]
    return [node["name"] for node in nodes if node["state"] == "online"]


def checked(hub: Hub, place: Path) -> Ended:
    """How a job over the other machine's files ends."""
    return hub.command("run", "checksum", "--site", "rome", "--wait", str(place))


def test_a_site_joins_with_a_token_works_starts_again_without_it_and_is_out_once_removed(
    hub: Hub, elsewhere: Elsewhere
) -> None:
    given = token(hub, "--node", "n1")
    elsewhere.start("--join", given)
    until(lambda: online(hub) == ["n1"], "the node was heard")
    assert checked(hub, elsewhere.root_dir).status == 0
    if os.geteuid() == 0:
        assert (elsewhere.home / "node.nk").stat().st_uid == NOBODY
    assert json.loads((elsewhere.home / "joined.json").read_text())["bus"].startswith("tls://127.0.0.1:")

    elsewhere.stop()
    second = elsewhere.start()
    until(lambda: elsewhere.log.read_text().count("the hub knows this node") == 2, "it was heard again")

    # Used: by whoever has found it, on a machine of his own, or in a home that has joined.
    assert "was used already, by node rome/n1; make another" in _stranger(elsewhere).refused("--join", given)
    assert "is the home of node rome/n1, which has joined" in elsewhere.refused("--join", given)

    hub.run("node", "remove", "rome/n1")
    assert hub.json("node", "list", "--site", "rome") == []
    elsewhere.hear("Authorization Violation", "its key was refused")
    assert second.poll() is None
    assert [row["state"] for row in hub.json("site", "tokens", "rome")] == ["used"]


def _stranger(elsewhere: Elsewhere) -> Elsewhere:
    place = elsewhere.root / "stranger"
    place.mkdir()
    return Elsewhere(place)


def test_a_second_node_waits_for_the_key_of_its_site(hub: Hub, elsewhere: Elsewhere) -> None:
    hub.run("site", "add", "bergen")
    first = _stranger(elsewhere)
    first.start("--join", token(hub, site="bergen"), "--node", "n1")
    try:
        until(lambda: hub.get("/api/sites/bergen/")["health"] == "ok", "the first node was heard")
        second = elsewhere.start("--join", token(hub, site="bergen"), "--node", "n2")
        assert second.wait(PATIENCE) == 1
        assert "site bergen has other nodes: copy site.key" in elsewhere.log.read_text()
        shutil.copy2(first.home / "site.key", elsewhere.home)
        if os.geteuid() == 0:
            os.chown(elsewhere.home / "site.key", NOBODY, NOBODY)
        elsewhere.start()
        until(lambda: len(online(hub, "bergen")) == 2, "both nodes were heard")
    finally:
        first.stop()


def test_a_token_that_was_revoked_has_expired_or_is_no_token_is_refused_in_one_sentence(
    hub: Hub, elsewhere: Elsewhere
) -> None:
    revoked, expired = token(hub), token(hub, "--expires", "+1s")
    rows = hub.json("site", "tokens", "rome")
    hub.run("site", "revoke", str(rows[1]["id"]))
    assert "this join token was revoked; make another" in elsewhere.refused("--join", revoked)
    tokens = "/api/join/tokens/"
    until(
        lambda: hub.get(tokens, {"site": "rome"})["results"][0]["state"] == "expired", "the token had expired"
    )
    assert "this join token has expired; make another" in elsewhere.refused("--join", expired)
    ticket = read_token(revoked)
    forged = write_token(Ticket(ticket.url, ticket.pin, "x" * 43))
    assert "the hub does not know this join token" in elsewhere.refused("--join", forged)
    assert "expected a whole token" in elsewhere.refused("--join", revoked[:-9])
    assert "expected --join TOKEN, or a --home that has joined" in elsewhere.refused()


def test_a_hub_that_shows_another_certificate_is_told_nothing(
    hub: Hub, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    ticket = read_token(token(hub))
    (tmp_path / "impostor").mkdir()
    cert, key = write_certificate(tmp_path / "impostor", "hub.example", "127.0.0.1")
    with impostor(cert, key) as (port, heard):
        moved = write_token(Ticket(f"https://127.0.0.1:{port}", ticket.pin, ticket.code))
        assert "expected https://127.0.0.1" in (said := elsewhere.refused("--join", moved))
        assert "to show the certificate whose key the token names, found another" in said
    assert heard == [b""]
    # The token is as good as before: whoever stood between has not seen it.
    assert hub.json("site", "tokens", "rome")[0]["state"] == "open"


@contextmanager
def impostor(cert: Path, key: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Somebody who speaks TLS, with all that one caller tells him."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    heard: list[bytes] = []

    def listen() -> None:
        caller, _ = listener.accept()
        caller.settimeout(PATIENCE)
        with context.wrap_socket(caller, server_side=True) as line:
            heard.append(line.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(PATIENCE)


def test_a_hub_whose_bus_nobody_elsewhere_can_reach_makes_no_token_for_there(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.up("oslo")
    refused = hub.command("site", "token", "oslo", "--url", "https://hub.example")
    assert refused.status == 1
    assert "start the hub with --bus-listen HOST:PORT" in refused.err
    # On one machine the loopback will do.
    assert read_token(token(hub, site="oslo")).pin == b""


def test_the_hub_of_a_token_is_asked_over_the_network_by_https_alone(elsewhere: Elsewhere) -> None:
    told = write_token(Ticket("http://hub.example:8420", b"", "code"))
    assert "expected the hub at an https URL, found http://hub.example:8420" in elsewhere.refused(
        "--join", told
    )
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert "the hub is not reachable at" in elsewhere.refused("--join", write_token(Ticket(url, b"", "code")))
