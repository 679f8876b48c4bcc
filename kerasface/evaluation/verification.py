"""Same person or not: pairs, ROC, and the nearest neighbour, from distances of embeddings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Rows of the distance matrix held at a time by the search for neighbours.
BLOCK = 1024


class PairsResult(NamedTuple):
    """What the pairs protocol measured.

    Attributes:
        accuracy: mean over the folds.
        standard_error: of that mean: standard deviation of the folds over the root of their
            number.
        folds: `(folds,)` accuracy of each fold.
        thresholds: `(folds,)` distance up to which a fold's pairs were called the same person,
            chosen on the other folds.
    """

    accuracy: float
    standard_error: float
    folds: np.ndarray
    thresholds: np.ndarray


class Roc(NamedTuple):
    """Shares of pairs that are accepted as one person, at every threshold that matters.

    Attributes:
        far: `(points,)` false accept rate: share of pairs of two people that are accepted.
        tar: `(points,)` true accept rate: share of pairs of one person that are accepted.
        thresholds: `(points,)`, rising; a pair is accepted if its distance is at most this.
    """

    far: np.ndarray
    tar: np.ndarray
    thresholds: np.ndarray


def squared_pair_distances(first, second) -> np.ndarray:
    """`(pairs,)` float64 squared Euclidean distances of two `(pairs, dim)` arrays, row by row."""
    gap = np.asarray(first, "float64") - np.asarray(second, "float64")
    return (gap**2).sum(-1)


def best_threshold(distances, same) -> float:
    """The distance up to which calling pairs the same person is right most often.

    Of several the middle of the lowest such interval between two neighbouring distances; below
    all distances (accept none) or above (accept all) where that is best.

    Args:
        distances: `(pairs,)` float.
        same: `(pairs,)` bool.
    """
    distances, same = _pairs(distances, same)
    values, place = np.unique(distances, return_inverse=True)
    gain = np.bincount(place, np.where(same, 1.0, -1.0), len(values))
    # Right answers, less those of accepting none, with the first k values accepted.
    right = np.concatenate([[0.0], np.cumsum(gain)])
    best = int(right.argmax())
    if best == 0:
        return float(np.nextafter(values[0], -np.inf))
    if best == len(values):
        return float(values[-1])
    return float((values[best - 1] + values[best]) / 2.0)


def pairs_protocol(distances, same, folds) -> PairsResult:
    """Accuracy with, for each fold, the threshold that is best on all the others.

    Args:
        distances: `(pairs,)` float, smaller for faces that are more alike.
        same: `(pairs,)` bool, true for two pictures of one person.
        folds: `(pairs,)` int, the protocol's fold of each pair; two or more folds.

    Raises:
        ValueError: columns of different lengths, a distance that is not a number, one fold only.

    Example:
        >>> result = pairs_protocol([0.1, 0.9, 0.2, 0.8], [1, 0, 1, 0], [0, 0, 1, 1])
        >>> result.accuracy, result.thresholds.tolist()
        (1.0, [0.5, 0.5])

    Reference:
        Huang et al., "Labeled faces in the wild" (2007), section IV: ten folds, "image
        restricted"; no parameter may be set on the fold that is scored.
    """
    distances, same = _pairs(distances, same)
    folds = np.asarray(folds)
    names = np.unique(folds)
    if folds.shape != same.shape or len(names) < 2:
        raise ValueError(
            "each pair needs its fold, of two or more. "
            f"Received: folds of shape {folds.shape} with {len(names)} different"
        )
    thresholds, scores = [], []
    for name in names:
        here = folds == name
        threshold = best_threshold(distances[~here], same[~here])
        thresholds.append(threshold)
        scores.append(np.mean((distances[here] <= threshold) == same[here]))
    scores = np.array(scores)
    error = float(scores.std(ddof=1) / np.sqrt(len(scores)))
    return PairsResult(float(scores.mean()), error, scores, np.array(thresholds))


def roc(distances, same) -> Roc:
    """The receiver operating characteristic of distances.

    Args:
        distances: `(pairs,)` float.
        same: `(pairs,)` bool, some true and some false.

    Returns:
        A `Roc` that begins at "accept none" and ends at "accept all".

    Raises:
        ValueError: all pairs are of one kind, or as `pairs_protocol`.
    """
    distances, same = _pairs(distances, same)
    if same.all() or not same.any():
        raise ValueError(
            "a ROC needs pairs of one person and of two. "
            f"Received: {int(same.sum())} of one among {len(same)}"
        )
    values, place = np.unique(distances, return_inverse=True)
    true = np.cumsum(np.bincount(place, same, len(values))) / same.sum()
    false = np.cumsum(np.bincount(place, ~same, len(values))) / (~same).sum()
    none = np.nextafter(values[0], -np.inf)
    return Roc(
        np.concatenate([[0.0], false]),
        np.concatenate([[0.0], true]),
        np.concatenate([[none], values]),
    )


def threshold_at_far(distances, same, far: float) -> float:
    """The largest threshold whose false accept rate is at most `far`.

    Raises:
        ValueError: `far` is not in 0..1, or there are fewer than `1 / far` pairs of two people,
            so that the rate cannot be measured.
    """
    distances, same = _pairs(distances, same)
    others = int((~same).sum())
    if not 0 < far <= 1 or others * far < 1:
        raise ValueError(
            "far must be in 0..1 and 1 / far pairs of two people are needed to measure it. "
            f"Received: far={far}, {others} pairs of two people"
        )
    curve = roc(distances, same)
    return float(curve.thresholds[np.flatnonzero(curve.far <= far)[-1]])


def tar_at_far(distances, same, far: float) -> float:
    """Share of pairs of one person that are accepted where at most `far` of the others are.

    Raises:
        ValueError: as `threshold_at_far`.
    """
    distances, same = _pairs(distances, same)
    return float(np.mean(distances[same] <= threshold_at_far(distances, same, far)))


def equal_error_rate(distances, same) -> float:
    """The error where as many pairs are wrongly accepted as are wrongly refused, by shares.

    Between two thresholds both shares are taken as straight lines.
    """
    curve = roc(distances, same)
    gap = curve.far - (1.0 - curve.tar)  # rises from -1 to 1
    after = int(np.flatnonzero(gap >= 0)[0])
    before = after - 1
    part = gap[before] / (gap[before] - gap[after])
    return float(curve.far[before] + part * (curve.far[after] - curve.far[before]))


def nearest_neighbour_hits(embeddings, identities) -> np.ndarray:
    """`(pictures,)` bool: whether the nearest other picture shows the same person.

    Args: as `nearest_neighbour_accuracy`, which is their mean.
    """
    vectors, identities = np.asarray(embeddings, "float64"), np.asarray(identities)
    if len(vectors) < 2 or len(vectors) != len(identities):
        raise ValueError(
            "two pictures or more are needed, each with its person. "
            f"Received: {len(vectors)} embeddings, {len(identities)} identities"
        )
    lengths = (vectors**2).sum(-1)
    hits = np.zeros(len(vectors), bool)
    for start in range(0, len(vectors), BLOCK):
        rows = vectors[start : start + BLOCK]
        # The row's own length adds the same to each of its distances.
        distances = lengths - 2.0 * rows @ vectors.T
        own = np.arange(len(rows))
        distances[own, start + own] = np.inf
        nearest = distances.argmin(-1)
        hits[start : start + len(rows)] = identities[nearest] == identities[start + own]
    return hits


def nearest_neighbour_accuracy(embeddings, identities) -> float:
    """Share of pictures whose nearest other picture shows the same person ("top-1").

    Pictures of people who have only one count too: they are always wrong.

    Args:
        embeddings: `(pictures, dim)` float, compared by squared Euclidean distance.
        identities: `(pictures,)`, who is in each picture.

    Raises:
        ValueError: fewer than two pictures, or not as many identities.

    Example:
        >>> nearest_neighbour_accuracy([[0.0], [0.1], [1.0], [1.1]], ["a", "a", "b", "c"])
        0.5
    """
    hits = nearest_neighbour_hits(embeddings, identities)
    return int(hits.sum()) / len(hits)


def _pairs(distances, same) -> tuple[np.ndarray, np.ndarray]:
    distances, same = np.asarray(distances, "float64"), np.asarray(same).astype(bool)
    if distances.ndim != 1 or distances.shape != same.shape or not len(same):
        raise ValueError(
            "distances and same must be columns of one length, at least 1. "
            f"Received: shapes {distances.shape} and {same.shape}"
        )
    if np.isnan(distances).any():
        raise ValueError(
            "a distance must be a number. "
            f"Received: NaN at pair {int(np.flatnonzero(np.isnan(distances))[0])}"
        )
    return distances, same
