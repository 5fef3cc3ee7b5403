"""The URL of a target: what may stand in it, and which credentials go beside it, never in it."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes, urlsplit

from towpath.domain.errors import Mistake, did_you_mean

LONGEST_PREFIX = 127
"""Bytes. With the longest key and a slash it stays within the 1,024 bytes of S3 and Azure."""


@dataclass(frozen=True, slots=True)
class TargetUrl:
    """A target's URL, taken apart. `prefix` is the part of a key that all its objects share ("" = none); for
    `file` it is the absolute directory, and `bucket` is "". For `az`, the bucket is the container; for `sftp` it is
    the server, and the prefix its directory, without the slash before it."""

    scheme: str
    bucket: str
    prefix: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> bytes:
        """The directory of a `file` target."""
        return os.fsencode(self.prefix)


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of target: an example for people, the options its URL takes, the credentials that go with it."""

    example: str
    options: Mapping[str, Callable[[str], str | None]] = field(default_factory=dict)
    """Option → a check that says what was expected, or None where the value is well."""
    credentials: frozenset[str] = frozenset()
    bucket: re.Pattern[str] | None = None
    bucket_rule: str = ""
    classes: re.Pattern[str] | None = None
    """The storage classes that its objects may be put with; None where it has none."""
    classes_rule: str = ""


def _is_endpoint(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if sound and not (parts.query or parts.fragment or "@" in parts.netloc):
        return None
    return "an address such as http://127.0.0.1:9000, without a user, '?' or '#'"


def _is_region(text: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) else "a name such as us-east-1"


def _is_timeout(text: str) -> str | None:
    well = re.fullmatch(r"[0-9]{1,4}", text) is not None and 5 <= int(text) <= 3600
    return None if well else "a number of seconds from 5 to 3600"


def _is_account(text: str) -> str | None:
    return None if re.fullmatch(r"[a-z0-9]{3,24}", text) else "3 to 24 lower-case letters and digits"


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "file": Scheme("file:///archive"),
        "s3": Scheme(
            "s3://bucket/prefix?endpoint=https://s3.example.org&region=us-east-1",
            {"endpoint": _is_endpoint, "region": _is_region, "timeout": _is_timeout},
            frozenset({"access_key_id", "secret_access_key", "session_token"}),
            re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
            "3 to 63 lower-case letters, digits, dots and hyphens",
            re.compile(r"[A-Z][A-Z0-9_]{0,63}"),
            "a name of S3's such as STANDARD_IA or GLACIER",
        ),
        "az": Scheme(
            "az://container/prefix?account=name",
            {"account": _is_account, "endpoint": _is_endpoint, "timeout": _is_timeout},
            frozenset({"account_key", "sas_token", "client_id", "client_secret", "tenant_id"}),
            re.compile(r"[a-z0-9$][a-z0-9-]{1,61}[a-z0-9]"),
            "3 to 63 lower-case letters, digits and hyphens",
            re.compile(r"Hot|Cool|Cold|Archive"),
            "Hot, Cool, Cold or Archive",
        ),
        "gs": Scheme(
            "gs://bucket/prefix",
            {"endpoint": _is_endpoint, "timeout": _is_timeout},
            frozenset({"service_account_key"}),
            re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
            "3 to 222 lower-case letters, digits, dots, hyphens and underscores",
            re.compile(r"STANDARD|NEARLINE|COLDLINE|ARCHIVE"),
            "STANDARD, NEARLINE, COLDLINE or ARCHIVE",
        ),
        "sftp": Scheme(
            "sftp://files.example.org:22/srv/archive",
            {"timeout": _is_timeout},
            frozenset({"username", "password", "private_key", "passphrase", "host_key"}),
            re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?"),
            "a server's name, and its port if it is not 22",
        ),
    }
)
"""Every kind of target there is: parsing, error texts and the opening of targets derive from it."""

URLS_FOR_PEOPLE = (
    "file:///…, s3://bucket/prefix?endpoint=… (Google too, with HMAC keys), az://container/prefix?account=…, "
    "gs://bucket/prefix, or sftp://server/directory"
)

_SECRET = re.compile(
    r"secret|password|passwd|token|signature|credential|access_?key|(account|api|private)_?key|^sig$", re.I
)


def parse_target_url(url: str) -> TargetUrl:
    """The URL's parts; raises `Mistake` that names what was expected and found, and never repeats a secret."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Mistake(f"target URL: {error}") from None
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None:
        found = f"'{parts.scheme}://'" if parts.scheme else "a URL without a scheme"
        raise Mistake(f"target URL: unknown kind {found}{did_you_mean(parts.scheme, SCHEMES)}")
    if "@" in parts.netloc:
        raise Mistake("target URL: a user or a secret stands in it; secrets are given with --credentials")
    if parts.fragment:
        raise Mistake(f"target URL: expected no '#', found '#{parts.fragment}'; write %23 for it in a prefix")
    options = _options(parts, scheme)
    if parts.scheme == "file":
        return TargetUrl("file", "", _directory(parts), options)
    if scheme.bucket is None or not scheme.bucket.fullmatch(parts.netloc):
        raise Mistake(
            f"target URL: expected a bucket of {scheme.bucket_rule}, found '{parts.netloc}' ({scheme.example})"
        )
    return TargetUrl(parts.scheme, parts.netloc, _prefix(parts.path), options)


def _options(parts: SplitResult, scheme: Scheme) -> Mapping[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        check = scheme.options.get(name)
        if check is None and _SECRET.search(name):
            raise Mistake(f"target URL: option '{name}' is a secret; secrets are given with --credentials")
        if check is None:
            hint = did_you_mean(name, scheme.options) or f"; {parts.scheme}:// takes none"
            raise Mistake(f"target URL: unknown option '{name}'{hint}")
        if name in options:
            raise Mistake(f"target URL: option '{name}' stands there twice")
        expected = check(value)
        if expected is not None:
            raise Mistake(f"target URL: option '{name}': expected {expected}, found '{_shown(name, value)}'")
        options[name] = value
    return MappingProxyType(options)


def _shown(name: str, value: str) -> str:
    """A value for an error's text; an address with a user in it may hold a password."""
    return "…" if name == "endpoint" and "@" in value else value


def _directory(parts: SplitResult) -> str:
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if parts.netloc or not path.startswith("/"):
        raise Mistake("target URL: expected file:/// and an absolute directory, as in file:///archive")
    if "\0" in path or ".." in path.split("/"):
        raise Mistake(f"target URL: expected a directory without '..' and NUL, found {path!a}")
    return os.path.normpath("/" + path.lstrip("/"))


def _prefix(path: str) -> str:
    try:
        prefix = unquote_to_bytes(path).decode("utf-8").strip("/")
    except UnicodeDecodeError:
        raise Mistake(f"target URL: expected a prefix of UTF-8, found '{path}'") from None
    if len(prefix.encode()) > LONGEST_PREFIX:
        raise Mistake(f"target URL: expected a prefix of at most {LONGEST_PREFIX} bytes, found {len(prefix)}")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise Mistake(f"target URL: expected a prefix without '//', '.' and '..', found '{prefix}'")
    if not prefix.isprintable() or "\\" in prefix:
        raise Mistake(f"target URL: expected a prefix without control characters and '\\', found {prefix!a}")
    return prefix


def check_credentials(scheme: str, names: Iterable[str]) -> None:
    """Raise `Mistake` unless credentials of these names make sense for a target of that scheme."""
    known, given = SCHEMES[scheme].credentials, set(names)
    for name in sorted(given - known):
        hint = did_you_mean(name, known) or f"; {scheme}:// takes none"
        raise Mistake(f"credentials: unknown name '{name}'{hint}")
    if scheme == "s3" and given and not given >= {"access_key_id", "secret_access_key"}:
        missing = sorted({"access_key_id", "secret_access_key"} - given)
        raise Mistake(f"credentials: expected access_key_id and secret_access_key, found no {missing[0]}")
    if scheme == "sftp":
        _check_login(given)


def _check_login(given: set[str]) -> None:
    for name in ("username", "host_key"):
        if name not in given:
            raise Mistake(
                f"credentials: expected username, host_key, and password or private_key, found no {name}"
            )
    if not given & {"password", "private_key"}:
        raise Mistake("credentials: expected a password or a private_key, found neither")


@dataclass(frozen=True, slots=True)
class Traits:
    """How a site's files map to a target beyond its place: the class that objects are put with, and the template of
    their keys; "" is the store's own class, and `PLAIN_TEMPLATE`."""

    storage_class: str = ""
    template: str = ""


PLAIN = Traits()

PLAIN_TEMPLATE = "{site}/{root}/{path}"
LONGEST_TEMPLATE = 128
_TEMPLATE = re.compile(r"\{site\}/(?:(?:[A-Za-z0-9_=,+-]|\{root\})+/)*\{path\}")
"""A site's own objects stand beneath its name, so that sites never meet, and what is left of a site's uploads is
found; a path comes last, so that its directories stay directories. An instance id always follows."""


def check_traits(scheme: str, traits: Traits) -> None:
    """Raise `Mistake` unless a target of that scheme can have them."""
    kind, given, template = SCHEMES[scheme], traits.storage_class, traits.template
    if template and (len(template) > LONGEST_TEMPLATE or not _TEMPLATE.fullmatch(template)):
        rule = (
            "{site}/ first, {path} last, and between them {root} or letters, digits and _=,+- in directories"
        )
        raise Mistake(f"template: expected {rule}, as in {PLAIN_TEMPLATE}, found '{template}'")
    if given and kind.classes is None:
        raise Mistake(f"storage class: {scheme}:// has none, found '{given}'")
    if given and kind.classes is not None and not kind.classes.fullmatch(given):
        raise Mistake(f"storage class: expected {kind.classes_rule}, found '{given}'")


def place_of(url: str) -> tuple[str, str]:
    """The place in a target's URL, without the prefix, and the prefix; a directory is all place."""
    target, parts = parse_target_url(url), urlsplit(url)
    if target.scheme == "file":
        return url, ""
    return parts._replace(path="").geturl(), target.prefix


def beneath(place: str, prefix: str) -> str:
    """The URL of a prefix in a place; raises `Mistake` for a prefix that cannot be one."""
    if not prefix.strip("/"):
        return place
    parts = urlsplit(place)
    url = parts._replace(path=f"{parts.path.rstrip('/')}/{quote(prefix.strip('/'))}").geturl()
    if parts.scheme == "file" and ".." in prefix.split("/"):
        raise Mistake(f"prefix: expected one without '..', found '{prefix}'")
    parse_target_url(url)
    return url
