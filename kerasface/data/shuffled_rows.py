"""Rows of a set in passes, each pass in an order of its own, as a function of the place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


class ShuffledRows:
    """Endless row numbers in which each row comes once before any comes again.

    Nothing is drawn from a state: the order of pass `n` comes from `(*key, n)`, so reading may
    begin anywhere, from any number of threads, and gives the same rows.

    Args:
        size: rows of the set, at least 1.
        *key: numbers of at least 0 (a seed, the set's number) that the orders come from.

    Raises:
        ValueError: `size` is below 1 or a number below 0.

    Example:
        >>> rows = ShuffledRows(3, 0)
        >>> sorted(rows.take(0, 3).tolist()), bool((rows.take(1, 2) == rows.take(0, 3)[1:]).all())
        ([0, 1, 2], True)
    """

    def __init__(self, size: int, *key: int):
        if size < 1 or any(number < 0 for number in key):
            raise ValueError(
                f"size must be 1 or more and seeds 0 or more. Received: size={size}, key={key}"
            )
        self.size = int(size)
        # With its length, as NumPy takes (1,) and (1, 0) for one seed. Two passes are kept: a
        # batch may end one and begin the next.
        self.order = lru_cache(maxsize=2)(
            lambda number: np.random.default_rng([len(key), *key, number]).permutation(self.size)
        )

    def take(self, start: int, count: int) -> np.ndarray:
        """`(count,)` int64 row numbers from place `start` on."""
        places = np.arange(start, start + count)
        passes = places // self.size
        rows = np.empty(count, np.int64)
        for number in np.unique(passes):
            inside = passes == number
            rows[inside] = self.order(int(number))[places[inside] % self.size]
        return rows
