"""The embedded server: it serves nobody but its parent, and does not outlive it."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from tests.fixtures_nats import Bus, bare, until

from towpath.bus.keys import make_seed, public_key
from towpath.bus.server import NatsChild, ServerFailed

pytestmark = pytest.mark.anyio

PARENT = """
    import sys, threading, time
    from pathlib import Path
    from towpath.bus.keys import make_seed, public_key
    from towpath.bus.server import NatsChild

    child = NatsChild(Path(sys.argv[1]), public_key(make_seed()))
    child.start()
    child.wait_ready(30)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def runs(process_id: int) -> bool:
    """Whether there is such a process that is more than a record of its end."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None], ids=["kill -9", "SIGTERM", "exit"])
async def test_the_server_dies_with_its_parent(tmp_path: Path, end: signal.Signals | None) -> None:
    script = textwrap.dedent(PARENT)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "nats")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert runs(server)
        if end is None:
            parent.stdin.close()
        else:
            parent.send_signal(end)
        parent.wait(30)
    await until(lambda: not runs(server), "the server is gone")


async def test_the_server_outlives_the_thread_that_started_it(bus: Bus) -> None:
    bus.kill()
    starter = threading.Thread(target=bus.start)
    starter.start()
    starter.join()
    await until(lambda: not any(thread is starter for thread in threading.enumerate()), "the thread is gone")
    async with bare(bus.hub) as client:
        await client.listen("x")
        await client.say("x")
    assert bus.child.poll() is None


def test_a_server_that_was_killed_shows_it_and_starts_again_on_the_same_port(bus: Bus) -> None:
    first, url = bus.child.pid, bus.child.url
    bus.kill()
    assert bus.child.poll() == -signal.SIGKILL
    bus.start()
    assert (bus.child.poll(), bus.child.url) == (None, url)
    assert bus.child.pid != first


def test_starting_a_running_server_changes_nothing(bus: Bus) -> None:
    first = bus.child.pid
    bus.child.start()
    assert bus.child.pid == first


def test_a_server_that_was_never_started_is_down(tmp_path: Path) -> None:
    child = NatsChild(tmp_path, public_key(make_seed()))
    assert (child.pid, child.poll()) == (None, -1)
    child.stop()


def test_a_stopped_server_has_ended_in_good_order(bus: Bus) -> None:
    bus.child.stop()
    assert bus.child.poll() in (0, 1)
    assert "Server Exiting" in (bus.directory / "nats.log").read_text()


def test_a_server_that_does_not_listen_to_a_request_to_stop_is_killed(bus: Bus) -> None:
    assert bus.child.pid is not None
    os.kill(bus.child.pid, signal.SIGSTOP)
    bus.child.stop(grace=0.1)
    assert bus.child.poll() == -signal.SIGKILL


def test_a_server_whose_port_is_taken_says_so(bus: Bus) -> None:
    bus.kill()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", int(bus.child.url.rpartition(":")[2])))
        squatter.listen()
        bus.child.start()
        with pytest.raises(
            ServerFailed, match=r"ended with status 1: Error listening .*address already in use"
        ):
            bus.child.wait_ready(30)
    bus.start()


def test_a_server_is_reachable_from_this_machine_only(bus: Bus) -> None:
    assert bus.child.pid is not None
    port = int(bus.child.url.rpartition(":")[2])
    lines = Path(f"/proc/{bus.child.pid}/net/tcp").read_text().splitlines()[1:]
    listening = [
        address for address, state in ((line.split()[1], line.split()[3]) for line in lines) if state == "0A"
    ]
    assert [address for address in listening if int(address.rpartition(":")[2], 16) == port] == [
        f"0100007F:{port:04X}"
    ]


def test_an_older_server_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "nats-server"
    program.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent("""
            import json, re, socket, sys
            config = open(sys.argv[2]).read()
            port = int(re.search(r'listen: "127.0.0.1:(\\d+)"', config)[1])
            name = re.search(r'server_name: "(.*)"', config)[1]
            server = socket.create_server(("127.0.0.1", port))
            while True:
                connection, _ = server.accept()
                info = json.dumps({"server_name": name, "version": "2.9.10"})
                connection.sendall(b"INFO " + info.encode() + b"\\r\\n")
                connection.close()
        """)
    )
    program.chmod(0o755)
    child = NatsChild(tmp_path / "nats", public_key(make_seed()), server=program)
    child.start()
    try:
        with pytest.raises(ServerFailed, match=r"expected version 2\.11 or later, found 2\.9\.10"):
            child.wait_ready(30)
    finally:
        child.stop()


def test_what_a_server_complained_of_is_told(bus: Bus) -> None:
    bus.child.stop()
    (bus.directory / "jetstream").rename(bus.directory / "aside")
    (bus.directory / "jetstream").write_text("in the way")
    bus.child.start()
    with pytest.raises(ServerFailed, match="ended with status 1: Can't start JetStream: storage directory"):
        bus.child.wait_ready(30)
