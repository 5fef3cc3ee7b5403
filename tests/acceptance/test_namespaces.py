"""A hub and a node in network namespaces of their own: nothing joins them but one link, and a token."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.applicable import not_here
from tests.certificates import write_certificate
from tests.fixtures_hub import PATIENCE, Hub, MakeHub, until
from tests.programs import found

HUB_ADDRESS, NODE_ADDRESS = "10.213.79.1", "10.213.79.2"
LINK = "towpath0"
"""What each calls its end of the link."""


@dataclass(frozen=True)
class Namespace:
    """A network of its own, which lasts as long as a process that holds it."""

    holder: int

    @property
    def within(self) -> tuple[str, ...]:
        """The program by which others run in it."""
        return ("nsenter", f"--net=/proc/{self.holder}/ns/net", "--")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, to its end."""
        return subprocess.run([*self.within, *command], capture_output=True, text=True, check=False)

    def do(self, *command: str) -> None:
        """Run a command in it, which must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, (command, done.stderr)


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A network of its own with nothing in it but a loopback; where none can be made, the test is not for here."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo made; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            if holder.stdout.readline() != "made\n":
                not_here("network namespaces need root, and a kernel that lets it make them")
            made = Namespace(holder.pid)
            made.do("ip", "link", "set", "lo", "up")
            yield made
        finally:
            holder.stdin.close()


@contextmanager
def linked() -> Iterator[tuple[Namespace, Namespace]]:
    """Two networks, each with its end of a link, and an address there."""
    if os.geteuid() != 0:
        not_here("network namespaces need root")
    missing = [name for name in ("ip", "nsenter", "unshare") if found(name) is None]
    if missing:
        not_here(f"network namespaces need {', '.join(missing)}")
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(namespace()) for _ in range(2))
        pair = ["ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns", str(theirs.holder)]
        if "not permitted" in (failed := ours.run(*pair).stderr) or "not supported" in failed:
            not_here("this kernel makes no pairs of links")
        assert not failed
        for one, address in ((ours, HUB_ADDRESS), (theirs, NODE_ADDRESS)):
            one.do("ip", "address", "add", f"{address}/24", "dev", LINK)
            one.do("ip", "link", "set", LINK, "up")
        yield ours, theirs


@dataclass
class Joined:
    """A hub in one network and the site rome in the other, whose node has joined."""

    hub: Hub
    networks: tuple[Namespace, Namespace]
    files: Path

    def states(self) -> list[str]:
        """How the nodes of rome stand."""
        return [node["state"] for node in self.hub.json("node", "list", "--site", "rome")]


@pytest.fixture
def joined(make_hub: MakeHub, tmp_path: Path) -> Iterator[Joined]:
    """They are as far from each other as two machines."""
    with linked() as (ours, theirs):
        hub = make_hub()
        hub.prefix = ours.within
        write_certificate(hub.root, "hub.example")
        tls = ("--tls-cert", "cert.pem", "--tls-key", "key.pem")
        listen = ("--listen", f"{HUB_ADDRESS}:{hub.port}", "--bus-listen", f"{HUB_ADDRESS}:0")
        hub.run("up", "--detach", *listen, *tls)
        hub.run("site", "add", "rome")
        token = hub.run("site", "token", "rome").strip()
        files = tmp_path / "files"
        files.mkdir()
        (files / "one").write_bytes(b"1" * 1000)
        with node_in(theirs, tmp_path, "--root", f"data={files}", "--join", token):
            yield Joined(hub, (ours, theirs), files)
        hub.run("down")


@contextmanager
def node_in(network: Namespace, place: Path, *arguments: str) -> Iterator[None]:
    """A worker in a network, while this lasts."""
    hidden = ("TOWPATH_HOME", "TOWPATH_URL", "TOWPATH_API_KEY", "TOWPATH_CA")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "towpath", "worker", "--home", str(place / "node"), *arguments]
    with (
        (place / "log").open("wb") as log,
        subprocess.Popen(
            [*network.within, *command], env=env, cwd=place, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_a_node_of_another_network_joins_works_and_is_heard_again_once_its_link_is_back(
    joined: Joined,
) -> None:
    ours, theirs = joined.networks
    until(lambda: joined.states() == ["online"], "the node was heard")
    # The node's machine has nothing of the hub's: only the link leads there.
    where = theirs.run("ip", "-json", "address", "show", "up").stdout
    addresses = {info["local"] for link in json.loads(where) for info in link["addr_info"]}
    assert NODE_ADDRESS in addresses
    assert HUB_ADDRESS not in addresses
    done = joined.hub.command("run", "checksum", "--site", "rome", "--wait", str(joined.files))
    assert done.status == 0, done

    ours.do("ip", "link", "set", LINK, "down")
    until(lambda: joined.states() == ["offline"], "the hub missed it")
    ours.do("ip", "link", "set", LINK, "up")
    until(lambda: joined.states() == ["online"], "the node was heard again")
    done = joined.hub.command("run", "checksum", "--site", "rome", "--wait", str(joined.files))
    assert done.status == 0, done
