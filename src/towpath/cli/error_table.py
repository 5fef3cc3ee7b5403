"""`towpath errors`: what each error means for what is done with the path that met it."""

from towpath.cli.hubs import open_hub
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, print_list, rows_of
from towpath.cli.shapes import KnownError

ERRORS = Rows(
    KnownError,
    (
        Column("error", 28, lambda error: error.name),
        Column("class", 14, lambda error: error.error_class),
        Column("what it is", 0, lambda error: error.about),
    ),
    "no errors are known",
)


def errors(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List errors and their classes: what may pass is tried again, a full place is waited for, the rest fails.

    A workflow, or a step of one, may say otherwise with `on_error`.
    """
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/errors/")), ERRORS, wanted)
