"""`towpath site rebuild`: what a new hub has to know of a site, made anew from its marks and its targets."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.errors import Exit
from towpath.cli.hubs import open_hub
from towpath.cli.orphan import sweep_and_tell
from towpath.cli.output import Json, print_document, say
from towpath.cli.run import absolute, wait_and_tell
from towpath.domain.errors import Mistake


def rebuild(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The site, whose nodes have joined again.")],
    as_json: Json = False,
) -> int:
    """After the hub's database was lost: look at every mark of a site, then sweep all targets.

    Ends with 3 where a mark leads to a target that was not added again, or to what is not there.
    """
    with open_hub() as hub:
        site, found = hub.sites.get(name), hub.targets.list()
    if not site.roots:
        raise Mistake(
            f"site {name}: no node of it has said yet which roots it has; start one, then try again"
        )
    if not found:
        raise Mistake("no targets: add each one again under the name that it had, then try again")
    with open_hub() as hub:
        job = hub.jobs.run("verify", name, [absolute(root) for root in sorted(site.roots.values())])
        say(f"job {job.id} looks at all marks of site {name}")
        looked = wait_and_tell(hub, job.id, as_json=False)
        swept = [sweep_and_tell(hub, target.name) for target in found]
    if as_json:
        print_document(msgspec.json.encode({"job": job.id, "sweeps": swept}))
    return Exit.FAILURE if looked or any(sweep.state == "blocked" for sweep in swept) else Exit.OK
