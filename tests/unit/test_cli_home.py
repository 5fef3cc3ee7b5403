"""Where the command line finds the hub, and what a home remembers."""

import os
import stat
from pathlib import Path

import pytest

from towpath.cli.home import (
    Connection,
    Home,
    Remembered,
    connection_of,
    find_connection,
    home_of,
    read_remembered,
    write_connection,
    write_remembered,
)
from towpath.cli.keyfile import load_hub_key, load_or_make_key
from towpath.config import Listen, read_heartbeat, read_key_file
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
    with pytest.raises(Mistake, match="TOWPATH_URL is set, but TOWPATH_API_KEY is not"):
        connection_of({"TOWPATH_URL": "http://127.0.0.1:2"})


def test_without_a_hub_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"client.toml does not exist; start one with `towpath up`"):
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
    ],
)
def test_an_address_on_the_loopback_is_taken(text: str, url: str) -> None:
    assert Listen.parse(text).url == url
    assert Listen.parse(str(Listen.parse(text))) == Listen.parse(text)


@pytest.mark.parametrize("text", ["", "8420", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:x"])
def test_an_address_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(Mistake, match=r"--listen: expected HOST:PORT"):
        Listen.parse(text)


def test_plain_http_is_refused_off_loopback() -> None:
    with pytest.raises(Mistake, match=r"0\.0\.0\.0:80: expected an address of this machine's loopback"):
        Listen.parse("0.0.0.0:80")


def test_the_heartbeat_comes_from_the_environment() -> None:
    assert read_heartbeat({}) == 5.0
    assert read_heartbeat({"TOWPATH_HEARTBEAT": "0.2"}) == 0.2
    for wrong in ("", "x", "0", "nan", "1e9"):
        with pytest.raises(Mistake, match="TOWPATH_HEARTBEAT: expected seconds"):
            read_heartbeat({"TOWPATH_HEARTBEAT": wrong})
