"""The web UI as browsers ask for it: the files that were built into the package, and one page for every deep link."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

NONCE: Final = "TOWPATH_NONCE"
"""Stands in the page where the number that its styles are known by belongs."""
OURS: Final = ("/api/", "/metrics")
"""What begins so is never a screen."""
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""For files whose names change with what is in them."""
ASK_AGAIN: Final = "no-cache"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""Scripts are the hub's own files; styles too, or bear the page's number."""
CODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""The best first, as the build lays them beside each file."""
TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
        ".json": "application/json",
        ".webmanifest": "application/manifest+json",
        ".png": "image/png",
        ".txt": "text/plain; charset=utf-8",
    }
)


@dataclass(frozen=True, slots=True)
class File:
    """One built file: how it is told, and where it lies in each coding."""

    media_type: str
    tag: str
    cache: str
    places: Mapping[str, Path]
    """Coding → file; "" is the file as it is."""

    def respond(self, asked: Headers) -> Response:
        """The file, or that the browser has it."""
        accepted = asked.get("accept-encoding", "")
        coding = next((c for c, _ in CODINGS if c in self.places and c in accepted), "")
        headers = {"ETag": self.tag, "Cache-Control": self.cache, "Vary": "Accept-Encoding"}
        if self.tag in asked.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if coding:
            headers["Content-Encoding"] = coding
        return Response(self.places[coding].read_bytes(), headers=headers, media_type=self.media_type)


class Screens:
    """Answers what no route of the API takes: with a file, with the page, or as `otherwise` does."""

    def __init__(self, folder: Path, otherwise: ASGIApp) -> None:
        self._page = (folder / "index.html").read_text("utf-8")
        self._files = {f"/{path.relative_to(folder)}": _file(folder, path) for path in _files(folder)}
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            path = scope["path"]
            found = self._files.get(path)
            if found is not None:
                await found.respond(Headers(scope=scope))(scope, receive, send)
                return
            if is_screen(path):
                await self.page()(scope, receive, send)
                return
        await self._otherwise(scope, receive, send)

    def page(self) -> Response:
        """The page, with a number of its own."""
        nonce = secrets.token_urlsafe(18)
        headers = {
            "Content-Security-Policy": POLICY.format(nonce=nonce),
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        }
        return Response(self._page.replace(NONCE, nonce), headers=headers, media_type="text/html")


def is_screen(path: str) -> bool:
    """Whether a path may be a deep link: no part of the API, and not the name of a file."""
    return not f"{path}/".startswith(OURS) and "." not in path.rpartition("/")[2]


def _files(folder: Path) -> list[Path]:
    """The files that are served under their own names."""
    return [p for p in folder.rglob("*") if p.suffix in TYPES and p.is_file() and not p.name.startswith(".")]


def _file(folder: Path, path: Path) -> File:
    places = {"": path}
    for coding, ending in CODINGS:
        coded = path.with_name(path.name + ending)
        if coded.is_file():
            places[coding] = coded
    hashed = path.parent == folder / "assets"
    tag = f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'
    return File(TYPES[path.suffix], tag, FOR_EVER if hashed else ASK_AGAIN, MappingProxyType(places))
