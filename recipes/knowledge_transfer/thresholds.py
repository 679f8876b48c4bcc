"""Up to which distance two faces are one person, at a false accept rate among strangers."""

from __future__ import annotations

import numpy as np

FARS = (0.1, 0.01, 1e-3, 1e-4)
RESAMPLES = 200


def thresholds(vectors: np.ndarray, people: np.ndarray, fars=FARS, seed: int = 0) -> list[dict]:
    """Squared distances that accept so many of all pairs of two people, with intervals.

    Args:
        vectors: `(rows, dim)` of length 1.
        people: `(rows,)` names, of people that the network has not seen.
        fars: false accept rates; those of fewer than ten pairs are left out.
        seed: of the bootstrap, which draws people.

    Returns:
        For each rate `{"far", "value", "low", "high", "pairs", "tar"}`, `tar` being the share of
        pairs of one person that are accepted.
    """
    _, group = np.unique(people, return_inverse=True)
    first, second = np.triu_indices(len(vectors), 1)
    distances = np.maximum(2.0 - 2.0 * (vectors @ vectors.T)[first, second], 0.0)
    same = group[first] == group[second]
    own, other = distances[same], distances[~same]
    a, b = group[first[~same]], group[second[~same]]
    largest = min(max(fars) * 1.5, 1.0)
    kept = np.argpartition(other, int(largest * (len(other) - 1)))[: int(largest * len(other)) + 1]
    kept = kept[np.argsort(other[kept], kind="stable")]
    near, a, b = other[kept], a[kept], b[kept]
    counts = np.bincount(group).astype(float)
    chance, drawn = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        times = np.bincount(
            chance.integers(0, len(counts), len(counts)), minlength=len(counts)
        ).astype(float)
        # Pairs of two people in the resampled crowd, a person drawn twice being one.
        total = ((times * counts).sum() ** 2 - ((times * counts) ** 2).sum()) / 2
        share = np.cumsum(times[a] * times[b]) / max(total, 1.0)
        drawn.append([near[min(np.searchsorted(share, far), len(near) - 1)] for far in fars])
    found = []
    for place, far in enumerate(fars):
        if far * len(other) < 10:
            continue
        value = float(near[min(int(far * len(other)), len(near)) - 1])
        low, high = np.quantile(np.array(drawn)[:, place], [0.025, 0.975])
        tar = float((own <= value).mean())
        interval = {"low": min(float(low), value), "high": max(float(high), value)}
        found.append({"far": far, "value": value, **interval, "pairs": int(len(other)), "tar": tar})
    return found
