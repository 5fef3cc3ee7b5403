"""Objects that others wrote at a target: which path at a site stands for which key."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, is_beneath, is_clean, printable
from towpath.storage.protocol import StorageError, is_safe_key

OWN = ".towpath/"
"""How the keys begin of what Towpath keeps at a target for itself: no object of anybody else's."""


@dataclass(frozen=True, slots=True)
class Shelving:
    """Objects beneath `prefix` ("" = all) are paths beneath the directory `to_path` of a root (b"" = the root)."""

    prefix: str
    to_path: bytes

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Shelving":
        """The shelving in a step's arguments or a discovery's options; raises `Mistake`."""
        prefix, to_path = str(arguments.get("prefix") or ""), os.fsencode(arguments.get("to_path") or "")
        if prefix and not is_safe_key(prefix):
            raise Mistake(
                f"prefix: expected components of a key without a slash at the end, found '{prefix}'"
            )
        if not is_clean(to_path):
            raise Mistake(f"to_path: expected a relative path, found '{printable(to_path)}'")
        return cls(prefix, to_path)

    def path_of(self, key: str) -> bytes | None:
        """The path of a key that lies beneath the prefix; None for one that is none of these objects'.

        Raises `StorageError` for a key that is no path at all.
        """
        if key.startswith(OWN) or (self.prefix and not key.startswith(self.prefix + "/")):
            return None
        rest = key[len(self.prefix) + 1 :] if self.prefix else key
        path = os.path.join(self.to_path, os.fsencode(rest))
        if not rest or not is_clean(path):
            reason = f"list '{printable(os.fsencode(key))}': no file can have the path of this object's key"
            raise StorageError(reason, ErrorClass.PERMANENT)
        return path

    def key_of(self, path: bytes) -> str | None:
        """The key of a path; None for one that no object can have."""
        key = self.place_of(path)
        return key if key is not None and is_safe_key(key) else None

    def place_of(self, path: bytes) -> str | None:
        """The same, be the key a safe one or not: where a listing that names everything has come to."""
        if not is_beneath(path, self.to_path) or path == self.to_path:
            return None
        rest = os.fsdecode(path[len(self.to_path) :].lstrip(b"/"))
        key = f"{self.prefix}/{rest}" if self.prefix else rest
        return None if key.startswith(OWN) else key
