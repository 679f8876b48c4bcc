"""Whether two networks differ on the same faces: the paired bootstrap."""

from __future__ import annotations

import numpy as np

from kerasface.evaluation.intervals import check_resampling, drawn_weights
from kerasface.evaluation.measures import labelled_rows, scorer
from kerasface.tasks import Task


def difference_with_intervals(
    task: Task,
    outputs,
    reference,
    labels,
    mask=None,
    subjects=None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict]:
    """Each measure of one network minus that of another on the same rows, with an interval.

    Each resample draws the same rows for both networks. What makes a face hard for both then
    falls away, so the interval is narrower than two separate ones suggest. It tells the chance
    of other faces, not of another training: only several seeds tell that.

    Args:
        task: whose outputs they are.
        outputs: `(rows, output_size)` float, of the network in question.
        reference: `(rows, output_size)` float, of the network it is compared with.
        labels: `(rows, *label_shape)`.
        mask: `(rows,)` bool, true where the label is known; None: everywhere.
        subjects: `(rows,)` str, who is in the picture; whole people are drawn then.
        resamples: how often to draw, at least 2.
        level: share of the resampled differences inside the interval, between 0 and 1.
        seed: same seed, same intervals.

    Returns:
        By measure `{"value", "low", "high", "rows"}`, all as differences; empty where no row is
        labelled.

    Raises:
        ValueError: outputs of different shapes, too few resamples, or a level outside 0..1.

    Reference:
        Efron, Tibshirani, "An introduction to the bootstrap" (1993), chapter 13, percentiles.
    """
    if np.shape(outputs) != np.shape(reference):
        raise ValueError(
            "both networks must have answered the same rows. "
            f"Received: outputs of {np.shape(outputs)}, reference of {np.shape(reference)}"
        )
    check_resampling(resamples, level)
    kept, truth = labelled_rows(outputs, labels, mask)
    against, _ = labelled_rows(reference, labels, mask)
    ours, theirs = scorer(task, kept, truth), scorer(task, against, truth)
    if ours is None or not len(truth):
        return {}

    def differences(weights):
        first, second = ours(weights), theirs(weights)
        return {name: first[name] - second[name] for name in first}

    weights = drawn_weights(len(truth), mask, subjects, resamples, seed)
    drawn = [differences(each) for each in weights]
    tail = (1.0 - level) / 2.0
    found = {}
    for name, value in differences(np.ones(len(truth))).items():
        low, high = np.quantile([each[name] for each in drawn], [tail, 1.0 - tail])
        found[name] = {
            "value": float(value),
            "low": float(low),
            "high": float(high),
            "rows": len(truth),
        }
    return found
