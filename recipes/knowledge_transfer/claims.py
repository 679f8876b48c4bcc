"""What Wang et al. (2017) say, claim by claim, and what our runs say of each.

A claim is a list of comparisons, "this is more than that".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipes.knowledge_transfer import measures
from recipes.verdicts import verdict


@dataclass(frozen=True)
class Comparison:
    """`first` is to be more than `second`: `(seeds, rows)` of each, on the same rows."""

    text: str
    first: object
    second: object
    people: object = None

    def gap(self) -> dict:
        """The mean difference and its interval, in percent."""
        found = measures.gap(self.first, self.second, self.people)
        return {name: 100 * value for name, value in found.items()}


def classification_claims(found: dict) -> dict[str, list[Comparison]]:
    """Tables 1 and 2, of what `classification.py` has measured so far."""
    students, people = found["students"], found["teacher"]["people"]
    teacher = [found["teacher"]["each"]]

    def runs(divisor, kind):
        prefix = f"{divisor}-{kind}-s"
        keys = sorted(key for key in students if key.startswith(prefix))
        return [students[key]["each"] for key in keys]

    def compare(text, first, second):
        if not first or not second:
            return []
        least = min(len(first), len(second))
        return [Comparison(text, first[:least], second[:least], people)]

    small = {kind: runs(8, kind) for kind in ("labels", "hidden", "logits", "soft")}
    small |= {kind: runs(8, kind) for kind in ("fitnet", "ours", "long", "online")}
    claims = {
        "Table 1: from scratch, soft predictions are the best target for /8": [
            *compare("soft over logits", small["soft"], small["logits"]),
            *compare("soft over hidden", small["soft"], small["hidden"]),
        ],
        "Table 1: for /8 full initialisation is above FitNets, that above scratch": [
            *compare("ours over FitNets", small["ours"], small["fitnet"]),
            *compare("FitNets over scratch", small["fitnet"], small["soft"]),
        ],
        "Not in the paper: it is the initialisation and not the longer training that helps": [
            *compare("ours over scratch, as long", small["ours"], small["long"])
        ],
        "Not in the paper: a teacher helps a /8 from scratch": [
            *compare("soft over labels alone", small["soft"], small["labels"])
        ],
        # Open, where the two agree.
        "Not in the paper: a teacher asked online teaches more than its answers that are kept": [
            *compare("online over kept", small["online"], small["soft"])
        ],
        "Table 2: full initialisation is above scratch at every size": [
            each
            for divisor in (2, 4, 8)
            for each in compare(f"/{divisor}", runs(divisor, "ours"), runs(divisor, "soft"))
        ],
        "Table 2: a student of /2 comes out above the teacher": [
            *compare("/2, ours over teacher", runs(2, "ours"), teacher)
        ],
        "Table 2: smaller students are worse": [
            *compare("/2 over /4", runs(2, "ours"), runs(4, "ours")),
            *compare("/4 over /8", runs(4, "ours"), runs(8, "ours")),
        ],
    }
    return {text: each for text, each in claims.items() if each}


def alignment_claims(found: dict, points: str) -> dict[str, list[Comparison]]:
    """Table 3; errors, so less is better, and a comparison is of the worse less the better."""
    students = {key: [each["each_nrmse"]] for key, each in found[points]["students"].items()}
    teacher = [found[points]["teacher"]["each_nrmse"]]

    def compare(text, worse, better):
        if worse in students and better in students:
            return [Comparison(text, students[worse], students[better])]
        return []

    starts, targets = ("pretrain", "distill"), ("none", "hidden", "soft")
    best = "distill-hidden"
    claims = {
        "the hidden layer lowers the error": [
            each for start in starts for each in compare(start, f"{start}-none", f"{start}-hidden")
        ],
        "soft predictions raise it": [
            each for start in starts for each in compare(start, f"{start}-soft", f"{start}-none")
        ],
        "the distilled initialisation is below the pretrained one": [
            each
            for target in targets
            for each in compare(target, f"pretrain-{target}", f"distill-{target}")
        ],
        "distilled initialisation with the hidden layer is best": [
            each for key in students if key != best for each in compare(key, key, best)
        ],
    }
    if best in students:
        text = "the best student is still above the teacher (3.21 to 3.02)"
        claims[text] = [Comparison("best student less teacher", students[best], teacher)]
    return {f"Table 3, {points}: {text}": each for text, each in claims.items() if each}


def verification_claims(found: dict) -> dict[str, list[Comparison]]:
    """Tables 4 and 5, by the nearest neighbour among unseen people."""
    people, claims = found["people"], {}
    sizes, starts = (2, 4, 8), ("pretrain", "distill")
    names = {"triplets": "Table 4", "softmax": "Table 5"}
    tables = {
        kind: {key: [each["each"]] for key, each in found[kind]["students"].items()}
        for kind in names
        if kind in found
    }

    def compare(text, first, second, table, other=None):
        other = table if other is None else other
        if first in table and second in other:
            return [Comparison(text, table[first], other[second], people)]
        return []

    for kind, table in tables.items():
        cells = [(size, start) for size in sizes for start in starts]
        claims[f"{names[kind]}: the hidden layer always lowers the accuracy"] = [
            each
            for size, start in cells
            for each in compare(
                f"/{size}, {start}", f"{size}-{start}-none", f"{size}-{start}-hidden", table
            )
        ]
        claims[f"{names[kind]}: the distilled initialisation is above the pretrained one"] = [
            each
            for size in sizes
            for target in ("none", "hidden", "soft")
            for each in compare(
                f"/{size}, {target}", f"{size}-distill-{target}", f"{size}-pretrain-{target}", table
            )
        ]
        teacher = {"teacher": [found[kind]["teacher"]["each"]]}
        claims[f"{names[kind]}: /2, distilled, with soft predictions is above the teacher"] = [
            *compare("/2", "2-distill-soft", "teacher", table, teacher)
        ]
    if "softmax" in tables:
        table = tables["softmax"]
        claims["Table 5: with the softmax term soft predictions help"] = [
            each
            for size in sizes
            for start in starts
            for each in compare(
                f"/{size}, {start}", f"{size}-{start}-soft", f"{size}-{start}-none", table
            )
        ]
    if len(tables) == 2:
        claims["Tables 4 and 5: the softmax term helps students of /2 and /4"] = [
            each
            for size in (2, 4)
            for start in starts
            for each in compare(
                f"/{size}, {start}",
                f"{size}-{start}-soft",
                f"{size}-{start}-soft",
                tables["softmax"],
                tables["triplets"],
            )
        ]
    for kind, table in tables.items():
        claims[
            f"Not in the paper, {kind}: distilled is above trained on soft predictions alone"
        ] = [*compare("/8", "8-distill-none", "8-soft-none", table)]
    return {text: each for text, each in claims.items() if each}


def judged(claims: dict[str, list[Comparison]]) -> list[dict]:
    """Of each claim its verdict, and each comparison in points."""
    found = []
    for text, comparisons in claims.items():
        gaps = [each.gap() for each in comparisons]
        entries = [{"text": each.text, **gap} for each, gap in zip(comparisons, gaps, strict=True)]
        said = verdict((gap["low"], gap["high"]) for gap in gaps)
        found.append({"claim": text, "verdict": said, "comparisons": entries})
    return found


def seeds_of(values: list[float]) -> float | None:
    """Standard deviation over runs, None of one alone."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
