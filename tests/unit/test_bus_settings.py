"""Where the bus is, and what the embedded server is told: bad input is refused with a reason."""

from pathlib import Path

import pytest

from towpath.bus.keys import make_seed, public_key
from towpath.bus.ports import free_port
from towpath.bus.server import NatsChild, find_server
from towpath.bus.server_config import NodeKey, ServerSettings, render_config
from towpath.bus.settings import BusSettings
from towpath.domain.errors import Mistake

SETTINGS = ServerSettings(port=4222, store_dir=Path("store"))


def fresh_key() -> str:
    return public_key(make_seed())


def test_several_servers_are_given_with_commas() -> None:
    assert BusSettings.parse("nats://127.0.0.1:4222, tls://b").urls == ("nats://127.0.0.1:4222", "tls://b")


@pytest.mark.parametrize(
    "url", ["", ",", "a:4222", "http://a", "nats://", "nats://a:port", "nats://a:99999", "ws://a"]
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(Mistake, match="nats://HOST:PORT"):
        BusSettings.parse(url)


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    with pytest.raises(Mistake, match="without a name or password") as caught:
        BusSettings.parse("nats://ana:secret@host:4222")
    assert "secret" not in str(caught.value)


def test_a_bus_elsewhere_is_not_talked_to_in_the_clear() -> None:
    for url in ("nats://bus.example:4222", "nats://10.0.0.1:4222", "tls://a:1,nats://b:2"):
        with pytest.raises(Mistake, match="expected tls://HOST:PORT for a server elsewhere"):
            BusSettings.parse(url)
    assert BusSettings.parse("nats://127.0.0.9:4222,nats://[::1]:1,nats://localhost:1").tls() is None


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for name in ("ca.pem", "nothing.pem"):
        with pytest.raises(Mistake, match=rf"bus: expected certificates of authorities in .*{name}, found"):
            BusSettings.parse("tls://a:1", ca=tmp_path / name).tls()


def test_a_seed_does_not_show_where_settings_are_printed() -> None:
    seed = make_seed()
    assert seed not in repr(BusSettings.parse("tls://a", seed))


def test_a_configuration_lets_a_node_do_its_own_and_nothing_more() -> None:
    key = fresh_key()
    lines = render_config(SETTINGS, fresh_key(), [("oslo", "n1", key)]).splitlines()
    assert [line.strip() for line in lines if key in line] == [
        f'{{nkey: {key}, permissions: {{publish: {{allow: ["hub.oslo.n1.>"]}},'
        ' subscribe: {allow: ["site.oslo.>", "_INBOX.oslo.n1.>"]}}}'
    ]


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (("oslo", "n1", "UABC"), "node oslo/n1: expected a user's public NKEY"),
        (("oslo", 'n1"}', fresh_key()), "expected 1 to 64 letters"),
        (("os.lo", "n1", fresh_key()), "expected 1 to 64 letters"),
    ],
)
def test_a_node_that_would_spoil_the_whole_configuration_is_refused(
    node: tuple[str, str, str], reason: str
) -> None:
    with pytest.raises(Mistake, match=reason):
        render_config(SETTINGS, fresh_key(), [node])


def test_a_key_that_stands_twice_is_refused() -> None:
    key = fresh_key()
    with pytest.raises(Mistake, match="node rome/n1: expected a key of its own, found that of node oslo/n1"):
        render_config(SETTINGS, fresh_key(), [NodeKey("oslo", "n1", key), NodeKey("rome", "n1", key)])
    with pytest.raises(Mistake, match="found that of hub"):
        render_config(SETTINGS, key, [NodeKey("oslo", "n1", key)])


def test_a_program_that_cannot_be_run_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"--nats-server .*: expected a program that may be run, found none"):
        find_server(tmp_path)


def test_a_server_keeps_its_port_whoever_starts_it(tmp_path: Path) -> None:
    first = NatsChild(tmp_path, fresh_key())
    first.reload([])
    assert NatsChild(tmp_path, fresh_key()).url == first.url


def test_a_port_file_that_holds_no_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("lots\n")
    with pytest.raises(Mistake, match="port: expected a port number, found 'lots'"):
        NatsChild(tmp_path, fresh_key())


def test_a_free_port_is_none_that_the_kernel_gives_to_a_client() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert 1024 < free_port() < max(lowest, 32_768)
