"""The targets of a node: asked of the hub once, opened, and kept for a while."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from msgspec import structs
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from towpath import wire
from towpath.domain.paths import ErrorClass
from towpath.domain.targets import parse_target_url
from towpath.steps.protocol import HandedBack, Target
from towpath.storage.findings import Finding
from towpath.storage.protocol import Storage, StorageError
from towpath.worker.fence import Hold
from towpath.worker.link import HubAway, HubRefused

KEPT = 300.0
"""Seconds after which the hub is asked again: how long a changed secret may take to come to a node."""

AGAIN = 1.0
"""Seconds before a hub that is away is asked again."""

Ask = Callable[[wire.TargetAsked], wire.TargetTold]
"""Asks the hub from a task's thread; raises `HubAway` or `HubRefused`."""

Opener = Callable[[str, Mapping[str, str], str], Storage]
"""(URL, credentials, storage class) → the opened place; raises `StorageError` where it cannot be used."""

Checker = Callable[[str, Mapping[str, str]], list[Finding]]
"""(URL, credentials) → what is well with the place, and what is wrong."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Kept:
    told: wire.TargetTold
    credentials: Mapping[str, str]
    target: Target
    asked_at: float


class Targets:
    """Targets by name and by tag, shared by all runs of a node."""

    def __init__(self, ask: Ask, box_key: bytes, opener: Opener, clock: Callable[[], float]) -> None:
        self._ask, self._opener, self._clock = ask, opener, clock
        self._box = SealedBox(PrivateKey(box_key))
        self._kept: dict[wire.TargetAsked, _Kept] = {}
        self._lock = threading.Lock()

    def named(self, name: str, hold: Hold) -> Target:
        """The target of that name; raises `StorageError` where it cannot be had."""
        if not name:
            raise StorageError(
                "no target: expected the step's 'endpoint' or a default target of the site, found neither",
                ErrorClass.PERMANENT,
            )
        return self._find(wire.TargetAsked(name=name), f"target '{name}'", hold)

    def tagged(self, tag: bytes, hold: Hold) -> Target:
        """The target that a mark's tag names; raises `StorageError` where it cannot be had."""
        what = f"the target whose tag is {tag.hex()}, which has to be added under the name that it had"
        return self._find(wire.TargetAsked(tag=tag), what, hold)

    def check(self, name: str, checker: Checker) -> list[Finding]:
        """What is well with the target, as the hub tells it now; raises `StorageError` where it tells nothing."""
        told, what = self._told_now(name), f"target '{name}'"
        if not told.name:
            raise StorageError(f"{what}: the hub has none such", ErrorClass.PERMANENT)
        return checker(told.url, self._unsealed(told, what))

    def open_now(self, name: str) -> Storage:
        """The target of that name, as the hub tells it now; raises `StorageError` where it cannot be had."""
        asked, asked_at = wire.TargetAsked(name=name), self._clock()
        told = self._told_now(name)
        with self._lock:
            fresh = self._opened(told, f"target '{name}'", self._kept.get(asked), asked_at)
            self._kept[asked] = fresh
        return fresh.target.storage

    def _told_now(self, name: str) -> wire.TargetTold:
        try:
            return self._ask(wire.TargetAsked(name=name))
        except (HubRefused, HubAway) as error:
            raise StorageError(f"target '{name}': {error}", ErrorClass.TRANSIENT) from None

    def _find(self, asked: wire.TargetAsked, what: str, hold: Hold) -> Target:
        kept = self._kept.get(asked)
        if kept is not None and self._clock() - kept.asked_at < KEPT:
            return kept.target
        with self._lock:
            kept = self._kept.get(asked)
            if kept is not None and self._clock() - kept.asked_at < KEPT:
                return kept.target
            fresh = self._asked(asked, what, kept, hold)
            self._kept[asked] = fresh
            return fresh.target

    def _asked(self, asked: wire.TargetAsked, what: str, kept: _Kept | None, hold: Hold) -> _Kept:
        """What the hub says now; while it is away a target that was opened before still serves."""
        while True:
            asked_at = self._clock()
            try:
                return self._opened(self._ask(asked), what, kept, asked_at)
            except HubRefused as error:
                raise StorageError(f"{what}: {error}", ErrorClass.TRANSIENT) from None
            except HubAway as error:
                if kept is not None:
                    return _Kept(kept.told, kept.credentials, kept.target, asked_at)
                log.warning("waiting for the hub to tell a target", target=what, reason=str(error))
            hold.pause(AGAIN)
            if hold.handing_back:
                raise HandedBack

    def _opened(self, told: wire.TargetTold, what: str, kept: _Kept | None, asked_at: float) -> _Kept:
        if not told.name:
            raise StorageError(f"{what}: the hub has none such", ErrorClass.PERMANENT)
        credentials = self._unsealed(told, what)
        if kept is not None and credentials == kept.credentials and _is_alike(told, kept.told):
            return _Kept(told, credentials, kept.target, asked_at)
        try:
            storage = self._opener(told.url, credentials, told.storage_class)
        except StorageError as error:
            raise StorageError(f"{what}: {error.reason}", error.error_class) from None
        url = parse_target_url(told.url)
        directory = url.directory if url.scheme == "file" else None
        return _Kept(
            told, credentials, Target(told.name, told.tag, storage, directory, told.template), asked_at
        )

    def _unsealed(self, told: wire.TargetTold, what: str) -> Mapping[str, str]:
        if not told.sealed:
            return {}
        try:
            opened = json.loads(self._box.decrypt(told.sealed))
        except (CryptoError, ValueError):
            raise StorageError(
                f"{what}: its secret was sealed to another node's key", ErrorClass.TRANSIENT
            ) from None
        return {str(name): str(value) for name, value in opened.items()}


def _is_alike(told: wire.TargetTold, before: wire.TargetTold) -> bool:
    """Whether a target is told as before: what is sealed looks different each time."""
    return told == structs.replace(before, sealed=told.sealed)
