"""What lies at a path of a site, as one of its nodes sees it now."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from towpath.api.asking import ask
from towpath.api.context import Asking, Hub
from towpath.api.routers import Router
from towpath.domain.errors import Mistake, NotFound
from towpath.domain.exclusions import Exclusions
from towpath.domain.paths import printable
from towpath.domain.rights import Asker, check_reach
from towpath.engine import exclusions, registry, spaces
from towpath.engine.inputs import Asked, absolute, place, roots_of
from towpath.wire import Entry, Input, Question, Seen

router = Router(prefix="/api/sites", tags=["files"])

LARGEST_PAGE = 1000
SECOND = 1_000_000


class FileType(StrEnum):
    """What lies at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


class File(BaseModel):
    """A path of a site."""

    path: str = Field(
        description="Absolute; other bytes than UTF-8, and control characters, are written as \\xNN.",
        examples=["/mnt/oslo/survey/a.dat"],
    )
    path_b64: str = Field(description="The same, exactly, in base64.")
    type: FileType
    size: int = Field(description="Bytes.")
    allocated: int = Field(description="Bytes that it takes on disk: none, or nearly so, for a stub.")
    modified_at: datetime
    mode: str = Field(description="Permission bits in octal; of a stub, those that it will have again.")
    uid: int
    gid: int
    state: str | None = Field(
        description="How a regular file stands: resident, premigrated, modified, offline, edited, interrupted or"
        " foreign; null: it is no regular file, or the node may not look.",
        examples=["offline"],
    )
    target: str | None = Field(description="Where its copy is.", examples=["vault"])


class Files(BaseModel):
    """A path, and some entries of it where it is a directory, in the order of their names' bytes."""

    site: str
    node: str = Field(description="The node that looked.")
    here: File
    next: str | None = Field(description="The `after` with which the list goes on; null at its end.")
    results: list[File]


@router.get("/{site}/files/", summary="Look at a path of a site")
async def list_files(
    site: str,
    hub: Hub,
    asking: Asking,
    path: Annotated[str, Query(description="Absolute, beneath a root of the site.")] = "",
    path_b64: Annotated[str, Query(description="The same, exactly, in base64, in place of `path`.")] = "",
    after: Annotated[str, Query(description="A page's `next`.")] = "",
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 500,
) -> Files:
    """How the path stands, and what lies in it where it is a directory, as a node finds it now.

    What a space excludes is left out, so that a page may have fewer entries than `page_size`, and yet not be the last.
    """
    exact = exact_path(path, path_b64)
    given, clean, left_out = await hub.database.read(
        lambda conn: placed(conn, site, exact, asking, "list_files")
    )
    question = Question(
        0, "files", "", limit=page_size, root=given.root, path=given.path, after_name=_bytes("after", after)
    )
    _, node, seen = await ask(hub, question, site, Seen)
    if seen.here is None:
        raise NotFound(f"site {site}: nothing is at '{printable(clean)}'")
    targets = await hub.database.read(_targets)
    following = base64.b64encode(seen.entries[-1].name).decode() if seen.more and seen.entries else None
    found = [(clean.rstrip(b"/") + b"/" + entry.name, entry) for entry in seen.entries]
    return Files(
        site=site,
        node=node,
        here=_shown(clean, seen.here, targets),
        next=following,
        results=[_shown(path, entry, targets) for path, entry in found if not left_out.match(path)],
    )


def exact_path(path: str, path_b64: str) -> bytes:
    """The path that a query names, in text or exactly in base64; raises `Mistake`."""
    return _bytes("path_b64", path_b64) if path_b64 else path.encode()


def _bytes(name: str, given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Mistake(f"{name}: expected base64, found something else ({error})") from None


def placed(
    conn: Connection, site: str, exact: bytes, asking: Asker, action: str
) -> tuple[Input, bytes, Exclusions]:
    """The path beneath a root of the site, and absolute, and what is left out there.

    Raises `Forbidden` where the caller may not look there, and `NotFound` for what is left out.
    """
    roots = roots_of(conn, site)
    (given,) = place([Asked(exact)], site, roots)
    if asking.reach is not None:
        check_reach(asking, action, (site, spaces.space_of(conn, site, [given])))
    clean, left_out = absolute(given, roots), Exclusions(exclusions.of_site(conn, site))
    if by := left_out.find(clean):
        raise NotFound(f"site {site}: '{printable(clean)}' is left out: space {by.space} excludes it")
    return given, clean, left_out


def _targets(conn: Connection) -> Mapping[bytes, str]:
    return {registry.target_tag(target.name): target.name for target in registry.list_targets(conn)}


def _shown(path: bytes, entry: Entry, targets: Mapping[bytes, str]) -> File:
    return File(
        path=printable(path),
        path_b64=base64.b64encode(path).decode(),
        type=FileType(entry.type),
        size=entry.size,
        allocated=entry.allocated,
        modified_at=datetime.fromtimestamp(entry.mtime / SECOND, UTC),
        mode=f"{entry.mode:04o}",
        uid=entry.uid,
        gid=entry.gid,
        state=entry.standing or None,
        target=targets.get(entry.tag),
    )
