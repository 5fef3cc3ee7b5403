"""Makes the script of a failing seed as short as it can be: no entry of it can be left out any more."""

from collections.abc import Callable, Sequence


def shrink(numbers: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> list[int]:
    """The fewest of these entries that still fail, found by leaving out ever smaller chunks (delta debugging)."""
    kept = list(numbers)
    size = max(1, len(kept) // 2)
    while kept:
        start, left_out = 0, False
        while start < len(kept):
            tried = kept[:start] + kept[start + size :]
            if fails(tried):
                kept, left_out = tried, True
            else:
                start += size
        if size == 1 and not left_out:
            break
        size = max(1, size // 2)
    return kept
