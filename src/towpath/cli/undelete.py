"""`towpath undelete`: bring back what was deleted at a site and is at its target still."""

from typing import Annotated

import typer

from towpath.cli.output import Json
from towpath.cli.run import Wait, run


def undelete(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, or directories they were in.")
    ],
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Where the paths were.")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="TARGET", help="The site's default where left out.")
    ] = None,
    hydrate: Annotated[bool, typer.Option("--hydrate", help="Bring the data too, not only stubs.")] = False,
    wait_for_it: Wait = False,
    as_json: Json = False,
) -> int:
    """Bring back files that were deleted, as stubs or with their data; print the job's id."""
    fields = [f"hydrate={hydrate}".lower(), *([f"endpoint={target}"] if target else [])]
    return run("undelete", paths, site, field=fields, wait_for_it=wait_for_it, as_json=as_json)
