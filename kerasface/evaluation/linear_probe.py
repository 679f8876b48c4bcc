"""A fresh linear classifier on frozen features: what they still tell of a thing, read linearly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kerasface.evaluation.intervals import people
from kerasface.evaluation.measures import balanced_accuracy, confusion_matrix

# L2 penalty on standardised features, in units of the mean cross-entropy. One over the number of
# rows is scikit-learn's C = 1; this is that for a thousand rows.
PENALTY = 1e-3
FOLDS = 5
# Newton's method ends when no entry of the gradient is larger, or after so many steps.
TOLERANCE, MOST_STEPS = 1e-8, 100
SUFFICIENT, SHORTEST = 1e-4, 1e-9
# Keeps the Hessian regular in the direction in which all classes' logits rise together.
SMALLEST_CURVATURE = 1e-9


class Probe(NamedTuple):
    """A fitted linear classifier, `logits = ((x - mean) / scale) @ weights + bias`.

    Args:
        weights: `(dim, classes)` float64.
        bias: `(classes,)` float64.
        mean: `(dim,)`, of the rows it was fitted on.
        scale: `(dim,)`, their standard deviation; 1 where a feature is constant.
    """

    weights: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def logits(self, features) -> np.ndarray:
        """`(rows, classes)` for features `(rows, dim)`."""
        x = (np.asarray(features, "float64") - self.mean) / self.scale
        return x @ self.weights + self.bias


class ProbeResult(NamedTuple):
    """What a probe recognised on rows that it was not fitted on.

    Args:
        balanced_accuracy: mean over the domains of the share of their rows that was recognised;
            `1 / domains` is chance, whatever their sizes.
        recalls: that share by domain.
        confusion: `(domains, domains)` counts, true domain by row.
        rows: number of rows by domain.
    """

    balanced_accuracy: float
    recalls: dict[str, float]
    confusion: np.ndarray
    rows: dict[str, int]


def fit_probe(features, labels, classes: int, penalty: float = PENALTY) -> Probe:
    """Multinomial logistic regression with all classes of equal weight, by Newton's method.

    Minimises `mean over classes of (mean over their rows of -log softmax(logits)[class])
    + penalty / 2 * |weights|^2` on features of mean 0 and standard deviation 1, so that a trunk
    cannot hide something by making it small. The problem is convex: no seed, no learning rate.

    Args:
        features: `(rows, dim)` float.
        labels: `(rows,)` integers from 0, each class at least once.
        classes: number of classes, 2 or more.
        penalty: more than 0.

    Returns:
        A `Probe`.

    Raises:
        ValueError: a class without a row, features that are not finite, or a penalty of 0 or less.

    Example:
        >>> probe = fit_probe([[0.0], [1.0], [5.0], [6.0]], [0, 0, 1, 1], classes=2)
        >>> probe.logits([[2.0], [4.0]]).argmax(1).tolist()
        [0, 1]
    """
    x, labels = np.asarray(features, "float64"), np.asarray(labels, int)
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes or not counts.all() or not np.isfinite(x).all() or not penalty > 0:
        raise ValueError(
            "every class needs a row, features must be finite and the penalty above 0. "
            f"Received: rows of classes {counts.tolist()}, penalty={penalty}"
        )
    mean, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    x = np.concatenate([(x - mean) / scale, np.ones((len(x), 1))], axis=1)
    target = np.eye(classes)[labels]
    share = (1.0 / (classes * counts))[labels]
    ridge = np.full(x.shape[1], penalty)
    ridge[-1] = 0.0  # the bias goes free
    weights = np.zeros((x.shape[1], classes))
    value, probabilities = _objective(x, target, share, ridge, weights)
    for _ in range(MOST_STEPS):
        gradient = x.T @ (share[:, None] * (probabilities - target)) + ridge[:, None] * weights
        if np.abs(gradient).max() < TOLERANCE:
            break
        hessian = _hessian(x, share, ridge, probabilities)
        step = np.linalg.solve(hessian, gradient.T.ravel()).reshape(classes, -1).T
        length, slope = 1.0, (gradient * step).sum()
        other, rival = _objective(x, target, share, ridge, weights - step)
        # Halved until the value falls as it should (Armijo), so that no step overshoots.
        while other > value - SUFFICIENT * length * slope and length > SHORTEST:
            length /= 2
            other, rival = _objective(x, target, share, ridge, weights - length * step)
        if other > value:  # nothing is left to gain but rounding
            break
        weights, value, probabilities = weights - length * step, other, rival
    return Probe(weights[:-1], weights[-1], mean, scale)


def _objective(x, target, share, ridge, weights):
    """Value of what is minimised, and the probabilities `(rows, classes)`."""
    logits = x @ weights
    logits = logits - logits.max(1, keepdims=True)
    log_total = np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -(share[:, None] * target * (logits - log_total)).sum()
    return loss + 0.5 * (ridge[:, None] * weights**2).sum(), np.exp(logits - log_total)


def _hessian(x, share, ridge, probabilities):
    """`(classes * dim, classes * dim)`, class by class."""
    dim, classes = x.shape[1], probabilities.shape[1]
    hessian = np.empty((classes, dim, classes, dim))
    for one in range(classes):
        for other in range(classes):
            curvature = probabilities[:, one] * ((one == other) - probabilities[:, other])
            hessian[one, :, other] = x.T @ ((share * curvature)[:, None] * x)
        hessian[one, :, one] += np.diag(ridge + SMALLEST_CURVATURE)
    return hessian.reshape(classes * dim, classes * dim)


def probe_domains(
    features: Mapping[str, np.ndarray],
    subjects: Mapping[str, np.ndarray] | None = None,
    folds: int = FOLDS,
    penalty: float = PENALTY,
    seed: int = 0,
) -> ProbeResult:
    """How well a newly trained linear probe tells domains apart from frozen features.

    The rows are dealt to folds by subject; each fold is read by a probe fitted on the others, so
    every row is judged once, by a probe that saw neither it nor another picture of its subject.
    Give rows that the features' network was not trained on.

    It measures what can be read linearly. A probe with hidden layers may find more.

    Args:
        features: by domain `(rows, dim)` float.
        subjects: by domain `(rows,)` str, who is in the picture; an empty name, or a domain
            without an entry, is another person in every row.
        folds: 2 or more.
        penalty: of `fit_probe`.
        seed: which subject is dealt to which fold.

    Returns:
        A `ProbeResult` over all rows.

    Raises:
        ValueError: fewer than two domains or folds, or fewer subjects in a domain than folds.

    Reference:
        Alain, Bengio, "Understanding intermediate layers using linear classifier probes" (2016).
    """
    names = list(features)
    if len(names) < 2 or folds < 2:
        raise ValueError(
            "a probe needs two domains and two folds or more. "
            f"Received: domains={names}, folds={folds}"
        )
    random = np.random.default_rng(seed)
    fold_of = []
    for name in names:
        rows = len(features[name])
        known = (subjects or {}).get(name)
        numbers = people(np.full(rows, "") if known is None else known)
        count = int(numbers.max(initial=-1)) + 1
        if count < folds:
            raise ValueError(
                "every domain needs as many subjects as there are folds. "
                f"Received: {count} in {name!r}, folds={folds}"
            )
        fold_of.append((random.permutation(count) % folds)[numbers])
    labels = np.repeat(np.arange(len(names)), [len(each) for each in fold_of])
    x, fold_of = np.concatenate([features[name] for name in names]), np.concatenate(fold_of)
    predicted = np.empty(len(labels), int)
    for fold in range(folds):
        held = fold_of == fold
        probe = fit_probe(x[~held], labels[~held], len(names), penalty)
        predicted[held] = probe.logits(x[held]).argmax(1)
    confusion = confusion_matrix(labels, predicted, len(names))
    rows = confusion.sum(1)
    return ProbeResult(
        balanced_accuracy(confusion),
        dict(zip(names, (np.diagonal(confusion) / rows).tolist(), strict=True)),
        confusion,
        dict(zip(names, rows.astype(int).tolist(), strict=True)),
    )
