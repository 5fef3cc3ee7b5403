"""What happens to objects that change on their way to an S3 server, and what vouches for those that do not."""

import io
import os

import obstore
import pytest
from tests.conformance.storage.proxy import Proxy, nothing, proxy, puts
from tests.conformance.storage.sources import Generated, as_file
from tests.fixtures_seaweed import Seaweed

from towpath.domain.paths import ErrorClass
from towpath.storage.objects import MD5, READ_BACK
from towpath.storage.opening import open_storage
from towpath.storage.protocol import Corrupt, Storage


def through(proxy: Proxy, seaweed: Seaweed, bucket: str) -> Storage:
    """The bucket as the proxy shows it."""
    return open_storage(seaweed.url(bucket, endpoint=proxy.endpoint), seaweed.credentials, ())


def kept(seaweed: Seaweed, bucket: str) -> dict[str, int]:
    """What truly lies in the bucket."""
    pages = obstore.list(seaweed.store(bucket))
    return {meta["path"]: meta["size"] for page in pages for meta in page}


@pytest.mark.parametrize("hides_etags", [False, True])
def test_a_bit_flipped_on_the_way_is_found_and_nothing_stays(
    seaweed: Seaweed, bucket: str, hides_etags: bool
) -> None:
    with proxy(seaweed.endpoint, puts, hides_etags=hides_etags) as between:
        storage = through(between, seaweed, bucket)
        with pytest.raises(Corrupt, match="keeps not what was sent") as caught:
            storage.put("a/b", io.BytesIO(os.urandom(10_000)), 10_000)
    assert caught.value.error_class is ErrorClass.TRANSIENT
    assert between.flipped
    assert kept(seaweed, bucket) == {}


def test_a_check_finds_that_bits_flip_on_the_way(seaweed: Seaweed, bucket: str) -> None:
    with proxy(seaweed.endpoint, puts) as between, pytest.raises(Corrupt):
        through(between, seaweed, bucket).check()
    assert kept(seaweed, bucket) == {}


def test_a_put_after_a_flip_is_verified_by_the_etag_again(seaweed: Seaweed, bucket: str) -> None:
    once = [True]
    with proxy(seaweed.endpoint, lambda line: puts(line) and bool(once) and once.pop()) as between:
        storage = through(between, seaweed, bucket)
        with pytest.raises(Corrupt):
            storage.put("a/b", io.BytesIO(b"hello"), 5)
        assert storage.put("a/b", io.BytesIO(b"hello"), 5).how == MD5
    assert kept(seaweed, bucket) == {"a/b": 5}


@pytest.mark.parametrize("size", [0, 5, 8 << 20])
def test_the_etag_of_the_put_itself_vouches_for_it(seaweed: Seaweed, bucket: str, size: int) -> None:
    with proxy(seaweed.endpoint) as between:
        assert through(between, seaweed, bucket).put("k", as_file(Generated(size)), size).how == MD5
    assert kept(seaweed, bucket) == {"k": size}


def test_an_object_is_read_back_where_the_etag_tells_nothing(seaweed: Seaweed, bucket: str) -> None:
    with proxy(seaweed.endpoint, nothing, hides_etags=True) as between:
        storage = through(between, seaweed, bucket)
        for _ in range(2):
            assert storage.put("k", io.BytesIO(b"hello"), 5).how == READ_BACK
        assert "reading back" in storage.check()
    assert kept(seaweed, bucket) == {"k": 5}


def test_a_put_needs_one_request(seaweed: Seaweed, bucket: str) -> None:
    with proxy(seaweed.endpoint) as between:
        through(between, seaweed, bucket).put("one", io.BytesIO(b"hello"), 5)
    assert [line.split(b" ")[0] for line in between.seen] == [b"PUT"]


def test_the_check_says_that_the_stores_md5_is_relied_upon(s3: Storage) -> None:
    assert "the store's MD5" in s3.check()


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_an_object_that_is_gone_right_after_its_put_is_not_verified(
    seaweed: Seaweed, bucket: str, content: bytes
) -> None:
    def delete_before_the_look(line: bytes) -> None:
        if line.startswith(b"GET "):
            obstore.delete(seaweed.store(bucket), "k")

    opaque = proxy(seaweed.endpoint, hides_etags=True, watch=delete_before_the_look)
    with opaque as between, pytest.raises(Corrupt, match="found no object"):
        through(between, seaweed, bucket).put("k", io.BytesIO(content), len(content))
