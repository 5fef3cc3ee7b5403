"""`make docs`: writes the documents that are made from the code."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs import contract, errors, fidelity, states, steps

HERE = Path(__file__).parent

PAGES: Mapping[str, Callable[[], str]] = {
    "states.md": states.page,
    "states.json": states.table,
    "errors.md": errors.page,
    "fidelity.md": fidelity.page,
    "steps.md": steps.page,
    "openapi.json": contract.page,
    "workflow.schema.json": contract.schema,
}
"""File in this directory → what it is to hold."""


def main() -> int:
    """Write each page that differs from what the code says."""
    for name, page in PAGES.items():
        text, file = page(), HERE / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"docs/{name} was written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
