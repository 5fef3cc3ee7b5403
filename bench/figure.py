"""A line of the table of figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One figure in words: what it is of, ours, the peer's of the same run, and the bar it is held against."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool | None = None
    """Whether the bar was cleared; None where there is none."""

    @property
    def verdict(self) -> str:
        """The bar, and whether it was cleared."""
        return self.bar if self.met is None else f"{self.bar}: {'yes' if self.met else 'NO'}"


def p(values: list[float], percent: float) -> float:
    """A percentile: the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
