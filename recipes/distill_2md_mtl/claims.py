"""What the paper's tables claim, step by step, and what the same two columns say here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recipes.distill_2md_mtl.methods import FULL
from recipes.distill_2md_mtl.paper_figures import PAPER
from recipes.verdicts import verdict

# Claim: the row that is to be better, and the row it is to be better than.
CLAIMS = {
    "tasks of other sets help the expression": ("2md-mtl", "baseline"),
    "the domain adversary helps beside them": ("da-2md-mtl", "2md-mtl"),
    "distilling helps the baseline": ("distill-baseline", "baseline"),
    "distilling helps the network of three tasks": ("distill-2md-mtl", "2md-mtl"),
    "distilling helps behind the adversary": ("distill-da-2md-mtl", "da-2md-mtl"),
    "the dynamic rate helps": (FULL, "distill-da-2md-mtl"),
    "the whole method is better than the baseline": (FULL, "baseline"),
}


def compared_with(method: str) -> tuple[str, ...]:
    """The rows that a row is to be better than."""
    return tuple(other for better, other in CLAIMS.values() if better == method)


def judged(results: Mapping, columns: Sequence[str]) -> list[dict]:
    """Each claim with its differences by column, in points, ours and the paper's, and a verdict.

    Args:
        results: by protocol and method, as `results.numbers` gives them.
        columns: protocols; one that has no run of both rows is left out.
    """
    found = []
    for claim, (better, other) in CLAIMS.items():
        gaps = {}
        for column in columns:
            gap = results.get(column, {}).get(better, {}).get("over", {}).get(other)
            if gap is not None:
                printed = PAPER[better].get(column), PAPER[other].get(column)
                paper = None if None in printed else round(printed[0] - printed[1], 2)
                gaps[column] = {**gap, "paper": paper}
        said = verdict(gap["interval"] for gap in gaps.values())
        rows = {"better": better, "other": other}
        found.append({"claim": claim, "verdict": said, **rows, "gaps": gaps})
    return found
