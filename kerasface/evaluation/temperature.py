"""The temperature that makes a classifier as sure as it is often right."""

from __future__ import annotations

import numpy as np

# Of 1 / temperature. Past these a network has learned nothing, or is always right.
LOWEST, HIGHEST = 0.05, 20.0
HALVINGS = 60  # of an interval of six in the logarithm: to the last digit of a float64


def fit_temperature(logits, labels, weights=None) -> float:
    """The temperature T with the least negative log-likelihood of `softmax(logits / T)`.

    In `b = 1 / T` the negative log-likelihood is convex, and its slope `sum_i w_i (E_p[z_i] -
    z_i,y)`, with p at that b, rises; its zero is found by halving, in the logarithm of b. (Guo
    et al. use LBFGS on T, which comes to the same number.)

    Args:
        logits: `(rows, classes)`, of rows the network was not trained on.
        labels: `(rows,)` integer class numbers.
        weights: `(rows,)` how often each row counts, default once.

    Returns:
        From 0.05 to 20; an end of this range means that no temperature fits: rows that are all
        read right, or answers no better than chance.

    Raises:
        ValueError: no rows, or numbers of rows that differ.

    Reference:
        Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (2017), section
        4.2.

    Example:
        >>> round(fit_temperature([[2.0, 0.0]] * 4, [0, 0, 0, 1]), 4)  # 2 / T = ln 3
        1.8205
    """
    logits, labels = np.asarray(logits, "float64"), np.asarray(labels, int)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(
            "one or more rows of logits with a label each are needed. "
            f"Received: logits of shape {logits.shape}, labels of shape {labels.shape}"
        )
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, "float64")
    # Of odds only differences matter, and powers of those cannot overflow.
    logits = logits - logits.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]

    def slope(sharpness):
        odds = np.exp(sharpness * logits)
        expected = (odds * logits).sum(-1) / odds.sum(-1)
        return float(weights @ (expected - chosen))

    if slope(1.0 / HIGHEST) >= 0:
        return HIGHEST
    if slope(1.0 / LOWEST) <= 0:
        return LOWEST
    low, high = np.log(1.0 / HIGHEST), np.log(1.0 / LOWEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2.0))


def negative_log_likelihood(logits, labels, weights=None) -> float:
    """Weighted mean over rows of `-ln softmax(logits)[label]`, in nats.

    Args:
        logits: `(rows, classes)`.
        labels: `(rows,)` integer class numbers.
        weights: `(rows,)`, default equal ones.
    """
    logits = np.asarray(logits, "float64")
    logits = logits - logits.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(logits, np.asarray(labels, int)[:, None], axis=-1)[:, 0]
    return float(np.average(np.log(np.exp(logits).sum(-1)) - chosen, weights=weights))


def answered(probabilities, labels, threshold: float, weights=None) -> tuple[float, float | None]:
    """What is left when answers under a threshold are withheld.

    Args:
        probabilities: `(rows, classes)`.
        labels: `(rows,)` integer class numbers.
        threshold: lowest probability of the predicted class that is an answer.
        weights: `(rows,)`, default equal ones.

    Returns:
        The share of rows answered (coverage), and the accuracy among them (1 minus the selective
        risk), None where there are none.

    Reference:
        Geifman, El-Yaniv, "Selective classification for deep neural networks" (2017), section 2.
    """
    probabilities = np.asarray(probabilities, "float64")
    weights = np.ones(len(probabilities)) if weights is None else np.asarray(weights, "float64")
    sure = probabilities.max(-1) >= threshold
    right = probabilities.argmax(-1) == np.asarray(labels, int)
    total = weights[sure].sum()
    share = float(total / weights.sum())
    return share, float(weights[sure & right].sum() / total) if total else None
