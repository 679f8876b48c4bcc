"""Landmark files and the pixels they count in."""

import math
from collections.abc import Sequence
from pathlib import Path

IBUG_FIRST_PIXEL = 1.0  # ibug's tools call the middle of the first pixel (1, 1), we (0, 0)


def pairs_of(values: Sequence[str | float]) -> list[list[float]]:
    """`[x, y]` points from `x1 y1 x2 y2 ...`.

    Raises:
        ValueError: an odd count, or a value that is no finite number.
    """
    numbers = [float(value) for value in values]
    if len(numbers) % 2:
        raise ValueError(f"points need an even count of numbers. Received: {len(numbers)}")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("points must be finite numbers")
    return [[x, y] for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def read_pts(path: Path, count: int, first_pixel: float = 0.0) -> list[list[float]]:
    """Points of a `.pts` file: `version: 1`, `n_points: 68`, `{`, one `x y` a line, `}`.

    Args:
        path: the file.
        count: how many points it must hold.
        first_pixel: coordinate that the file gives the first pixel; 1 in ibug's files.

    Returns:
        `count` points `[x, y]` in pixels, 0-based.

    Raises:
        OSError: the file cannot be read.
        ValueError: not such a file, or not `count` points; the message names the file.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError(f"{path}: no points between braces")
    try:
        points = pairs_of(text[start + 1 : end].split())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if len(points) != count:
        raise ValueError(f"{path}: {len(points)} points where {count} are needed")
    return [[x - first_pixel, y - first_pixel] for x, y in points]
