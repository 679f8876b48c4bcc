"""What the differences behind a paper's claim say together."""

from __future__ import annotations

from collections.abc import Iterable

HOLDS, MIXED, OPEN, CONTRADICTED = "holds", "mixed", "open", "contradicted"


def verdict(intervals: Iterable[tuple[float, float]]) -> str:
    """Of the 95 % intervals of differences that a claim says are above 0.

    It holds where all of them are, is contradicted where one lies below, and is open elsewhere.
    """
    intervals = list(intervals)
    if any(high < 0 for _, high in intervals):
        return CONTRADICTED
    return HOLDS if intervals and all(low > 0 for low, _ in intervals) else OPEN


def verdict_on_most(intervals: Iterable[tuple[float, float]]) -> str:
    """The same of a claim about many targets, which one of them does not decide.

    It holds where more than half of the intervals are above 0 and none is below, is contradicted
    where it is the other way round, is mixed where some other leaves 0 out, and open elsewhere.
    """
    intervals = list(intervals)
    won = sum(low > 0 for low, _ in intervals)
    lost = sum(high < 0 for _, high in intervals)
    if won > len(intervals) / 2 and not lost:
        return HOLDS
    if lost > len(intervals) / 2 and not won:
        return CONTRADICTED
    return MIXED if won or lost else OPEN
