"""Pictures that stand in two sets: looked for on aligned faces, by hash and by correlation."""

from __future__ import annotations

import numpy as np
from PIL import Image

from kerasface.data.duplicates import perceptual_hash
from kerasface.data.prepared import PreparedSet

# Bits of 64 that may differ, and how alike grey pixels must be. What such a search finds of copies
# that are known is measured along: see `found_copies`.
BITS, ALIKE = 6, 0.97
SIDE, ROWS = 24, 1024


def shared_pictures(first: PreparedSet, second: PreparedSet) -> dict:
    """How many pictures of one set nearly equal one of another, and the pairs that are alike.

    Args:
        first: aligned faces.
        second: aligned faces on the same template.

    Returns:
        `{"pictures", "near_by_hash", "alike", "highest", "pairs"}`: rows of the first set, how
        many of them have a neighbour within `BITS` bits, how many one of correlation `ALIKE` or
        more, the highest correlation, and those pairs as `[name, name, correlation]`.
    """
    ours, theirs = (_grey(each.images) for each in (first, second))
    own_hash, their_hash = (_hashes(each.images) for each in (first, second))
    near, alike, highest, pairs = 0, 0, -1.0, []
    for start in range(0, len(ours), ROWS):
        bits = np.bitwise_count(own_hash[start : start + ROWS, None] ^ their_hash[None])
        near += int((bits.min(1) <= BITS).sum())
        found = ours[start : start + ROWS] @ theirs.T
        # A picture in a mirror is the same picture.
        found = np.maximum(found, _mirrored(ours[start : start + ROWS]) @ theirs.T)
        best = found.argmax(1)
        value = found[np.arange(len(found)), best]
        highest = max(highest, float(value.max()))
        for row in np.flatnonzero(value >= ALIKE):
            alike += 1
            names = (first.names[start + row], second.names[best[row]])
            pairs.append([*map(str, names), round(float(value[row]), 4)])
    return {
        "pictures": len(ours),
        "near_by_hash": near,
        "alike": alike,
        "highest": round(highest, 4),
        "pairs": pairs,
    }


def found_copies(copies: PreparedSet, originals: PreparedSet) -> dict:
    """What the search finds of copies that are known by the names of their files.

    Returns:
        `{"copies", "alike", "median"}`: copies whose original is there, the share of them that
        are `ALIKE` or more to it, and the median of how alike they are.
    """
    place = {str(name).rpartition("/")[2]: row for row, name in enumerate(originals.names)}
    names = [str(name).rpartition("/")[2] for name in copies.names]
    kept = [row for row, name in enumerate(names) if name in place]
    ours = _grey(copies.images[kept])
    theirs = _grey(originals.images[[place[names[row]] for row in kept]])
    alike = (ours * theirs).sum(1)
    return {
        "copies": len(kept),
        "alike": float((alike >= ALIKE).mean()),
        "median": round(float(np.median(alike)), 4),
    }


def _hashes(images: np.ndarray) -> np.ndarray:
    return np.array([perceptual_hash(each) for each in images], np.uint64)


def _grey(images: np.ndarray) -> np.ndarray:
    """`(rows, SIDE * SIDE)` float32 of mean 0 and length 1."""
    small = np.stack(
        [
            np.asarray(
                Image.fromarray(each).convert("L").resize((SIDE, SIDE), Image.BOX), "float32"
            )
            for each in images
        ]
    ).reshape(len(images), -1)
    small -= small.mean(1, keepdims=True)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)


def _mirrored(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), SIDE, SIDE)[:, :, ::-1].reshape(len(rows), -1)
