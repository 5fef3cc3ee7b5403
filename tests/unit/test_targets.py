"""What may stand in a target's URL, and which credentials go with it."""

import pytest

from towpath.domain.errors import Mistake
from towpath.domain.targets import LONGEST_PREFIX, check_credentials, parse_target_url


@pytest.mark.parametrize(
    ("url", "scheme", "bucket", "prefix", "options"),
    [
        ("file:///archive", "file", "", "/archive", {}),
        ("file:///archive/deep/", "file", "", "/archive/deep", {}),
        ("file:///with%20space/%23", "file", "", "/with space/#", {}),
        ("s3://bucket", "s3", "bucket", "", {}),
        ("S3://bucket/", "s3", "bucket", "", {}),
        ("s3://my.bucket-1/a/b/", "s3", "my.bucket-1", "a/b", {}),
        ("s3://bucket/a%20b", "s3", "bucket", "a b", {}),
        (
            "s3://bucket/p?endpoint=http://127.0.0.1:9000&region=eu-west-1&timeout=300",
            "s3",
            "bucket",
            "p",
            {"endpoint": "http://127.0.0.1:9000", "region": "eu-west-1", "timeout": "300"},
        ),
        (
            "s3://bucket?endpoint=https%3A%2F%2Fs3.example.org",
            "s3",
            "bucket",
            "",
            {"endpoint": "https://s3.example.org"},
        ),
        ("az://container/p?account=name", "az", "container", "p", {"account": "name"}),
        ("gs://a_bucket/p", "gs", "a_bucket", "p", {}),
    ],
)
def test_a_sound_url_is_taken_apart(
    url: str, scheme: str, bucket: str, prefix: str, options: dict[str, str]
) -> None:
    target = parse_target_url(url)
    assert (target.scheme, target.bucket, target.prefix, dict(target.options)) == (
        scheme,
        bucket,
        prefix,
        options,
    )


def test_a_directory_is_bytes() -> None:
    assert parse_target_url("file:///a%FFb").directory == b"/a\xffb"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s4://bucket", "unknown kind 's4://'; expected one of: az, file, gs, s3"),
        ("gcs://bucket", "unknown kind 'gcs://', did you mean 'gs'?"),
        ("/archive", "a URL without a scheme"),
        ("", "a URL without a scheme"),
        ("file://archive/x", "expected file:/// and an absolute directory"),
        ("file:archive", "expected file:/// and an absolute directory"),
        ("file:///a/../b", "without '..' and NUL"),
        ("file:///a%00", "without '..' and NUL"),
        ("file:///a?region=x", "unknown option 'region'; file:// takes none"),
        ("s3://", "expected a bucket of 3 to 63"),
        ("s3://Bucket", "found 'Bucket'"),
        ("s3://ab", "expected a bucket of 3 to 63"),
        ("s3://bucket/a//b", "without '//', '.' and '..'"),
        ("s3://bucket/../b", "without '//', '.' and '..'"),
        ("s3://bucket/a%0Ab", "without control characters"),
        ("s3://bucket/a%5Cb", "without control characters"),
        ("s3://bucket/%FF", "expected a prefix of UTF-8"),
        ("s3://bucket/" + "p" * (LONGEST_PREFIX + 1), f"at most {LONGEST_PREFIX} bytes"),
        ("s3://bucket/p#x", "expected no '#'"),
        ("s3://bucket?endpont=http://h", "unknown option 'endpont', did you mean 'endpoint'?"),
        ("s3://bucket?region=a&region=b", "option 'region' stands there twice"),
        ("s3://bucket?region=", "option 'region': expected a name such as us-east-1, found ''"),
        ("s3://bucket?endpoint=localhost:9000", "option 'endpoint': expected an address"),
        ("s3://bucket?endpoint=http://h:99999", "option 'endpoint': expected an address"),
        ("s3://bucket?timeout=1", "expected a number of seconds from 5 to 3600, found '1'"),
        ("az://container?account=Name!", "option 'account': expected 3 to 24"),
    ],
)
def test_an_unsound_url_is_a_mistake_that_names_what_is_wrong(url: str, complaint: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_target_url(url)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hunter2@bucket",
        "s3://hunter2@bucket",
        "s3://bucket?secret_access_key=hunter2",
        "s3://bucket?access_key_id=hunter2",
        "s3://bucket?session_token=hunter2",
        "az://container?sas_token=hunter2",
        "az://container?sig=hunter2",
        "gs://bucket?password=hunter2",
        "s3://bucket?endpoint=http://key:hunter2@host",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_target_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "names"),
    [
        ("s3", []),
        ("s3", ["access_key_id", "secret_access_key"]),
        ("s3", ["access_key_id", "secret_access_key", "session_token"]),
        ("az", ["account_key"]),
        ("gs", ["service_account_key"]),
        ("file", []),
    ],
)
def test_credentials_that_make_sense_are_taken(scheme: str, names: list[str]) -> None:
    check_credentials(scheme, names)


@pytest.mark.parametrize(
    ("scheme", "names", "complaint"),
    [
        ("s3", ["access_key"], "unknown name 'access_key', did you mean 'access_key_id'?"),
        ("s3", ["access_key_id"], "found no secret_access_key"),
        ("s3", ["session_token"], "found no access_key_id"),
        ("file", ["access_key_id"], "unknown name 'access_key_id'; file:// takes none"),
    ],
)
def test_other_credentials_are_a_mistake(scheme: str, names: list[str], complaint: str) -> None:
    with pytest.raises(Mistake) as caught:
        check_credentials(scheme, names)
    assert complaint in str(caught.value)
