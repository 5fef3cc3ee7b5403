"""`towpath up`, `down` and `status`: a hub with its sites on one machine, whatever dies."""

import os
import shutil
import signal
import socket
import stat
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.fixtures_hub import PATIENCE, Hub, MakeHub, is_alive, until

BACK_WITHIN = timedelta(seconds=5)
ROLES = [("nats", None), ("hub", None), ("worker", "oslo")]


@pytest.fixture(scope="module")
def shared(make_shared_hub: MakeHub) -> Hub:
    """A hub."""
    return make_shared_hub()


@pytest.fixture
def hub(shared: Hub) -> Hub:
    """A hub with one site at least, up."""
    if not shared.pids():
        shared.up("oslo")
    return shared


def answers(hub: Hub) -> bool:
    """Whether the API answers and the site's worker is heard."""
    try:
        return any(node["online"] for node in hub.get("/api/nodes/")["results"])
    except httpx.HTTPError:
        return False


def test_up_says_where_the_hub_is_and_that_its_sites_are_unguarded(hub: Hub) -> None:
    assert f"http://127.0.0.1:{hub.port}" in hub.told
    assert str(hub.home) in hub.told
    assert f"site oslo: {hub.site('oslo')} (unguarded" in hub.told
    assert stat.S_IMODE((hub.home / "client.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(hub.home.stat().st_mode) == 0o700
    site = hub.json("site", "show", "oslo")
    assert (site["health"], site["unguarded"], site["roots"]) == ("ok", True, {"data": str(hub.site("oslo"))})


def test_status_lists_role_site_pid_and_restarts(hub: Hub) -> None:
    rows = hub.json("status")
    assert [(row["role"], row["site"]) for row in rows] == ROLES
    assert all(is_alive(row["pid"]) and row["restarts"] == 0 for row in rows)
    assert [row["pid"] for row in rows] == list(hub.pids().values())
    table = hub.run("status")
    assert "worker    oslo" in table


@pytest.mark.parametrize(("role", "site"), ROLES)
def test_a_child_that_is_killed_comes_back_and_is_counted(hub: Hub, role: str, site: str | None) -> None:
    before = hub.pids()
    pid = before[role, site]
    assert pid is not None
    killed_at = datetime.now(UTC)
    os.kill(pid, signal.SIGKILL)
    until(lambda: hub.pids()[role, site] not in (pid, None), f"{role} was back")
    until(lambda: answers(hub), "the hub answered and its worker was heard")
    after = hub.pids()
    assert {k: v for k, v in after.items() if k != (role, site)} == {
        k: v for k, v in before.items() if k != (role, site)
    }
    [row] = [row for row in hub.json("status") if (row["role"], row["site"]) == (role, site)]
    assert (row["restarts"], row["pid"]) == (1, after[role, site])
    # By what the supervisor says, since asking for it takes its time on a busy machine.
    assert datetime.fromisoformat(row["since"]) - killed_at < BACK_WITHIN


def test_nats_comes_back_without_its_files(hub: Hub) -> None:
    pid = hub.pids()["nats", None]
    assert pid is not None
    shutil.rmtree(hub.home / "nats")
    os.kill(pid, signal.SIGKILL)
    until(lambda: hub.pids()["nats", None] not in (pid, None), "NATS was back")
    until(lambda: answers(hub), "the worker was heard")


def test_up_again_adds_a_site_and_leaves_the_others_alone(hub: Hub) -> None:
    before = hub.pids()
    key = (hub.home / "client.toml").read_text()
    hub.up("rome")
    after = hub.pids()
    assert {name: pid for name, pid in after.items() if name != ("worker", "rome")} == before
    assert [site["name"] for site in hub.json("site", "list")] == ["oslo", "rome"]
    assert (hub.home / "client.toml").read_text() == key


def test_up_again_elsewhere_is_refused(hub: Hub) -> None:
    ended = hub.command("up", "--detach", "--listen", "127.0.0.1:1")
    assert ended.status == 1
    assert f"the hub runs at http://127.0.0.1:{hub.port}" in ended.err
    ended = hub.command("up", "--detach", "--site", f"oslo={hub.site('elsewhere')}")
    assert ended.status == 1
    assert "as before" in ended.err


def test_what_was_killed_with_its_supervisor_is_brought_up_again_as_it_was(hub: Hub) -> None:
    before, sites = hub.pids(), [site["name"] for site in hub.json("site", "list")]
    key = (hub.home / "client.toml").read_text()
    os.kill(hub.supervisor(), signal.SIGKILL)
    until(
        lambda: not any(is_alive(pid) for pid in before.values() if pid is not None),
        "the children had died with their supervisor",
    )
    assert hub.json("status") == []
    # Neither the address nor a site is named again.
    hub.run("up", "--detach")
    assert (hub.home / "client.toml").read_text() == key
    assert set(hub.pids()) == set(before)
    assert [site["name"] for site in hub.json("site", "list")] == sites


def test_down_ends_everything_and_says_so_again_where_nothing_runs(hub: Hub) -> None:
    pids = [hub.supervisor(), *(pid for pid in hub.pids().values() if pid is not None)]
    assert len(pids) >= 4
    hub.run("down")
    assert not any(map(is_alive, pids))
    assert hub.json("status") == []
    assert "nothing runs" in hub.run("down")
    ended = hub.command("job", "list")
    assert ended.status == 1
    assert "hub not reachable" in ended.err


def test_down_where_nothing_ever_ran_says_so(make_hub: MakeHub) -> None:
    assert "nothing runs" in make_hub().run("down")


def test_a_port_that_a_stranger_has_is_told_and_nothing_is_left(make_hub: MakeHub) -> None:
    hub = make_hub()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        ended = hub.command("up", "--detach", "--listen", f"127.0.0.1:{port}")
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert f"--listen 127.0.0.1:{port}: Address already in use" in ended.err
    assert hub.json("status") == []


@pytest.mark.parametrize(
    ("site", "text"),
    [
        ("oslo", "expected NAME=DIR"),
        ("oslo=none", "expected a directory, found nothing"),
        ("o/o=.", "expected 1 to 64 letters"),
        ("oslo=.", "holds the hub's own home"),
    ],
)
def test_a_site_that_cannot_be_is_told_in_one_line(make_hub: MakeHub, site: str, text: str) -> None:
    ended = make_hub().command("up", "--site", site)
    assert ended.status == 1
    assert ended.err.startswith("towpath: --site")
    assert text in ended.err
    assert ended.err.count("\n") == 1


def test_a_nats_server_that_is_none_is_told(make_hub: MakeHub) -> None:
    ended = make_hub().command("up", "--nats-server", "/nowhere/nats-server")
    assert ended.status == 1
    assert "--nats-server /nowhere/nats-server: expected a program" in ended.err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_up_in_the_foreground_takes_everything_with_it(
    make_hub: MakeHub, number: signal.Signals, status: int
) -> None:
    hub = make_hub()
    with hub.start(
        "up", "--listen", f"127.0.0.1:{hub.port}", "--site", f"oslo={hub.site('oslo')}"
    ) as process:
        assert process.stdout is not None
        assert "hub up at" in process.stdout.readline()
        pids = [hub.supervisor(), *(pid for pid in hub.pids().values() if pid is not None)]
        assert len(pids) == 4
        assert process.stderr is not None
        assert process.stderr.readline() == "Ctrl-C stops it\n"
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == status
    until(lambda: not any(map(is_alive, pids)), "everything had ended")
