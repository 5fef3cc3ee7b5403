"""The page on errors: the table of the domain, and what a workflow may say otherwise."""

from towpath.domain.error_table import MEANS, rows
from towpath.domain.patience import about_patience

OPENING = """\
# Errors

<!-- Made from src/towpath/domain/error_table.py and patience.py by `make docs`: change those, not this. -->

The class of an error decides what becomes of the path that met it, and of no other path: the rest of its batch goes on.
A path that waits holds no slot. `towpath errors` shows the same table.

"""

OVERRIDES = """\
## Saying otherwise

A workflow, or a step of it, may give an error another class, by its name here, any other errno or HTTP status, or a
whole class; and it may be more patient or less. What a step says goes before what its workflow says.

```json
{
  "name": "archive",
  "on_error": {"ESTALE": "permanent", "503": "no_space"},
  "patience": {"tries": 10},
  "filter_rules": [
    {"type": "file", "state": "all", "action": [{"name": "migrate", "patience": {"longest": 3600}}]}
  ]
}
```

"""

STOPPING = """\
## Stopping a job of which too much fails

With `stop_on_error_rate` in a workflow, or `towpath run --stop-on-error-rate 50%`, a job is paused once such a share of
its newest paths (about 500, and 100 at least) failed, those that are still to be tried again not counted. `towpath job
show ID` tells who paused it and why: "paused by towpath: 62 % of the last 500 paths failed: migrate: Permission denied
(310)". Mend the cause, then `towpath job resume ID` lets it go on and counts anew; `towpath job retry ID` runs what
failed.

"""

TABLE = """\
## The table

An errno that is not here is permanent. An HTTP status of 500 or more that is not here is transient, any other
permanent.
Where a store says a code of its own and a status, the code decides.

"""


def page() -> str:
    """The whole page."""
    classes = [f"| `{cls}` | {meaning} |" for cls, meaning in MEANS.items()]
    return (
        "".join(
            [
                OPENING,
                _table("| class | what is done |", classes),
                OVERRIDES,
                _table("| `patience` | by default | |", list(_patience())),
                STOPPING,
                TABLE,
                _table("| class | error | what it is |", list(_rows())),
            ]
        ).rstrip("\n")
        + "\n"
    )


def _patience() -> list[str]:
    return [f"| `{name}` | {usual} | {about} |" for name, (usual, about) in about_patience().items()]


def _rows() -> list[str]:
    return [f"| {row.error_class} | `{row.name}` | {row.about} |" for row in rows()]


def _table(head: str, lines: list[str]) -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "\n".join([head, rule, *lines]) + "\n\n"
