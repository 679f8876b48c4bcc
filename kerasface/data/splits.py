"""Splits that anyone can make again: by the hash of a name, and by subject."""

import hashlib
from collections.abc import Iterable

BUCKETS = 10
VALIDATION_BUCKET = 1


def sha1_bucket(name: str, buckets: int = BUCKETS) -> int:
    """`int(sha1(name), 16) % buckets`: the same for everyone, whatever the order of the files.

    Example:
    >>> sha1_bucket("1.jpg")
    8
    """
    return int(hashlib.sha1(name.encode()).hexdigest(), 16) % buckets


def sha1_split(name: str) -> str:
    """The split of a name by its hash: one name in ten is "validation", the others "train"."""
    return "validation" if sha1_bucket(name) == VALIDATION_BUCKET else "train"


def subject_folds(subjects: Iterable[str], folds: int = 10) -> dict[str, int]:
    """Fold of each subject: subjects in the order of their sha1, dealt out in turn.

    Args:
        subjects: names, repeats allowed.
        folds: number of folds, at least 2.

    Returns:
        Fold index in `[0, folds)` by subject; people are disjoint between folds.

    Raises:
        ValueError: fewer than 2 folds.

    Example:
    >>> sorted(subject_folds(["S1", "S2", "S2", "S3"], folds=3).values())
    [0, 1, 2]
    """
    if folds < 2:
        raise ValueError(f"folds must be at least 2. Received: folds={folds}")
    ordered = sorted(set(subjects), key=lambda name: hashlib.sha1(name.encode()).hexdigest())
    return {name: place % folds for place, name in enumerate(ordered)}
