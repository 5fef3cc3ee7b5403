"""A hub that speaks HTTPS: a certificate of its own, renewed while it serves."""

import http.client
import json
import os
import re
import ssl
from pathlib import Path

import pytest
from tests.certificates import write_certificate
from tests.fixtures_hub import Hub, MakeHub, until

NAME = "hub.example"


@pytest.fixture(scope="module")
def hub(make_shared_hub: MakeHub) -> Hub:
    """A hub at a free port, whose certificate names another host than where it is asked."""
    made = make_shared_hub()
    write_certificate(made.root, NAME)
    made.run("up", "--detach", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    found = re.search(r'^url = "https://127\.0\.0\.1:(\d+)"', made.home.joinpath("client.toml").read_text())
    assert found is not None
    made.port = int(found[1])
    return made


def fingerprint(port: int) -> bytes:
    """The certificate that a new connection is shown."""
    with connected(port) as connection:
        return shown(connection)


class connected:  # noqa: N801  used as a statement
    """A connection that looks at no certificate."""

    def __init__(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)

    def __enter__(self) -> http.client.HTTPSConnection:
        self.connection.connect()
        return self.connection

    def __exit__(self, *error: object) -> None:
        self.connection.close()


def shown(connection: http.client.HTTPSConnection) -> bytes:
    assert isinstance(connection.sock, ssl.SSLSocket)
    return connection.sock.getpeercert(binary_form=True) or b""


def asked(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/api/health")
    answer = connection.getresponse()
    answer.read()
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status


def test_the_free_port_that_was_found_is_told_and_kept(hub: Hub) -> None:
    assert hub.json("status")[1]["role"] == "hub"
    assert (hub.home / "run" / "url").read_text() == f"https://127.0.0.1:{hub.port}\n"
    again = hub.run("up", "--detach", "--listen", "127.0.0.1:0")
    assert f"hub up at https://127.0.0.1:{hub.port}\n" in again


def test_the_command_line_knows_the_hub_of_its_home_by_its_certificate(hub: Hub) -> None:
    assert hub.json("site", "list") == []


def test_a_hub_that_nobody_vouches_for_is_not_told_the_key(hub: Hub, tmp_path: Path) -> None:
    written = (hub.home / "client.toml").read_text()
    key = re.findall(r'api_key = "(.*)"', written)[0]
    own = dict(hub.env)
    hub.env |= {"TOWPATH_URL": f"https://127.0.0.1:{hub.port}", "TOWPATH_API_KEY": key}
    write_certificate(tmp_path, "127.0.0.1")
    try:
        for given in ((), ("--ca", str(tmp_path / "cert.pem"))):
            refused = hub.command(*given, "site", "list")
            assert (refused.status, refused.err.count("\n")) == (1, 1)
            assert "CERTIFICATE_VERIFY_FAILED" in refused.err
        # The right certificate, but for another host than the URL's.
        assert (
            "address mismatch" in hub.command("--ca", str(hub.root / "cert.pem"), "site", "list").err.lower()
        )
    finally:
        hub.env = own


def test_a_renewed_certificate_is_shown_to_new_connections_and_the_old_ones_go_on(hub: Hub) -> None:
    pids = hub.pids()
    before = fingerprint(hub.port)
    with connected(hub.port) as old:
        assert asked(old) == 200
        write_certificate(hub.root, NAME)
        until(lambda: fingerprint(hub.port) != before, "the renewed certificate was shown")
        assert asked(old) == 200
        assert shown(old) == before
    assert hub.json("site", "list") == []
    assert hub.pids() == pids


def test_a_renewal_that_went_wrong_changes_nothing_and_is_told(hub: Hub) -> None:
    before = fingerprint(hub.port)
    right = (hub.root / "key.pem").read_bytes()
    (hub.root / "elsewhere").mkdir()
    _, other = write_certificate(hub.root / "elsewhere", NAME)
    other.replace(hub.root / "key.pem")
    log = hub.home / "logs" / "hub.log"
    until(lambda: "the certificate stays as it was" in log.read_text(), "the wrong key was told")
    assert fingerprint(hub.port) == before
    (hub.root / "key.pem").write_bytes(right)
    told = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    wrong = [line for line in told if line["event"] == "the certificate stays as it was"]
    assert "key values mismatch" in wrong[0]["error"]


def test_plain_http_is_refused_off_loopback_and_nothing_is_started(make_hub: MakeHub) -> None:
    hub = make_hub()
    refused = hub.command("up", "--detach", "--listen", "0.0.0.0:0")
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "expected --tls-cert and --tls-key, or --behind-proxy" in refused.err
    assert "keys and passwords would cross the network in the clear" in refused.err
    assert not os.path.exists(hub.home / "run" / "status.json")


def test_a_certificate_that_cannot_be_used_is_told_before_anything_starts(make_hub: MakeHub) -> None:
    hub = make_hub()
    (hub.root / "cert.pem").write_text("none")
    (hub.root / "key.pem").write_text("none")
    refused = hub.command("up", "--detach", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "expected a certificate in PEM" in refused.err
