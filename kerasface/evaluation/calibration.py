"""Whether a model is as sure as it should be: of classes, and of ranges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BINS = 15


class ReliabilityBins(NamedTuple):
    """What was claimed and what was true, by how sure the model was.

    Each `(bins,)`: `edges` has one more. Means of an empty bin are NaN.
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    weight: np.ndarray


def probabilities_of(logits) -> np.ndarray:
    """Softmax of logits `(rows, classes)` in float64."""
    logits = np.asarray(logits, "float64")
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def reliability_bins(probabilities, labels, bins: int = BINS, weights=None) -> ReliabilityBins:
    """Mean confidence and accuracy of the rows by the probability of the predicted class.

    Args:
        probabilities: `(rows, classes)`.
        labels: `(rows,)` integer class numbers.
        bins: number of bins of equal width over 0..1; an upper edge belongs to its bin.
        weights: `(rows,)` how often each row counts, default once.
    """
    probabilities = np.asarray(probabilities, "float64")
    confidence = probabilities.max(-1)
    hit = probabilities.argmax(-1) == np.asarray(labels, int)
    weights = np.ones(len(hit)) if weights is None else weights
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    total = np.bincount(place, weights, bins)
    some = np.where(total > 0, total, np.nan)
    return ReliabilityBins(
        edges,
        np.bincount(place, weights * confidence, bins) / some,
        np.bincount(place, weights * hit, bins) / some,
        total,
    )


def expected_calibration_error(probabilities, labels, bins: int = BINS, weights=None) -> float:
    """Mean gap of confidence and accuracy, `sum_b n_b / n |accuracy_b - confidence_b|`.

    Args:
        probabilities: `(rows, classes)`.
        labels: `(rows,)` integer class numbers.
        bins: as in `reliability_bins`.
        weights: as in `reliability_bins`.

    Reference:
        Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (2017), eq. 3.
    """
    found = reliability_bins(probabilities, labels, bins, weights)
    gap = np.abs(found.accuracy - found.confidence)
    return float(np.nansum(gap * found.weight) / found.weight.sum())


def interval_coverage(labels, low, high, weights=None) -> float:
    """Share of labels inside their interval, both ends included; to compare with its claim."""
    labels = np.asarray(labels, "float64")
    inside = (np.asarray(low) <= labels) & (labels <= np.asarray(high))
    return float(np.average(inside, weights=weights))
