"""Pages that are whole in themselves: one file of the package each, with its own style and script and nothing else."""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from typing import Final

from fastapi.responses import HTMLResponse

_POLICY: Final = (
    "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; img-src data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class Leaflet:
    """A page of the package, and how it is sent: its own style and script are named by hash, and no other runs."""

    def __init__(self, name: str) -> None:
        """Reads the page; raises `FileNotFoundError` for one that the package does not have."""
        self.text: Final = resources.files("towpath.api").joinpath(name).read_text("utf-8")
        self.headers: Final[Mapping[str, str]] = {
            "Content-Security-Policy": _POLICY.format(
                style=self._hashes("style"), script=self._hashes("script")
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def _hashes(self, tag: str) -> str:
        """What stands within these tags, as a policy names it."""
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", self.text, re.DOTALL)
        hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found)
        return " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"

    def answer(self) -> HTMLResponse:
        """The page."""
        return HTMLResponse(self.text, headers=self.headers)
