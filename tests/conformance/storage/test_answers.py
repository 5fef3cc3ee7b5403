"""What a server's bad answers mean: each comes from a real socket through obstore."""

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from towpath.domain.paths import ErrorClass
from towpath.storage.opening import open_storage
from towpath.storage.protocol import Corrupt, ObjectMissing, Storage, StorageError

CREDENTIALS = {"access_key_id": "k", "secret_access_key": "s"}


@contextmanager
def server_that_says(answer: bytes) -> Iterator[Storage]:
    """A target at a server that gives the same answer to everything."""
    with listener_that_says(answer) as endpoint:
        yield open_storage(f"s3://bucket?endpoint={endpoint}", CREDENTIALS, ())


@contextmanager
def listener_that_says(answer: bytes) -> Iterator[str]:
    """The address of that server."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, client.makefile("rb") as asking:
                    length = 0
                    while (line := asking.readline()) not in (b"\r\n", b""):
                        name, _, value = line.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    asking.read(length)
                    client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answer(status: str, code: str = "", message: str = "") -> bytes:
    """An answer as S3 gives them."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode() if code else b""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def error_of_a_put(said: bytes) -> StorageError:
    """What a put makes of it."""
    with server_that_says(said) as storage, pytest.raises(StorageError) as caught:
        storage.put("a/b", io.BytesIO(b"hello"), 5)
    assert "\n" not in caught.value.reason
    assert caught.value.reason.startswith("put 'a/b': ")
    return caught.value


@pytest.mark.parametrize(
    ("said", "error_class", "words"),
    [
        (answer("403 Forbidden", "AccessDenied", "No."), ErrorClass.NO_PERMISSION, "403 AccessDenied: No."),
        (answer("401 Unauthorized"), ErrorClass.NO_PERMISSION, "401 Unauthorized"),
        (answer("403 Forbidden", "QuotaExceeded", "Full."), ErrorClass.NO_SPACE, "403 QuotaExceeded: Full."),
        (
            answer("400 Bad Request", "RequestTimeout", "Slow."),
            ErrorClass.TRANSIENT,
            "400 RequestTimeout: Slow.",
        ),
        (
            answer("400 Bad Request", "InvalidArgument", "Odd."),
            ErrorClass.PERMANENT,
            "400 InvalidArgument: Odd.",
        ),
        (answer("404 Not Found", "NoSuchBucket", "None."), ErrorClass.PERMANENT, "404 NoSuchBucket: None."),
        (b"hello\r\n\r\n", ErrorClass.TRANSIENT, "the exchange failed with http://127.0.0.1:"),
        (
            answer("507 Insufficient Storage", "XMinioStorageFull", "F."),
            ErrorClass.NO_SPACE,
            "507 XMinioStorageFull",
        ),
        (answer("507 Insufficient Storage"), ErrorClass.NO_SPACE, "507 Insufficient Storage"),
        (answer("503 Service Unavailable", "SlowDown", "S."), ErrorClass.TRANSIENT, "503 SlowDown"),
        (answer("500 Internal Server Error"), ErrorClass.TRANSIENT, "500 Internal Server Error"),
        (answer("429 Too Many Requests"), ErrorClass.TRANSIENT, "429 Too Many Requests"),
        (b"", ErrorClass.TRANSIENT, "the exchange failed with"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_has_its_class_and_its_words(said: bytes, error_class: ErrorClass, words: str) -> None:
    error = error_of_a_put(said)
    assert words in error.reason
    assert error.error_class is error_class


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentSHA256Mismatch"])
def test_what_the_server_finds_corrupt_is_corrupt(code: str) -> None:
    assert isinstance(error_of_a_put(answer("400 Bad Request", code, "Differs.")), Corrupt)


def test_a_long_answer_is_cut_short() -> None:
    error = error_of_a_put(answer("400 Bad Request", "InvalidArgument", "w" * 5_000))
    assert len(error.reason) < 250
    assert error.reason.endswith("…")


def test_a_missing_bucket_is_no_missing_object() -> None:
    with server_that_says(answer("404 Not Found", "NoSuchBucket", "None.")) as storage:
        with pytest.raises(StorageError, match="NoSuchBucket") as caught:
            next(storage.get("a/b"))
        assert not isinstance(caught.value, ObjectMissing)
        with pytest.raises(StorageError, match="list 'a': 404 NoSuchBucket"):
            next(storage.listing("a"))


@pytest.mark.parametrize(
    ("status", "error_class", "name"),
    [
        ("404 Not Found", ErrorClass.NO_PERMISSION, "NoCredentials"),
        ("403 Forbidden", ErrorClass.NO_PERMISSION, "NoCredentials"),
        ("429 Too Many Requests", ErrorClass.TRANSIENT, "429"),
        ("503 Service Unavailable", ErrorClass.TRANSIENT, "503"),
    ],
)
def test_an_object_of_s3_is_not_missing_because_the_machine_has_no_role(
    status: str, error_class: ErrorClass, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener_that_says(answer(status)) as endpoint:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", endpoint)
        storage = open_storage("s3://bucket?endpoint=http://127.0.0.1:9", {}, ())
        with pytest.raises(StorageError, match=f"get 'k': no token from {endpoint}: {status}") as caught:
            next(storage.get("k"))
    assert not isinstance(caught.value, ObjectMissing)
    assert caught.value.error_class is error_class


@pytest.mark.parametrize(
    "said", ["Access denied.", "a@b does not have storage.objects.get access &amp; more"]
)
def test_google_says_in_its_details_what_its_message_leaves_out(said: str) -> None:
    body = (
        f"<Error><Code>AccessDenied</Code><Message>Access denied.</Message><Details>{said}</Details></Error>"
    )
    whole = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    error = error_of_a_put(whole.encode())
    assert error.reason == f"put 'a/b': 403 AccessDenied: {said.replace('&amp;', '&')}"
