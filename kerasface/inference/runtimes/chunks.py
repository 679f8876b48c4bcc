"""Batches of any size for runtimes that plan memory and kernels for one size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Where more at once no longer makes a face cheaper. Only this size and 1 are ever planned for, so
# that whatever numbers of faces come, memory stays as it is and nothing is planned again.
CHUNK = 16


def in_chunks(
    images: np.ndarray, run: Callable[[np.ndarray], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Runs whole chunks together and what is left one by one.

    Args:
        images: `(n, height, width, channels)`, n at least 1.
        run: of `CHUNK` images or of one, to arrays of as many rows by name.

    Returns:
        `(n, ...)` by name.

    Example:
        >>> in_chunks(np.arange(18), lambda part: {"rows": np.full(len(part), len(part))})["rows"]
        array([16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,  1,
                1])
    """
    whole = len(images) // CHUNK * CHUNK
    parts = [run(images[start : start + CHUNK]) for start in range(0, whole, CHUNK)]
    parts += [run(images[place : place + 1]) for place in range(whole, len(images))]
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
