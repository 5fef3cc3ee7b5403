"""Opening a target in an object store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from towpath.domain.paths import ErrorClass
from towpath.domain.targets import TargetUrl
from towpath.storage.answers import OBSTORE_ERRORS
from towpath.storage.azure import ARCHIVE, AzureCalls, AzurePlace, AzureTiers
from towpath.storage.azure_blocks import AzureBlocks
from towpath.storage.google import GOOGLES, Tokens, read_key
from towpath.storage.large import Sizes
from towpath.storage.objects import ObjectStorage
from towpath.storage.opening import timeout_of
from towpath.storage.protocol import StorageError
from towpath.storage.reaching import address_of
from towpath.storage.s3 import PLAIN, S3, S3Place, S3Uploads

if TYPE_CHECKING:
    # Types of obstore's stubs alone.
    from obstore.store import ClientConfig, GCSConfig, RetryConfig, S3Config, S3Credential

AT_ONCE: Final = timedelta(seconds=10)
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
DEFAULT_REGION: Final = "us-east-1"

RETRIES: "Final[RetryConfig]" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}
"""What obstore tries again by itself: short, for the caller decides what waiting is worth."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a store of obstore's is to be reached."""

    target: TargetUrl
    credentials: Mapping[str, str]
    client: "ClientConfig"
    retries: "RetryConfig"

    @property
    def prefix(self) -> str | None:
        """As obstore wants it: None for none."""
        return self.target.prefix or None


def open_bucket(
    target: TargetUrl, credentials: Mapping[str, str], sizes: Sizes, storage_class: str
) -> ObjectStorage:
    """The target; nothing is asked of it yet. Raises `StorageError` where its settings are refused."""
    timeout = timeout_of(target)
    store = _opened(Access(target, credentials, _client(target, timeout), RETRIES))
    if target.scheme == "az":
        calls = _azure_calls(target, credentials, timeout)
        # Others than these sign by a token that they fetch first, which obstore alone knows to do.
        can_sign = not {"account_key", "sas_token"}.isdisjoint(credentials)
        at_once = "" if storage_class == ARCHIVE else storage_class
        blocks = AzureBlocks(calls, at_once) if can_sign else None
        return ObjectStorage(store, blocks, sizes, storage_class, AzureTiers(calls))
    if target.scheme == "gs":
        large = _google_parts(target, credentials, timeout, storage_class)
        return ObjectStorage(store, large, sizes, storage_class)
    parts = _s3_parts(target, credentials, timeout, storage_class)
    return ObjectStorage(store, parts, sizes, storage_class, parts)


def _azure_calls(target: TargetUrl, credentials: Mapping[str, str], timeout: timedelta) -> AzureCalls:
    account = target.options.get("account", "")
    endpoint = target.options.get("endpoint", f"https://{account}.blob.core.windows.net")
    seconds = timeout.total_seconds()
    return AzureCalls(AzurePlace(endpoint, account, target.bucket, target.prefix, credentials, seconds))


def open_bare(target: TargetUrl, credentials: Mapping[str, str]) -> ObjectStore:
    """A client that tries nothing twice and waits for nothing long: for one who wants to know how it is now."""
    return _opened(Access(target, credentials, _client(target, AT_ONCE), {"max_retries": 0}))


def _opened(access: Access) -> ObjectStore:
    target = access.target
    try:
        return _OPENERS[target.scheme](access)
    except OBSTORE_ERRORS as error:
        # obstore's text may repeat the setting that it refuses, which may be a secret: it is left out.
        what = (
            f"a setting, a credential or a {_VARIABLES[target.scheme]} variable of the worker's environment"
        )
        reason = f"target {target.scheme}://{target.bucket}: {what} was refused"
        raise StorageError(f"{reason} ({type(error).__name__})", ErrorClass.PERMANENT) from None


def _client(target: TargetUrl, timeout: timedelta) -> "ClientConfig":
    plain = target.options.get("endpoint", "").lower().startswith("http://")
    return {"timeout": timeout, "connect_timeout": CONNECT_TIMEOUT, "allow_http": plain}


def _s3(access: Access) -> ObjectStore:
    """What the URL and the credentials say wins over AWS_… variables of the worker's environment; without
    credentials, those variables or the machine's own role are used.

    The payload goes unsigned: what was received is compared by its ETag or read back, which also covers what
    the store did with it, and hashing it once more would halve the speed.
    """
    config: S3Config = {
        "region": access.target.options.get("region", DEFAULT_REGION),
        "unsigned_payload": True,
        "disable_bulk_delete": True,
        "skip_signature": False,
    }
    endpoint = access.target.options.get("endpoint")
    if endpoint is not None:
        config["endpoint"] = config["aws_endpoint_url_s3"] = endpoint.rstrip("/")
    return S3Store(
        access.target.bucket,
        prefix=access.prefix,
        config=config,
        client_options=access.client,
        retry_config=access.retries,
        credential_provider=_s3_credential(access.credentials) if access.credentials else None,
    )


def _s3_parts(
    target: TargetUrl, credentials: Mapping[str, str], timeout: timedelta, storage_class: str
) -> S3Uploads:
    region = target.options.get("region", DEFAULT_REGION)
    endpoint = target.options.get("endpoint", f"https://s3.{region}.amazonaws.com").rstrip("/")
    dialect, seconds = PLAIN if is_googles(endpoint) else S3, timeout.total_seconds()
    place = S3Place(
        endpoint, target.bucket, target.prefix, region, credentials, seconds, storage_class, dialect
    )
    return S3Uploads(place)


def is_googles(endpoint: str) -> bool:
    """Whether it is Google that speaks S3's protocol there."""
    return f".{urlsplit(endpoint).hostname}".endswith(".googleapis.com")


def _s3_credential(credentials: Mapping[str, str]) -> "Callable[[], S3Credential]":
    """A provider, not settings: with settings, a token of the environment would be mixed in."""
    credential: S3Credential = {
        "access_key_id": credentials["access_key_id"],
        "secret_access_key": credentials["secret_access_key"],
        "token": credentials.get("session_token"),
        "expires_at": None,
    }
    return lambda: credential


def _azure(access: Access) -> ObjectStore:
    names = {"account_key": "account_key", "sas_token": "sas_key", "client_id": "client_id"}
    names |= {"client_secret": "client_secret", "tenant_id": "tenant_id"}
    config = {names[name]: value for name, value in access.credentials.items()}
    config |= {"account_name": access.target.options["account"]} if "account" in access.target.options else {}
    config |= {"endpoint": access.target.options["endpoint"]} if "endpoint" in access.target.options else {}
    return AzureStore(
        access.target.bucket,
        prefix=access.prefix,
        config=config,  # type: ignore[arg-type]  # built from names of AzureConfig
        client_options=access.client,
        retry_config=access.retries,
    )


def _google(access: Access) -> ObjectStore:
    """What the URL and the credentials say wins over GOOGLE_… variables of the worker's environment, so that the token
    is signed here: obstore would mix those in, and refuses a key where they name a file of another. Without
    credentials, those variables or the machine's own account are used."""
    key = access.credentials.get("service_account_key")
    config: GCSConfig = {"base_url": address_of(access.target).url.rstrip("/"), "skip_signature": False}
    return GCSStore(
        access.target.bucket,
        prefix=access.prefix,
        config=config,
        client_options=access.client,
        retry_config=access.retries,
        credential_provider=Tokens(read_key(key)).credential if key is not None else None,
    )


def _google_parts(
    target: TargetUrl, credentials: Mapping[str, str], timeout: timedelta, storage_class: str
) -> S3Uploads | None:
    """None without a key: the machine's own account is one that obstore alone knows to ask."""
    if "service_account_key" not in credentials:
        return None
    endpoint, seconds = address_of(target).url.rstrip("/"), timeout.total_seconds()
    place = S3Place(endpoint, target.bucket, target.prefix, "", {}, seconds, storage_class, GOOGLES)
    return S3Uploads(place, Tokens(read_key(credentials["service_account_key"])).sign)


_VARIABLES: Final = {"s3": "AWS_…", "az": "AZURE_…", "gs": "GOOGLE_…"}
_OPENERS: Final[Mapping[str, Callable[[Access], ObjectStore]]] = {"s3": _s3, "az": _azure, "gs": _google}
