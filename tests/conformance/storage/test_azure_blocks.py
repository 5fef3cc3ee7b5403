"""Large objects go to an Azure server in blocks, and go on where they broke off."""

import base64
import io
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import google_crc32c
import pytest
from tests.conformance.storage.proxy import Proxy, proxy
from tests.conformance.storage.sources import Generated, as_file
from tests.conformance.storage.test_large import Asking
from tests.fixtures_azurite import Azurite
from tests.fixtures_hub import PATIENCE, until

from towpath.domain.paths import ErrorClass
from towpath.storage.azure import AzureCalls, AzurePlace
from towpath.storage.azure_blocks import BLOCKS_MD5, UPLOAD, AzureBlocks
from towpath.storage.large import Sizes
from towpath.storage.opening import open_storage
from towpath.storage.parts import UploadGone
from towpath.storage.protocol import GivenUp, Storage, StorageError

PART = 1 << 20
SMALL = Sizes(single=PART, part=PART, in_flight=2 * PART)
COUNT = 8
SIZE = COUNT * PART - 17
KEY = "oslo/data/film@0123456789abcdef"
_SENT = re.compile(rb"PUT /\S*[?&]blockid=([^&\s]+)")


@pytest.fixture
def between(azurite: Azurite) -> Iterator[Proxy]:
    """A proxy before the server that counts what is sent."""
    with proxy(azurite.endpoint) as running:
        yield running


def through(
    between: Proxy, azurite: Azurite, container: str, credentials: dict[str, str] | None = None
) -> Storage:
    """A prefix in the container, in small parts."""
    endpoint = f"{between.endpoint}/{azurite.endpoint.rpartition('/')[2]}"
    url = azurite.url(container, "cold", endpoint)
    return open_storage(url, credentials or azurite.credentials, (), SMALL)


def blocks(azurite: Azurite, container: str) -> AzureBlocks:
    """What the server itself says of uploads."""
    account = azurite.endpoint.rpartition("/")[2]
    return AzureBlocks(
        AzureCalls(AzurePlace(azurite.endpoint, account, container, "cold", azurite.credentials, 30))
    )


def under_way(azurite: Azurite, container: str, key: str = KEY) -> list[int]:
    """The parts that the server keeps of an upload."""
    own = blocks(azurite, container)
    return [part.number for begun in own.begun(key) for part in own.parts(begun.key, begun.id)]


def number(line: bytes) -> int:
    """Which part a request sends; 0 for none, and for the trial with a wrong checksum, which is beyond the last."""
    match = _SENT.match(line)
    found = int.from_bytes(base64.b64decode(unquote_to_bytes(match[1]))[7:11]) if match else 0
    return found if found <= COUNT else 0


def sent(between: Proxy) -> "Counter[int]":
    """How often each part was sent."""
    return Counter(found for line in between.seen if (found := number(line)))


def once() -> "Counter[int]":
    """Each part, one time."""
    return Counter(range(1, COUNT + 1))


def interrupted(storage: Storage, between: Proxy, after: int, key: str = KEY) -> None:
    """A put that is given up once so many parts were sent."""

    def ask() -> None:
        if sum(sent(between).values()) >= after:
            raise GivenUp

    with pytest.raises(GivenUp):
        storage.put(key, as_file(Asking(Generated(SIZE), ask)), SIZE)


def put(storage: Storage, key: str = KEY) -> str:
    """Put the whole; how it was verified."""
    return storage.put(key, as_file(Generated(SIZE)), SIZE).how


def test_a_large_object_goes_in_blocks_each_of_which_the_store_has_checked(
    between: Proxy, azurite: Azurite, container: str
) -> None:
    storage = through(between, azurite, container)
    assert put(storage) == BLOCKS_MD5
    assert sent(between) == once()
    assert b"".join(storage.get(KEY)) == Generated(SIZE).read()
    assert under_way(azurite, container) == []


def test_a_put_that_was_given_up_is_gone_on_with_and_sends_no_block_again_that_is_there(
    between: Proxy, azurite: Azurite, container: str
) -> None:
    interrupted(through(between, azurite, container), between, 6)
    assert len(under_way(azurite, container)) >= 4
    storage = through(between, azurite, container)  # Another process would know no more than this.
    assert list(storage.listing()) == []
    assert storage.look(KEY) is None
    put(storage)
    assert sum((sent(between) - once()).values()) <= SMALL.in_flight // SMALL.part
    assert b"".join(storage.get(KEY)) == Generated(SIZE).read()


PUTS = """
import os, sys
from tests.conformance.storage.sources import Generated, as_file
from towpath.storage.large import Sizes
from towpath.storage.opening import open_storage
url, key, size, part = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
storage = open_storage(url, {"account_key": os.environ["KEY"]}, (), Sizes(part, part, 2 * part))
storage.put(key, as_file(Generated(size)), size)
"""


def test_what_a_process_has_sent_that_was_killed_is_not_sent_again(azurite: Azurite, container: str) -> None:
    """It holds the second half back until the process is dead."""
    held, dead = threading.Event(), threading.Event()

    def hold(line: bytes) -> None:
        if number(line) > COUNT // 2:
            held.set()
            dead.wait(PATIENCE)

    with proxy(azurite.endpoint, watch=hold) as narrow:
        endpoint = f"{narrow.endpoint}/{azurite.endpoint.rpartition('/')[2]}"
        url = azurite.url(container, "cold", endpoint)
        command = [sys.executable, "-c", PUTS, url, KEY, str(SIZE), str(PART)]
        with subprocess.Popen(command, env={**os.environ, "KEY": azurite.account_key}) as process:
            assert held.wait(PATIENCE)
            process.kill()
        dead.set()
    before = set(under_way(azurite, container))
    assert len(before) > COUNT // 2 - SMALL.in_flight // SMALL.part
    with proxy(azurite.endpoint) as wide:
        storage = through(wide, azurite, container)
        put(storage)
        again = set(sent(wide))
        assert again
        assert not again & before
        # What was on its way when the process died may have come in since.
        assert len(set(range(1, COUNT + 1)) - before - again) <= SMALL.in_flight // SMALL.part
        assert b"".join(storage.get(KEY)) == Generated(SIZE).read()


def test_what_is_there_of_other_bytes_is_sent_anew(between: Proxy, azurite: Azurite, container: str) -> None:
    storage = through(between, azurite, container)
    interrupted(storage, between, 6)
    other = b"x" + (Generated(SIZE).read() or b"")[1:]
    storage.put(KEY, io.BytesIO(other), SIZE)
    assert b"".join(storage.get(KEY)) == other
    assert sent(between)[1] == 2


def test_what_a_put_has_left_can_be_taken_away_and_what_is_kept_stays(
    between: Proxy, azurite: Azurite, container: str
) -> None:
    storage = through(between, azurite, container)
    interrupted(storage, between, 3)

    def is_gone() -> bool:
        storage.give_up(KEY)
        return under_way(azurite, container) == []

    until(is_gone, "no block of it; one that was on its way may still come in after the first look")
    assert storage.look(KEY) is None
    storage.give_up(KEY)
    assert storage.look(KEY) is None
    put(storage)
    own = blocks(azurite, container)
    own.send(KEY, UPLOAD, 1, b"more", google_crc32c.value(b"more"))
    own.abort(KEY, UPLOAD)
    assert b"".join(storage.get(KEY)) == Generated(SIZE).read()


def test_blocks_of_another_client_make_room(between: Proxy, azurite: Azurite, container: str) -> None:
    account = azurite.endpoint.rpartition("/")[2]
    calls = AzureCalls(AzurePlace(azurite.endpoint, account, container, "cold", azurite.credentials, 30))
    query = {"comp": "block", "blockid": base64.b64encode(b"short").decode()}
    calls.call("send", "PUT", KEY, query, b"theirs")
    with pytest.raises(UploadGone):
        list(blocks(azurite, container).parts(KEY, UPLOAD))
    put(through(between, azurite, container))
    assert sent(between) == once()


def test_a_token_signs_for_blocks_too(between: Proxy, azurite: Azurite, container: str) -> None:
    token = {"sas_token": azurite.shared_access(container, "rwdcl")}
    storage = through(between, azurite, container, token)
    put(storage)
    assert sent(between) == once()
    assert b"".join(storage.get(KEY)) == Generated(SIZE).read()


def test_a_wrong_key_is_told_as_such(azurite: Azurite, container: str) -> None:
    storage = open_storage(azurite.url(container), {"account_key": "aHVudGVyMmh1bnRlcjI="}, (), SMALL)
    with pytest.raises(StorageError) as caught:
        put(storage)
    assert caught.value.error_class is ErrorClass.NO_PERMISSION
    assert "hunter" not in caught.value.reason
