"""What a check of a target found: one finding for each thing that can be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from towpath.storage.reaching import Wrong


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it is well (None: it was not come to), what was seen, what to do."""

    what: str
    well: bool | None
    says: str
    hint: str = ""


@dataclass(slots=True)
class Report:
    """What was found so far; what is never said stays 'not come to'."""

    order: Sequence[str]
    found: dict[str, Finding] = field(default_factory=dict)

    def well(self, what: str, says: str) -> None:
        """That is as it should be, unless it was found wrong before."""
        if what not in self.found:
            self.found[what] = Finding(what, True, says)

    def wrong(self, wrong: Wrong) -> None:
        """That is wrong."""
        self.found[wrong.what] = Finding(wrong.what, False, wrong.says, wrong.hint)

    def is_wrong(self, what: str) -> bool:
        """Whether that was found wrong."""
        return what in self.found and self.found[what].well is False

    def findings(self) -> list[Finding]:
        """All, in order."""
        return [self.found.get(what, Finding(what, None, "not tried")) for what in self.order]
