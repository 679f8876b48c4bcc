"""Batches of any size for runtimes that plan memory and kernels for one size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# A face among 64 costs up to a tenth less than one alone. Only these sizes
# are ever planned for, so that whatever numbers of faces come, memory stays as it is.
SIZES = (64, 8, 1)


def in_chunks(
    images: np.ndarray, run: Callable[[np.ndarray], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Runs as many images together as the largest fitting of `SIZES`, until none is left.

    Args:
        images: `(n, height, width, channels)`, n at least 1.
        run: of so many images to arrays of as many rows by name.

    Returns:
        `(n, ...)` by name.

    Example:
        >>> in_chunks(np.arange(10), lambda part: {"rows": np.full(len(part), len(part))})["rows"]
        array([8, 8, 8, 8, 8, 8, 8, 8, 1, 1])
    """
    parts, start = [], 0
    for size in SIZES:
        while len(images) - start >= size:
            parts.append(run(images[start : start + size]))
            start += size
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
