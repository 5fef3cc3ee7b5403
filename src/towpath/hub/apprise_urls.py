"""Apprise's URLs: which ones it can use, how they are shown without their secrets, and a message sent to one."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from towpath.domain.errors import Mistake
from towpath.engine.destinations import Address
from towpath.engine.webhooks import Answer

if TYPE_CHECKING:
    import apprise

LONGEST_URL = 2_000
OPAQUE = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""Schemes of which the path belongs to whoever gave it, and may be a secret."""
LOCAL = frozenset({"dbus", "qt", "glib", "kde", "gnome", "macosx", "windows", "syslog"})
"""Schemes that would act on the hub's own machine."""

_SAID = logging.getLogger("apprise")


def _loaded() -> ModuleType:
    """Apprise, which a hub that tells nobody of alerts does without: it takes a while to load."""
    return import_module("apprise")


@cache
def _asset() -> "apprise.AppriseAsset":
    """How Apprise is to behave here."""
    made: apprise.AppriseAsset = _loaded().AppriseAsset(
        plugin_paths=[], secure_logging=True, app_id="Towpath", app_desc="Towpath", async_mode=False
    )
    return made


def address(url: str) -> Address:
    """The destination of an Apprise URL; raises `Mistake` for one that no service of it takes."""
    scheme = url.partition("://")[0].lower()
    one = None
    if 0 < len(url) <= LONGEST_URL and url.isprintable() and scheme not in LOCAL:
        one = _made(url)
    if one is None:
        raise Mistake(
            "url: expected an Apprise URL such as mailtos://… or slack://… (see"
            f" https://github.com/caronc/apprise/wiki) of at most {LONGEST_URL} characters, found one that no"
            f" service takes, which begins with '{scheme[:20]}'"
        )
    shown = str(one.url(privacy=True))  # type: ignore[no-untyped-call]
    shown = shown.partition("?")[0]
    if scheme in OPAQUE:
        shown = "/".join(shown.split("/")[:3]) + "/…"
    return Address(url, shown[:500])


def _made(url: str) -> "apprise.NotifyBase | None":
    made = _loaded().Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    return made if isinstance(made, _loaded().NotifyBase) else None


def send(url: str, title: str, body: str, kind: str) -> Answer:
    """Send a message; `kind` is one of Apprise's: info, success, warning, failure. It blocks: call it in a thread."""
    one = _made(url)
    if one is None:
        return Answer(None, f"Apprise {_loaded().__version__} takes its URL no more")
    with _overheard() as said:
        taken = one.notify(body=body, title=title, notify_type=_loaded().NotifyType(kind))
    if taken:
        return Answer(200)
    return Answer(
        None, _clean("; ".join(said) or "the service did not take it, and Apprise does not say why", one)
    )


def _clean(text: str, one: "apprise.NotifyBase") -> str:
    """What Apprise says, without what opens the service."""
    for secret in (one.password, one.user, getattr(one, "fullpath", None)):
        if isinstance(secret, str) and len(secret) > 3:
            text = text.replace(secret, "…")
    return text[:500]


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What Apprise logs in this thread meanwhile: it tells why nothing was sent in no other way."""
    said: list[str] = []
    mine = threading.get_ident()

    class Ear(logging.Handler):
        """Hears this thread alone."""

        def emit(self, record: logging.LogRecord) -> None:
            """Keep what was said."""
            if record.thread == mine:
                said.append(record.getMessage())

    ear = Ear(logging.WARNING)
    _SAID.addHandler(ear)
    try:
        yield said
    finally:
        _SAID.removeHandler(ear)
