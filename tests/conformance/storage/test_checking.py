"""A check says exactly what is wrong with a target: each thing is provoked at a real server."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.storage.proxy import proxy
from tests.fixtures_azurite import Azurite
from tests.fixtures_gcs import Google, google_front
from tests.fixtures_seaweed import Seaweed
from tests.programs import program

from towpath.storage.checking import check_target
from towpath.storage.findings import Finding

KEYS = {"access_key_id": "k", "secret_access_key": "hunter2hunter2"}


def now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)


def wrong(
    url: str, credentials: dict[str, str], allowed: tuple[bytes, ...] = (), ahead: timedelta = timedelta()
) -> Finding:
    """The one thing that a check finds wrong; it comes with a hint."""
    findings = check_target(url, credentials, allowed, lambda: now() + ahead)
    (found,) = [finding for finding in findings if finding.well is False]
    assert found.hint
    assert all(
        secret not in repr(findings) for secret in ("hunter2", *credentials.values()) if len(secret) > 6
    )
    return found


def well(url: str, credentials: dict[str, str]) -> list[Finding]:
    """What a check finds where all is well."""
    findings = check_target(url, credentials, (), now)
    assert all(finding.well for finding in findings), findings
    return findings


def test_all_is_well_at_s3_and_nothing_is_left(seaweed: Seaweed, bucket: str) -> None:
    assert [finding.what for finding in well(seaweed.url(bucket, "p"), seaweed.credentials)][-4:] == [
        "list",
        "put",
        "get",
        "delete",
    ]
    assert list(seaweed.store(bucket).list().collect()) == []


def test_all_is_well_at_azure_and_nothing_is_left(azurite: Azurite, container: str) -> None:
    well(azurite.url(container, "p"), azurite.credentials)
    assert list(azurite.store(container).list().collect()) == []


def test_a_name_that_does_not_resolve() -> None:
    found = wrong("s3://bucket?endpoint=http://nowhere.invalid:9000", KEYS)
    assert found.what == "name"
    assert "'nowhere.invalid' does not resolve" in found.says


def test_a_port_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = wrong(f"s3://bucket?endpoint=http://127.0.0.1:{port}", KEYS)
    assert (found.what, found.says) == ("connection", f"nothing listens at 127.0.0.1 port {port}")


def test_a_secret_that_is_wrong(seaweed: Seaweed, bucket: str) -> None:
    found = wrong(seaweed.url(bucket), seaweed.credentials | {"secret_access_key": "hunter2hunter2"})
    assert found.what == "credentials"
    assert "refuses the secret access key" in found.says


def test_a_key_that_is_not_known(seaweed: Seaweed, bucket: str) -> None:
    found = wrong(seaweed.url(bucket), KEYS)
    assert found.what == "credentials"
    assert "does not know this access key id" in found.says


def test_an_account_key_of_azure_that_is_wrong(azurite: Azurite, container: str) -> None:
    found = wrong(azurite.url(container), {"account_key": "aHVudGVyMmh1bnRlcjI="})
    assert found.what == "credentials"
    assert "refuses the account key" in found.says


def test_a_bucket_that_is_missing(seaweed: Seaweed) -> None:
    found = wrong(seaweed.url("not-there"), seaweed.credentials)
    assert found.what == "bucket"
    assert "there is no bucket 'not-there'" in found.says


def test_a_container_that_is_missing(azurite: Azurite) -> None:
    found = wrong(azurite.url("not-there"), azurite.credentials)
    assert found.what == "bucket"
    assert "there is no bucket 'not-there'" in found.says


@pytest.mark.parametrize("right", ["list", "put", "get"])
def test_a_right_that_is_missing(seaweed: Seaweed, bucket: str, right: str) -> None:
    found = wrong(seaweed.url(bucket), seaweed.limited(f"no-{right}"))
    assert found.what == right
    assert f"no right to {right} objects" in found.says


def test_no_right_to_delete(azurite: Azurite, container: str) -> None:
    token = azurite.shared_access(container, "rwcl")
    found = wrong(azurite.url(container), {"sas_token": token})
    assert found.what == "delete"
    assert "no right to delete objects" in found.says


@pytest.mark.parametrize(("ahead", "word"), [(3600, "ahead of"), (-3600, "behind")])
def test_a_clock_that_is_off(seaweed: Seaweed, bucket: str, ahead: int, word: str) -> None:
    found = wrong(seaweed.url(bucket), seaweed.credentials, ahead=timedelta(seconds=ahead))
    assert found.what == "clock"
    assert f"this machine's clock is {word} the store's by 36" in found.says or "by 35" in found.says


# Google -------------------------------------------------------------------------------------------------------


def test_all_is_well_at_google_and_nothing_is_left(google: Google, bucket: str) -> None:
    well(google.url(bucket, "p"), google.credentials)
    assert list(google.seaweed.store(bucket).list().collect()) == []


def test_a_name_of_googles_that_does_not_resolve_and_a_port_where_nothing_listens(google: Google) -> None:
    found = wrong("gs://bucket?endpoint=http://nowhere.invalid:9000", google.credentials)
    assert found.what == "name"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = wrong(f"gs://bucket?endpoint=http://127.0.0.1:{port}", google.credentials)
    assert (found.what, found.says) == ("connection", f"nothing listens at 127.0.0.1 port {port}")


def test_tls_where_google_is_reached_in_plain_http(google: Google, bucket: str) -> None:
    endpoint = google.endpoint.replace("http://", "https://")
    found = wrong(google.url(bucket, endpoint=endpoint), google.credentials)
    assert (found.what, "does not speak TLS" in found.says) == ("tls", True)


@pytest.mark.parametrize(
    "but", [{"key": 1}, {"email": "nobody@tests.iam.gserviceaccount.com"}, {"key_id": "0" * 40}]
)
def test_an_account_or_a_key_that_google_does_not_know(
    google: Google, bucket: str, but: dict[str, Any]
) -> None:
    key = replace(google.account, **but).key_file
    found = wrong(google.url(bucket), {"service_account_key": key})
    assert found.what == "credentials"
    assert "the store refuses these credentials (401 AuthenticationRequired" in found.says


def test_a_key_that_is_no_key(google: Google, bucket: str) -> None:
    found = wrong(google.url(bucket), {"service_account_key": "hunter2hunter2"})
    assert found.what == "target"
    assert "expected the file of an account's key" in found.says


def test_no_credentials_where_the_machine_has_none(
    google: Google, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, google.endpoint.removeprefix("http://"))
    found = wrong(google.url(bucket), {})
    assert found.what == "credentials"
    assert found.says.startswith("none were given, and the machine has none (no token from http://127.0.0.1:")


def test_a_bucket_that_is_missing_at_google(google: Google) -> None:
    found = wrong(google.url("not-there"), google.credentials)
    assert found.what == "bucket"
    assert "there is no bucket 'not-there'" in found.says


def test_a_bucket_of_which_google_does_not_say_whether_it_is_there(google: Google) -> None:
    findings = check_target(google.url("not-there"), google.limited(), (), now)
    assert {finding.what: finding.well for finding in findings}["bucket"] is None
    (found, *_) = [finding for finding in findings if finding.well is False]
    assert found.what == "list"
    assert "does not have storage.objects.list access" in found.says
    assert "mend the bucket's name, 'not-there'" in found.hint


@pytest.mark.parametrize(
    ("permission", "right"),
    [
        ("objects.list", "list"),
        ("objects.create", "put"),
        ("objects.get", "get"),
        ("objects.delete", "delete"),
    ],
)
def test_a_right_that_is_missing_at_google(google: Google, bucket: str, permission: str, right: str) -> None:
    found = wrong(google.url(bucket), google.limited(permission))
    assert found.what == right
    assert f"no right to {right} objects (403 AccessDenied: " in found.says
    assert f"does not have storage.{permission} access" in found.says


@pytest.mark.parametrize(("ahead", "word"), [(7200, "behind"), (-7200, "ahead of")])
def test_a_clock_that_is_off_and_not_the_credentials_that_google_refuses_for_it(
    seaweed: Seaweed, bucket: str, ahead: int, word: str
) -> None:
    with google_front(seaweed, lambda: time.time() + ahead) as late:
        found = wrong(late.url(bucket), late.credentials)
    assert found.what == "clock"
    assert f"this machine's clock is {word} the store's by 7" in found.says


def test_a_directory_that_may_not_be_a_target(tmp_path: Path) -> None:
    found = wrong(f"file://{tmp_path}/x", {}, (b"/elsewhere",))
    assert found.what == "directory"
    assert "beneath what this site allows" in found.says


def test_a_url_that_is_none() -> None:
    assert wrong("s3://bucket?endpont=x", KEYS).what == "target"


# TLS ----------------------------------------------------------------------------------------------------------


AUTHORITY = """
[ca]
default_ca = own
[own]
database = {home}/database
serial = {home}/serial
new_certs_dir = {home}
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
basicConstraints = critical, CA:TRUE
subjectAltName = {name}
"""


def certificate(home: Path, name: str, begins: str = "20200101", ends: str = "20900101") -> tuple[Path, Path]:
    """A certificate that is its own issuer, valid between these days, and its key."""
    cert, key, asked, config = (home / each for each in ("cert.pem", "key.pem", "asked.pem", "ca.conf"))
    (home / "database").touch()
    (home / "serial").write_text("01\n")
    config.write_text(AUTHORITY.format(home=home, name=name))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    openssl("req", "-new", *curve, "-nodes", "-keyout", str(key), "-out", str(asked), "-subj", "/CN=store")
    days = ("-startdate", f"{begins}000000Z", "-enddate", f"{ends}000000Z")
    files = ("-config", str(config), "-keyfile", str(key), "-in", str(asked), "-out", str(cert))
    openssl("ca", "-batch", "-selfsign", "-notext", *days, *files)
    return cert, key


def openssl(*arguments: str) -> None:
    """Run OpenSSL's own program."""
    done = subprocess.run([program("openssl"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def tls_listener(cert: Path, key: Path) -> Iterator[int]:
    """Something that speaks TLS with that certificate, and nothing else; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with suppress(OSError), client, context.wrap_socket(client, server_side=True) as spoken:
                    spoken.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    with tls_listener(*certificate(tmp_path, "IP:127.0.0.1")) as port:
        found = wrong(f"s3://bucket?endpoint=https://127.0.0.1:{port}", KEYS)
    assert found.what == "tls"
    assert "nobody this machine trusts has issued the certificate" in found.says


def test_a_certificate_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path, "DNS:elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with tls_listener(cert, key) as port:
        found = wrong(f"s3://bucket?endpoint=https://127.0.0.1:{port}", KEYS)
    assert found.what == "tls"
    assert "for another name than '127.0.0.1'" in found.says


@pytest.mark.parametrize(
    ("valid", "says"),
    [(("20200101", "20200201"), "has expired"), (("20900101", "20910101"), "not valid yet")],
)
def test_a_certificate_out_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valid: tuple[str, str], says: str
) -> None:
    cert, key = certificate(tmp_path, "IP:127.0.0.1", *valid)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with tls_listener(cert, key) as port:
        found = wrong(f"s3://bucket?endpoint=https://127.0.0.1:{port}", KEYS)
    assert found.what == "tls"
    assert says in found.says
    assert "clock" in found.hint


def test_plain_http_where_tls_is_spoken(tmp_path: Path) -> None:
    with tls_listener(*certificate(tmp_path, "IP:127.0.0.1")) as port:
        found = wrong(f"s3://bucket?endpoint=http://127.0.0.1:{port}", KEYS)
    assert (found.what, found.hint) == ("tls", "write https:// in the endpoint")


def test_tls_where_plain_http_is_spoken(seaweed: Seaweed, bucket: str) -> None:
    found = wrong(
        seaweed.url(bucket, endpoint=seaweed.endpoint.replace("http://", "https://")), seaweed.credentials
    )
    assert found.what == "tls"
    assert "does not speak TLS" in found.says


def test_an_object_that_comes_back_changed(seaweed: Seaweed, bucket: str) -> None:
    with proxy(seaweed.endpoint, lambda line: line.startswith(b"PUT ")) as between:
        found = wrong(seaweed.url(bucket, endpoint=between.endpoint), seaweed.credentials)
    assert (found.what, found.says) == ("get", "an object reads back otherwise than it was put")
