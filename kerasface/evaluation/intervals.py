"""How far a measured number could be off by the choice of faces: the bootstrap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerasface.evaluation.measures import labelled_rows, scorer
from kerasface.tasks import Task

# Shares of 1 by their names in `measure`; the other measures have no upper end.
SHARES = ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error")
SHARES += ("within_5", "interval_coverage")


def measure_with_intervals(
    task: Task,
    outputs,
    labels,
    mask=None,
    subjects=None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict]:
    """As `measure`, each number with a confidence interval.

    Rows are drawn again with replacement, as many as there are; with `subjects` whole people
    are drawn, since pictures of one person are no independent evidence. The interval holds the
    middle `level` of the resampled values, moved by their bias (mean of resamples minus value),
    which matters for the calibration error: resampling alone makes that larger.

    Args:
        task: whose outputs they are.
        outputs: `(rows, output_size)` float.
        labels: `(rows, *label_shape)`.
        mask: `(rows,)` bool, true where the label is known; None: everywhere.
        subjects: `(rows,)` str, who is in the picture; an empty one is a person of their own.
        resamples: how often to draw, at least 2.
        level: share of the resampled values inside the interval, between 0 and 1.
        seed: same seed, same intervals.

    Returns:
        By measure `{"value", "low", "high", "rows"}`; empty where no row is labelled.

    Raises:
        ValueError: too few resamples or a level outside 0..1.

    Reference:
        Efron, Tibshirani, "An introduction to the bootstrap" (1993), chapters 10 and 13.
    """
    check_resampling(resamples, level)
    kept, truth = labelled_rows(outputs, labels, mask)
    score = scorer(task, kept, truth)
    if score is None or not len(truth):
        return {}
    values = score(np.ones(len(truth)))
    drawn = {name: [] for name in values}
    for weights in drawn_weights(len(truth), mask, subjects, resamples, seed):
        for name, value in score(weights).items():
            drawn[name].append(value)
    return {
        name: {"value": value, **_interval(name, value, drawn[name], level), "rows": len(truth)}
        for name, value in values.items()
    }


def mean_with_interval(
    values, subjects=None, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> dict:
    """The mean of one number a face, with a confidence interval by the bootstrap.

    Of two networks' numbers on the same faces, give the differences: the interval is paired then.

    Args:
        values: `(rows,)` float, one or more, finite.
        subjects: as in `measure_with_intervals`.
        resamples: as in `measure_with_intervals`.
        level: as in `measure_with_intervals`.
        seed: as in `measure_with_intervals`.

    Returns:
        `{"value", "low", "high", "rows"}`.

    Raises:
        ValueError: no row, or a number that is not finite.

    Example:
        >>> mean_with_interval([1.0, 1.0, 1.0])
        {'value': 1.0, 'low': 1.0, 'high': 1.0, 'rows': 3}
    """
    values = np.asarray(values, "float64")
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            "values must be finite, one a face. "
            f"Received: shape {values.shape}, {int((~np.isfinite(values)).sum())} not finite"
        )
    clusters = np.arange(len(values)) if subjects is None else people(subjects)
    sums, counts = np.bincount(clusters, values), np.bincount(clusters)
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        times = random.multinomial(len(counts), np.full(len(counts), 1.0 / len(counts)))
        drawn.append((times @ sums) / (times @ counts))
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return {
        "value": float(values.mean()),
        "low": float(low),
        "high": float(high),
        "rows": len(values),
    }


def check_resampling(resamples: int, level: float) -> None:
    """Raises ValueError for too few resamples or a level outside 0..1."""
    if resamples < 2 or not 0 < level < 1:
        raise ValueError(
            "resamples must be 2 or more and level between 0 and 1. "
            f"Received: resamples={resamples}, level={level}"
        )


def drawn_weights(rows: int, mask, subjects, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each labelled row was drawn, `(rows,)` float64, resample after resample.

    Args:
        rows: how many are labelled, at least 1.
        mask: of all rows, as `measure_with_intervals` takes it; `subjects` are of all rows.
        subjects: who is in each picture, whole people are drawn then; None: rows.
        resamples: how often to draw.
        seed: same seed, same draws.
    """
    clusters = np.arange(rows)
    if subjects is not None:
        clusters = people(subjects if mask is None else np.asarray(subjects)[np.asarray(mask)])
    random = np.random.default_rng(seed)
    count = clusters.max() + 1
    for _ in range(resamples):
        times = random.multinomial(count, np.full(count, 1.0 / count))
        yield times[clusters].astype("float64")


def people(subjects) -> np.ndarray:
    """`(rows,)` numbers of people from 0; every empty name is another person."""
    subjects = np.asarray(subjects, str)
    _, numbers = np.unique(subjects, return_inverse=True)
    unknown = subjects == ""
    numbers = numbers.reshape(-1)
    numbers[unknown] = len(subjects) + np.arange(unknown.sum())
    return np.unique(numbers, return_inverse=True)[1].reshape(-1)


def _interval(name, value, drawn, level) -> dict[str, float]:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail]) + value - np.mean(drawn)
    highest = 1.0 if name in SHARES else np.inf
    # A skewed handful of resamples can have both ends on one side of its own mean.
    return {
        "low": float(np.clip(min(low, value), 0.0, highest)),
        "high": float(np.clip(max(high, value), 0.0, highest)),
    }
