"""Pictures that stand in two sets: looked for by an embedding, then compared pixel by pixel.

Copies of one photograph in two sets differ in crop, size, colour and compression, so that hashes
and correlations of pixels miss most of them (a correlation of 0.97, 99 % of MTFL's copies of LFW).
A network that tells people apart brings them near each other; what it brings near can be looked at.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from kerasface.data.prepared import PreparedSet

# Cosine from which a pair is a candidate. What that finds of copies that are known is measured
# along: see `found_copies`.
NEAR = 0.7
SIDE, ROWS = 24, 1024


def shared_pictures(
    first: PreparedSet, second: PreparedSet, vectors: np.ndarray, others: np.ndarray
) -> dict:
    """Pictures of one set that may be pictures of another.

    Args:
        first: aligned faces.
        second: aligned faces on the same template.
        vectors: float `(rows, size)`, embeddings of the first set; any length.
        others: float `(rows, size)`, of the second.

    Returns:
        `{"pictures", "near", "highest", "alike", "pairs"}`: rows of the first set, how many have
        a neighbour of cosine `NEAR` or more, the highest cosine, the highest correlation of grey
        pixels among these, and the pairs as `[name, name, cosine, correlation]`, nearest first.
    """
    own, theirs = _unit(vectors), _unit(others)
    highest, candidates = -1.0, []
    for start in range(0, len(own), ROWS):
        found = own[start : start + ROWS] @ theirs.T
        best = found.argmax(1)
        value = found[np.arange(len(found)), best]
        highest = max(highest, float(value.max()))
        candidates += [
            (float(value[row]), start + int(row), int(best[row]))
            for row in np.flatnonzero(value >= NEAR)
        ]
    pairs = []
    for cosine, row, other in sorted(candidates, reverse=True):
        names = (str(first.names[row]), str(second.names[other]))
        alike = _correlation(first.images[row], second.images[other])
        pairs.append([*names, round(cosine, 4), round(alike, 4)])
    return {
        "pictures": len(own),
        "near": len(pairs),
        "highest": round(highest, 4),
        "alike": max((pair[3] for pair in pairs), default=None),
        "pairs": pairs,
    }


def found_copies(
    copies: PreparedSet, originals: PreparedSet, vectors: np.ndarray, others: np.ndarray
) -> dict:
    """What the search finds of copies that are known by the names of their files.

    Args:
        copies: as `shared_pictures`.
        originals: as `shared_pictures`.
        vectors: of the copies.
        others: of the originals.

    Returns:
        `{"copies", "near", "median"}`: copies whose original is there, the share of them that are
        `NEAR` or nearer to it, and the median of these cosines.
    """
    place = {str(name).rpartition("/")[2]: row for row, name in enumerate(originals.names)}
    names = [str(name).rpartition("/")[2] for name in copies.names]
    kept = [row for row, name in enumerate(names) if name in place]
    own, theirs = _unit(vectors)[kept], _unit(others)[[place[names[row]] for row in kept]]
    cosines = (own * theirs).sum(1)
    return {
        "copies": len(kept),
        "near": float((cosines >= NEAR).mean()),
        "median": round(float(np.median(cosines)), 4),
    }


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, "float32")
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of grey pixels, as they are or with one in a mirror, which is the same picture."""
    ours, mirrored, theirs = (_grey(each) for each in (first, first[:, ::-1], second))
    return float(max(ours @ theirs, mirrored @ theirs))


def _grey(image: np.ndarray) -> np.ndarray:
    """`(SIDE * SIDE,)` float32 of mean 0 and length 1."""
    small = (
        Image.fromarray(np.ascontiguousarray(image)).convert("L").resize((SIDE, SIDE), Image.BOX)
    )
    row = np.asarray(small, "float32").ravel()
    row = row - row.mean()
    return row / max(float(np.linalg.norm(row)), 1e-6)
