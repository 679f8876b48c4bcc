"""The listed transforms under which a teacher sees a picture, and the way back for points."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Whole and mirrored, enlarged, and two crops that keep 92 % of each side at opposite corners.
DEFAULT_TRANSFORMS = (
    "plain",
    "flip",
    "scale=1.08",
    "flip+scale=1.08",
    "crop=0:0:0.92:0.92",
    "crop=0.08:0.08:1:1",
)
GRAMMAR = (
    "a transform is plain, flip, scale=FACTOR (0.5 to 2), shift=RIGHT:DOWN (shares up to 0.5) or "
    "crop=LEFT:TOP:RIGHT:BOTTOM (shares of the picture, a quarter of it or more), or several of "
    "them with + between, from the first to the last"
)
SMALLEST_SCALE, LARGEST_SCALE = 0.5, 2.0
LARGEST_SHIFT = 0.5
SMALLEST_CROP = 0.25
# What is left of a weight where a pixel's middle falls on another's: rounding, no picture.
ROUNDING = 1e-9


@dataclass(frozen=True)
class PictureTransform:
    """A picture cut, enlarged, moved or mirrored: a straight line along each axis.

    What is seen at share `u` (0..1) of the transform's width was at `x[0] * u + x[1]` of the
    picture's; the same down with `y`. `x[0]` is below 0 in a mirrored one.

    Args:
        name: as in `GRAMMAR`; it is what label files say.
        x: `(slope, start)` along the width.
        y: `(slope, start)` along the height.
    """

    name: str
    x: tuple[float, float] = (1.0, 0.0)
    y: tuple[float, float] = (1.0, 0.0)

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged."""
        return self.x[0] < 0

    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """Slopes and starts `(2,)` float32, x first: points seen to points of the picture."""
        slopes, starts = zip(self.x, self.y, strict=True)
        return np.array(slopes, "float32"), np.array(starts, "float32")


def picture_transforms(names: Iterable[str]) -> tuple[PictureTransform, ...]:
    """The transforms of these names, in their order.

    Args:
        names: one or more, all different; see `GRAMMAR`.

    Raises:
        ValueError: a name means nothing, a number is out of its range, or one comes twice.

    Example:
        >>> [transform] = picture_transforms(["flip+scale=1.25"])
        >>> transform.x
        (-0.8, 0.9)
    """
    names = [names] if isinstance(names, str) else list(names)
    found = tuple(_parsed(str(name)) for name in names)
    lines = {(each.x, each.y) for each in found}
    if not found or len(lines) < len(found):
        raise ValueError(f"transforms must be different, one or more. Received: {names}")
    return found


def _parsed(name: str) -> PictureTransform:
    x, y = (1.0, 0.0), (1.0, 0.0)
    for step in name.split("+"):
        kind, _, text = step.partition("=")
        try:
            numbers = [float(number) for number in text.split(":")] if text else []
            across, down = _step(kind, numbers)
        except ValueError:
            raise ValueError(f"{GRAMMAR}. Received: {name!r}") from None
        x, y = _after(x, across), _after(y, down)
    if min(abs(x[0]), abs(y[0])) < SMALLEST_CROP or max(abs(x[0]), abs(y[0])) > LARGEST_SCALE:
        raise ValueError(f"{GRAMMAR}. Received: {name!r}, in all too large or too small")
    return PictureTransform(name, x, y)


def _after(first, then):
    """A line through what an earlier one gave; rounded so that 1 - 0.9 stays 0.1."""
    return round(first[0] * then[0], 9), round(first[0] * then[1] + first[1], 9)


def _step(kind: str, numbers: list[float]):
    """Lines along width and height of one step.

    Raises:
        ValueError: no such step, or numbers that it does not take.
    """
    if not all(map(math.isfinite, numbers)):
        raise ValueError
    match kind, numbers:
        case "plain", []:
            return (1.0, 0.0), (1.0, 0.0)
        case "flip", []:
            return (-1.0, 1.0), (1.0, 0.0)
        case "scale", [factor] if SMALLEST_SCALE <= factor <= LARGEST_SCALE:
            line = (1.0 / factor, 0.5 - 0.5 / factor)
            return line, line
        case "shift", [right, down] if max(abs(right), abs(down)) <= LARGEST_SHIFT:
            return (1.0, -right), (1.0, -down)
        case "crop", [left, top, right, bottom] if (
            0 <= left and 0 <= top and right <= 1 and bottom <= 1
        ) and min(right - left, bottom - top) >= SMALLEST_CROP:
            return (right - left, left), (bottom - top, top)
    raise ValueError


def resampling(length: int, line: tuple[float, float]) -> np.ndarray:
    """Weights of a side's pixels in each pixel of what is seen.

    Between pixels the two nearest are weighted linearly; where the picture shrinks, as many more
    as fall together. Past the border the picture is mirrored, its edge pixel repeated.

    Args:
        length: pixels of the side.
        line: `(slope, start)` of a `PictureTransform`.

    Returns:
        `(length, length)` float32, each row with the sum 1.
    """
    slope, start = line
    reach = max(1.0, abs(slope))
    weights = np.zeros((length, length))
    for seen in range(length):
        middle = (slope * (seen + 0.5) / length + start) * length
        for pixel in range(math.floor(middle - reach - 0.5), math.ceil(middle + reach + 0.5)):
            weight = 1.0 - abs(pixel + 0.5 - middle) / reach
            if weight > ROUNDING:
                turned = pixel % (2 * length)
                weights[seen, min(turned, 2 * length - 1 - turned)] += weight
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
