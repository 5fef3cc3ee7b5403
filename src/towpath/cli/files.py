"""`towpath ls`: what lies at a path of a site, as a node there sees it now."""

import base64
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list, size
from towpath.client.shapes import File

if TYPE_CHECKING:
    from towpath.client import Client

PAGE = 1000

LETTERS = {"directory": "/", "symlink": "@", "other": "?"}
"""What stands behind the path of what is no file."""

FILES = Rows(
    File,
    (
        Column("mode", 4, lambda file: file.mode),
        Column("owner", 11, lambda file: f"{file.uid}:{file.gid}"),
        Column("size", 9, lambda file: size(file.size), right=True),
        Column("on disk", 9, lambda file: size(file.allocated), right=True),
        Column("modified (UTC)", 19, lambda file: moment(file.modified_at)),
        Column("state", 11, lambda file: file.state or ""),
        Column("target", 12, lambda file: file.target or ""),
        Column("path", 0, lambda file: file.path + LETTERS.get(file.type, "")),
    ),
    "nothing is in it",
)


def ls(
    site: Annotated[str, typer.Argument(metavar="SITE")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Absolute, beneath a root of the site.")],
    itself: Annotated[
        bool, typer.Option("--directory", "-d", help="The path itself, not what is in it.")
    ] = False,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what lies at a path of a site, with the state of each file."""
    with open_hub() as hub:
        print_list(_files(hub, site, path, itself, limit), FILES, Format(as_json, as_lines, limit))


def _files(hub: "Client", site: str, path: str, itself: bool, limit: int | None) -> Iterator[bytes]:
    """Each entry of a directory, page after page, or the path itself; no more is asked for than is wanted."""
    asked = {"path_b64": base64.b64encode(os.fsencode(path)).decode()}
    left, after = limit, ""
    while True:
        most = 1 if itself else PAGE if left is None else min(PAGE, left)
        page = json.loads(
            hub.get(f"/api/sites/{segment(site)}/files/", asked | {"after": after, "page_size": str(most)})
        )
        if itself or page["here"]["type"] != "directory":
            yield json.dumps(page["here"]).encode()
            return
        for row in page["results"]:
            yield json.dumps(row).encode()
        left = None if left is None else left - len(page["results"])
        after = page["next"] or ""
        if not after or left == 0:
            return
