"""The page on steps: what each does, its arguments with their defaults, and an example."""

import inspect
import json
from collections.abc import Mapping
from importlib.metadata import entry_points

from towpath.domain.catalogue import BUILT_IN, DISCOVERIES, Argument, StepSpec
from towpath.domain.states import Phase

OPENING = """\
# Steps

<!-- Made from src/towpath/domain/catalogue.py and the steps by `make docs`: change those, not this. -->

A rule of a workflow sends its paths down a chain of steps; each step gets the paths that the one before processed. A
step may also say `site` and `queue` (where it runs), and how it bears errors ([errors.md](errors.md)). A value
`"*name"` stands for what the one who runs the workflow says in that field.

Steps run in four phases: moves, transfers, deletes, and last those that run *once for a job*, when all else is over.
The last ones get one path, the first that the job was asked for, which counts in none of the job's totals; they are
told how the job went. Where several rules name the same one alike, it runs once; several run one after the other. A
job that was cancelled does not run them.

## The site's settings

What `run` and `notify` may use is said by the administrator of a site, never by a workflow: in a TOML file given to
each of its workers (`towpath worker --settings FILE`; for `towpath up`, `HOME/settings/SITE.toml`). Secrets stand in
files of their own, which only their owner may read.

```toml
[commands.thumbnails]
argv = ["/usr/local/bin/thumbnails", "--batch"]  # an absolute path; no shell reads it
timeout = 600        # seconds for the paths of one task; 3600 where left out
user = "nobody"      # who it runs as, where the worker is root
answers = "lines"    # or "status": its exit status answers for all paths

[webhooks.ops]
url = "https://example.org/towpath"
secret_file = "/etc/towpath/ops.secret"

[mail]
host = "mail.example.org"
sender = "towpath@example.org"
security = "starttls"  # or "tls", "none"
user = "towpath"
password_file = "/etc/towpath/mail.secret"
```

A command with `answers = "lines"`, as a shell script that takes names of any kind:

```bash
#!/bin/bash
number=0
while IFS= read -r -d '' path; do
    if thumbnail "$path" >&2; then echo "$number processed"; else echo "$number failed no thumbnail"; fi
    number=$((number + 1))
done
```

"""

PHASES: Mapping[Phase, str] = {
    Phase.MOVES: "moves: before all transfers",
    Phase.TRANSFERS: "transfers",
    Phase.DELETES: "deletes: after all transfers, the deepest directories first",
    Phase.FINISH: "last: once for the job",
}

EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "migrate": {"premigrate": True, "endpoint": "archive", "abort_missing": True},
    "recall": {"update_atime": True},
    "reverse_stub": {
        "site": "*destinationsite",
        "hydrate": True,
        "to_root": "archive",
        "to_path": "from/oslo",
    },
    "delete": {"recursive": True},
    "move": {"from_path": "inbox", "to_path": "projects/2026", "recursive": True, "replace": "older"},
    "copy": {"from_path": "projects", "to_root": "scratch", "replace": "older"},
    "adopt": {"moved": True},
    "undelete": {"hydrate": True, "endpoint": "archive"},
    "set_metadata": {"mode": "0640", "group": "survey", "xattrs": '{"user.project": "survey"}'},
    "tag": {"tag": "project", "value": "survey"},
    "check_sync_state": {"site": "*destinationsite", "sync_preference": "newest"},
    "run": {"command": "thumbnails"},
    "checksum": {"algorithm": "sha256", "manifest": "projects/SHA256SUMS"},
    "manifest": {"algorithm": "sha256", "manifest": "projects/SHA256SUMS"},
    "verify": {"depth": "data"},
    "record": {"prefix": "from-partner", "to_path": "partner"},
    "notify": {"webhook": "ops", "when": "failure"},
}
"""Step → what an example says beside its name; a step that is not here needs nothing said."""


def example(spec: StepSpec) -> dict[str, object]:
    """The step in an example, as a workflow has it."""
    return {"name": spec.name, **EXAMPLES.get(spec.name, {})}


DISCOVERED = """\
## Discoveries

A workflow's `discovery` says how its paths are found; `null`: the caller's paths are taken as they are. A value of
`discovery_options` may be `"*name"` too. Objects whose keys hold other characters than letters, digits and
` -_.,+=@()~%` (a percent sign only before two upper-case hexadecimal digits) are not listed.

"""


def page() -> str:
    """The whole page."""
    sections = "".join(_section(spec) for spec in BUILT_IN)
    return (OPENING + sections + DISCOVERED + _discoveries()).rstrip("\n") + "\n"


def _discoveries() -> str:
    rows = [
        f"| `{spec.name}` | {spec.about} | `{option.name}` | {_default(option)} | {option.about} |"
        for spec in DISCOVERIES.values()
        for option in spec.options
    ]
    return "\n".join(["| discovery | | option | by default | |", "|---|---|---|---|---|", *rows]) + "\n"


def _section(spec: StepSpec) -> str:
    about = spec.about[0].upper() + spec.about[1:]
    also = f" Also called {', '.join(f'`{alias}`' for alias in spec.aliases)}." if spec.aliases else ""
    target = " It needs a target." if spec.needs_target else ""
    head = f"## {spec.name}\n\n{about}. Phase: {PHASES[spec.phase]}.{target}{also}\n\n"
    return head + _said(spec.name) + _arguments(spec) + f"```json\n{json.dumps(example(spec))}\n```\n\n"


def _said(name: str) -> str:
    """What the step itself says of what it does."""
    (point,) = (point for point in entry_points(group="towpath.steps") if point.name == name)
    return f"{inspect.getdoc(point.load())}\n\n"


def _arguments(spec: StepSpec) -> str:
    if not spec.arguments:
        return ""
    rows = [f"| `{a.name}` | {_type(a)} | {_default(a)} | {a.about} |" for a in spec.arguments]
    return "\n".join(["| argument | type | by default | |", "|---|---|---|---|", *rows]) + "\n\n"


def _type(argument: Argument) -> str:
    if argument.choices:
        return ", ".join(f"`{choice}`" for choice in argument.choices)
    return argument.type if argument.minimum is None else f"{argument.type}, {argument.minimum} or more"


def _default(argument: Argument) -> str:
    return "" if argument.default is None else f"`{json.dumps(argument.default)}`"
