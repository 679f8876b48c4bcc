"""What the differences behind a paper's claim say together."""

from __future__ import annotations

from collections.abc import Iterable

HOLDS, OPEN, CONTRADICTED = "holds", "open", "contradicted"


def verdict(intervals: Iterable[tuple[float, float]]) -> str:
    """Of the 95 % intervals of differences that a claim says are above 0.

    It holds where all of them are, is contradicted where one lies below, and is open elsewhere.
    """
    intervals = list(intervals)
    if any(high < 0 for _, high in intervals):
        return CONTRADICTED
    return HOLDS if intervals and all(low > 0 for low, _ in intervals) else OPEN
