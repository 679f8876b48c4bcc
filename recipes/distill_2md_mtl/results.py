"""What all runs of the table come to: accuracies with intervals, and paired gaps to baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from kerasface.evaluation.protocols import Tested
from recipes.distill_2md_mtl import records
from recipes.distill_2md_mtl.answers import confusion, hits, interval
from recipes.distill_2md_mtl.claims import compared_with
from recipes.distill_2md_mtl.methods import METHODS
from recipes.distill_2md_mtl.runs import Run
from recipes.distill_2md_mtl.sets import Domains
from recipes.distill_2md_mtl.splits import ACROSS, SPLITS, testing_sets

SEEDS = (0, 1, 2)
FOLDS = SPLITS[1:]
SIX, NEUTRAL = "six classes", "neutral"
# By task, what the other rows are compared with: alone and with as many pictures in all, or alone
# and with as many of its own as it has among others.
BASELINES = {
    "expression": ("baseline",),
    "age": ("age-baseline", "age-alone"),
    "gender": ("gender-baseline", "gender-alone"),
}


def asked(domains: Domains) -> dict[str, tuple[str, ...]]:
    """Protocols of the table with the baselines of their column."""
    return {
        domains.folds: BASELINES["expression"],
        domains.across: BASELINES["expression"],
        domains.age_test: BASELINES["age"],
        domains.gender_test: BASELINES["gender"],
    }


def runs_of(method: str, folds: bool) -> list[Run]:
    """Those that answer a protocol on folds, or one of the others."""
    if folds:
        return [Run(method, split, 0) for split in FOLDS]
    return [Run(method, ACROSS, seed) for seed in SEEDS]


def collect(kept: Path, load, domains: Domains) -> dict:
    """All numbers of finished runs, JSON-safe, by protocol and method.

    Args:
        kept: folder of their records.
        load: function of a file's name that gives its set.
        domains: whose sets they are.
    """
    results = {}
    for protocol, baselines in asked(domains).items():
        folds = protocol == domains.folds
        found = {}
        for method in METHODS:
            parts = {}
            for run in runs_of(method, folds):
                record = records.read(run, kept)
                if record is not None:
                    prepared = testing_sets(load, run.split, domains, (protocol,))[protocol]
                    part = records.tested(record, protocol, prepared, run.split)
                    parts |= {} if part is None else {run.split + str(run.seed): part}
            if parts:
                found[method] = parts
        results[protocol] = numbers(found, baselines, folds)
        if protocol == domains.across:
            six = {method: _without_neutral(parts) for method, parts in found.items()}
            results[SIX] = numbers(six, baselines, folds)
    return results


def _without_neutral(parts: dict[str, Tested]) -> dict[str, Tested]:
    return {
        run: part.take(part.labels != part.task.classes.index(NEUTRAL))
        for run, part in parts.items()
    }


def numbers(
    found: Mapping[str, Mapping[str, Tested]], baselines: tuple[str, ...], folds: bool
) -> dict:
    """Accuracy by method, over all folds' rows or the mean of the seeds over the same rows.

    Args:
        found: by method and run what was answered.
        baselines: methods that each other one is compared with, over the runs that both have;
            beside those that a claim compares it with.
        folds: whether the runs' rows are others, or the same.
    """
    scores = {}
    for method, parts in found.items():
        right, people = joined(parts, folds)
        each = {run: float(hits(part).mean()) for run, part in parts.items()}
        scores[method] = {
            "accuracy": float(right.mean()),
            "interval": interval(right, people),
            "runs": each,
            "spread": float(np.std(list(each.values()), ddof=1)) if len(each) > 1 else None,
            "rows": len(right),
            "confusion": confusion(list(parts.values())),
            "over": {},
        }
        for baseline in dict.fromkeys((*baselines, *compared_with(method))):
            both = [run for run in parts if run in found.get(baseline, {})]
            if method == baseline or not both:
                continue
            own, people = joined({run: parts[run] for run in both}, folds)
            other, _ = joined({run: found[baseline][run] for run in both}, folds)
            gap = own - other
            scores[method]["over"][baseline] = {
                "difference": float(gap.mean()),
                "interval": interval(gap, people),
                "runs": len(both),
            }
    return scores


def joined(parts: Mapping[str, Tested], folds: bool) -> tuple[np.ndarray, np.ndarray]:
    """`(rows,)` share of right answers of each row, and its person."""
    rows = [hits(part).astype(float) for part in parts.values()]
    people = [part.people for part in parts.values()]
    if folds:
        return np.concatenate(rows), np.concatenate(people)
    return np.mean(rows, axis=0), people[0]


def minutes(kept: Path) -> dict[str, float]:
    """Mean wall time by method of the finished runs."""
    return _mean_of(kept, lambda record: record["wall_seconds"] / 60)


def probed(kept: Path) -> dict[str, float]:
    """Mean balanced accuracy by method of the domain probe at the end of the runs that have one."""
    return _mean_of(kept, lambda record: record["probe"])


def _mean_of(kept: Path, number: Callable[[dict], float | None]) -> dict[str, float]:
    found = {}
    for method in METHODS:
        runs = (*runs_of(method, True), *runs_of(method, False))
        finished = [record for run in runs if (record := records.read(run, kept)) is not None]
        each = [value for record in finished if (value := number(record)) is not None]
        if each:
            found[method] = float(np.mean(each))
    return found
