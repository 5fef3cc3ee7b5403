"""Where the command line finds the hub, and what a home remembers."""

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from towpath.cli.front import FrontAsked, front_of, with_front
from towpath.cli.home import (
    Home,
    Remembered,
    find_connection,
    home_of,
    read_remembered,
    write_connection,
    write_remembered,
)
from towpath.cli.keyfile import load_hub_key, load_or_make_key
from towpath.client.connection import Connection, connection_of
from towpath.client.errors import Misconfigured
from towpath.config import Front, Listen, read_heartbeat, read_key_file
from towpath.domain.errors import Mistake


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "h")
    made.make()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_for_its_owner_only(home: Home) -> None:
    write_connection(home, Connection("http://127.0.0.1:1", "secret"))
    load_or_make_key(home.root / "hub.key")
    assert mode(home.root) == 0o700
    assert mode(home.client_file) == 0o600
    assert mode(home.root / "hub.key") == 0o600


def test_a_key_stays_the_same_once_made(home: Home) -> None:
    path = home.root / "hub.key"
    assert load_or_make_key(path) == load_or_make_key(path)
    path.write_bytes(b"short")
    with pytest.raises(Mistake, match="expected a key of 32 bytes, found 5"):
        load_or_make_key(path)


@pytest.mark.parametrize("content", [bytes(range(32)), bytes(range(32)).hex().encode() + b"\n"])
def test_a_key_that_somebody_else_keeps_is_read_and_none_is_made(home: Home, content: bytes) -> None:
    given, own = home.root / "mounted", home.root / "hub.key"
    given.write_bytes(content)
    named = read_key_file({"TOWPATH_KEY_FILE": str(given)})
    assert load_hub_key(own, named) == bytes(range(32))
    assert not own.exists()
    assert load_hub_key(own, read_key_file({})) == own.read_bytes()


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 64, b"ab" * 31])
def test_a_given_file_that_holds_no_key_is_refused_and_its_content_is_not_told(
    home: Home, content: bytes
) -> None:
    given = home.root / "mounted"
    with pytest.raises(Mistake, match="mounted: No such file"):
        load_hub_key(home.root / "hub.key", given)
    given.write_bytes(content)
    with pytest.raises(Mistake, match="expected 32 bytes or 64 hexadecimal digits, found") as caught:
        load_hub_key(home.root / "hub.key", given)
    assert not content or content.decode() not in str(caught.value)


def test_the_home_given_comes_before_that_of_the_environment() -> None:
    assert home_of(Path("/x"), {"TOWPATH_HOME": "/y"}).root == Path("/x")
    assert home_of(None, {"TOWPATH_HOME": "/y"}).root == Path("/y")
    assert home_of(None, {}).root == Path.home() / ".towpath"


def test_the_url_and_key_of_the_environment_come_before_the_home(home: Home) -> None:
    write_connection(home, Connection("http://127.0.0.1:1", 'k"1\\'))
    env = {"TOWPATH_HOME": str(home.root)}
    assert connection_of(env) == Connection("http://127.0.0.1:1", 'k"1\\')
    named = {**env, "TOWPATH_URL": "http://127.0.0.1:2", "TOWPATH_API_KEY": "k2"}
    assert connection_of(named) == Connection("http://127.0.0.1:2", "k2")


def test_a_url_without_a_key_is_told_as_such() -> None:
    with pytest.raises(Misconfigured, match="TOWPATH_URL is set, but TOWPATH_API_KEY is not"):
        connection_of({"TOWPATH_URL": "http://127.0.0.1:2"})


def test_without_a_hub_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"client.toml does not exist; start one with `towpath up`"):
        connection_of({"TOWPATH_HOME": str(tmp_path / "none")})


def test_a_broken_client_file_is_named(home: Home) -> None:
    home.client_file.write_text("url = 3\n")
    with pytest.raises(Mistake, match=r"client.toml: expected url and api_key"):
        find_connection(home)


def test_what_up_was_told_is_remembered_whatever_the_bytes_of_a_directory(home: Home) -> None:
    assert read_remembered(home) == Remembered()
    told = Remembered("127.0.0.1:9", {"oslo": os.fsdecode(b"/mnt/\xff\xfe \xc3\xa6")}, "/opt/nats-server")
    write_remembered(home, told)
    assert read_remembered(home) == told


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8420", "http://127.0.0.1:8420"),
        (":9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("localhost:1", "http://localhost:1"),
        ("127.0.0.1:0", "http://127.0.0.1:0"),
    ],
)
def test_an_address_on_the_loopback_is_taken(text: str, url: str) -> None:
    assert Front(Listen.parse(text)).url_here == url
    assert Listen.parse(str(Listen.parse(text))) == Listen.parse(text)


@pytest.mark.parametrize("text", ["", "8420", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1:70000", "127.0.0.1:x"])
def test_an_address_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(Mistake, match=r"--listen: expected HOST:PORT"):
        Listen.parse(text)


def test_plain_http_is_refused_off_loopback_but_to_proxies() -> None:
    listen = Listen.parse("0.0.0.0:80")
    with pytest.raises(Mistake, match=r"0\.0\.0\.0:80: expected --tls-cert and --tls-key, or --behind-proxy"):
        Front(listen)
    assert Front(listen, proxies=("10.0.0.1",)).url_here == "http://127.0.0.1:80"
    assert Front(listen, Path("c"), Path("k")).url_here == "https://127.0.0.1:80"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"cert": Path("c")}, "--tls-cert: expected --tls-key with it, found it alone"),
        ({"key": Path("k")}, "--tls-key: expected --tls-cert with it, found it alone"),
        ({"proxies": ("proxy",)}, "--behind-proxy: expected an address or a network, found 'proxy'"),
        ({"proxies": ("0.0.0.0/0",)}, "expected the addresses of proxies, found every address"),
        ({"url": "hub.example"}, "--url: expected https://HOST or https://HOST:PORT, found 'hub.example'"),
        ({"url": "http://hub.example"}, "expected https:// for a host other than this machine"),
        ({"url": "https://hub.example/x"}, "--url: expected https://HOST"),
        ({"url": "https://ana:secret@hub.example"}, "--url: expected https://HOST"),
    ],
)
def test_a_front_that_is_half_said_or_unsafe_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(Mistake, match=re.escape(text)):
        Front(**wrong)


def test_any_free_port_is_the_one_that_the_home_had_before() -> None:
    asked = FrontAsked("127.0.0.1:0")
    before = Remembered("127.0.0.1:9", {"oslo": "/o"})
    assert with_front(before, before, asked).listen == "127.0.0.1:9"
    assert with_front(Remembered(), Remembered(), asked).listen == "127.0.0.1:0"
    assert with_front(before, before, FrontAsked("localhost:0")).listen == "localhost:0"


def test_how_the_hub_is_reached_is_remembered_until_it_is_told_otherwise() -> None:
    asked = FrontAsked(cert=Path("/c"), key=Path("/k"), proxies=["10.0.0.1"], url="https://hub.example/")
    told = with_front(Remembered(), Remembered(), asked)
    assert with_front(told, told, FrontAsked()) == told
    assert front_of(told) == Front(Listen(), Path("/c"), Path("/k"), ("10.0.0.1",), "https://hub.example")
    plain = with_front(told, told, FrontAsked(plain=True, url=""))
    assert front_of(plain) == Front()


def test_the_heartbeat_comes_from_the_environment() -> None:
    assert read_heartbeat({}) == 5.0
    assert read_heartbeat({"TOWPATH_HEARTBEAT": "0.2"}) == 0.2
    for wrong in ("", "x", "0", "nan", "1e9"):
        with pytest.raises(Mistake, match="TOWPATH_HEARTBEAT: expected seconds"):
            read_heartbeat({"TOWPATH_HEARTBEAT": wrong})
