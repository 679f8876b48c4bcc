"""A batch of small pictures, and how much of each pixel a shape covers.

Coverage is a signed distance to a curve turned into a ramp of about a pixel, so edges are smooth
without supersampling. Shapes are drawn in windows that hold the shape in every picture of the
batch; coverage is exactly 0 outside the shape, so the window does not change the picture.
"""

from dataclasses import dataclass

import numpy as np

from kerasface.data.synthetic.curves import Curve, Outline
from kerasface.data.synthetic.randomness import GOLDEN, scramble

EDGE_SLOPE = 3.0  # mean length of the gradient of the head's implicit function at its edge
LONG_CURVE = 1.12  # strokes run this much past the ends of their curve at most


def column(values: np.ndarray) -> np.ndarray:
    """`(n,)` as `(n, 1, 1)`, to meet planes of pixels."""
    return values[:, None, None]


@dataclass(frozen=True)
class Window:
    """A part of the crop: `x`, `y` `(n, h, w)` float32 head units of its pixel centres."""

    rows: slice
    columns: slice
    x: np.ndarray
    y: np.ndarray

    def swapped(self) -> "Window":
        """The same pixels with x and y exchanged, for curves that give x over y."""
        return Window(self.rows, self.columns, self.y, self.x)


class Canvas:
    """Pictures `(n, channels, size, size)` float32 in [0, 1] and the pixels' place in the head.

    Args:
        pose: `(n, 4)` of a `Face`.
        size: pixels of a side.
        channels: 3, or 1 for grey.
    """

    def __init__(self, pose: np.ndarray, size: int, channels: int):
        cosine, sine, right, down = pose.T
        self.size = size
        self.pictures = np.empty((len(pose), channels, size, size), np.float32)
        square = cosine * cosine + sine * sine
        self.pixels = (size / 2 * np.sqrt(square)).astype(np.float32)  # per head unit
        place = (2 * np.arange(size, dtype=np.float32) + 1) / np.float32(size) - 1
        across = place[None, None, :] - column(right)
        along = place[None, :, None] - column(down)
        self._x = column(cosine / square) * across + column(sine / square) * along
        self._y = column(cosine / square) * along - column(sine / square) * across
        self._pose = pose

    def whole(self) -> Window:
        """The window of all pixels."""
        everything = slice(0, self.size)
        return Window(everything, everything, self._x, self._y)

    def around(self, points: np.ndarray, margin: float) -> Window:
        """The smallest window that holds the points of every picture.

        Args:
            points: `(n, k, 2)` in the crop, 0 to 1.
            margin: added on every side, in units of the crop.
        """
        low = np.floor((points.min(axis=(0, 1)) - margin) * self.size).astype(int)
        high = np.ceil((points.max(axis=(0, 1)) + margin) * self.size).astype(int)
        low, high = np.clip(low, 0, self.size), np.clip(high, 0, self.size)
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        return Window(rows, columns, self._x[:, rows, columns], self._y[:, rows, columns])

    def paint(self, window: Window, cover: np.ndarray, colour: np.ndarray) -> None:
        """Lays a colour `(n, channels)` or planes `(n, channels, h, w)` over the pictures."""
        part = self.pictures[:, :, window.rows, window.columns]
        colour = np.asarray(colour, np.float32)
        if colour.ndim == 2:
            colour = colour[:, :, None, None]
        difference = colour - part
        difference *= cover[:, None]
        part += difference

    def darken(self, window: Window, cover: np.ndarray, strength) -> None:
        """Multiplies by `1 - strength * cover`; strength is a number or `(n,)`."""
        if isinstance(strength, np.ndarray):
            strength = column(strength.astype(np.float32))
        part = self.pictures[:, :, window.rows, window.columns]
        part *= (1 - cover * np.float32(strength))[:, None]

    def ramp(self, distance: np.ndarray, soft: float = 1.0) -> np.ndarray:
        """Coverage by signed distances in head units (inside is negative), 0 to 1.

        Args:
            distance: `(n, h, w)`, overwritten.
            soft: pixels of a 48-pixel crop that the edge takes.
        """
        soft = soft * max(1.0, self.size / 96)  # at most half as soft in relation to the face
        distance *= column(self.pixels * np.float32(-1 / soft))
        distance += np.float32(0.5)
        return np.clip(distance, 0, 1, out=distance)

    def between(self, window: Window, above: Curve, below: Curve, soft: float = 1.0) -> np.ndarray:
        """Coverage of what lies below the curve `above` and above the curve `below`."""
        s = place_along(window, above)
        distance = np.maximum(height(s, above) - window.y, window.y - height(s, below))
        cover = self.ramp(distance, soft)
        cover *= np.abs(s) <= 1
        return cover

    def stroke(
        self, window: Window, line: Curve, thick, soft: float = 1.0, taper: float = 0.0
    ) -> np.ndarray:
        """Coverage of a line along a curve.

        Args:
            window: pixels.
            line: its middle.
            thick: half thickness in head units, number or `(n,)`.
            soft: pixels that its edge takes.
            taper: share of the thickness that is lost at the ends.
        """
        s = place_along(window, line)
        distance = np.abs(height(s, line) - window.y)
        thick = column(np.broadcast_to(np.float32(thick), len(self.pixels)))
        square = s * s
        distance -= thick * (1 - np.float32(taper) * np.minimum(square, 1)) if taper else thick
        cover = self.ramp(distance, soft)
        cover *= np.clip((LONG_CURVE - square) * np.float32(1 / (LONG_CURVE - 0.9)), 0, 1)
        return cover

    def disc(self, window: Window, x, y, radius, flat: float = 1.0, soft=1.0) -> np.ndarray:
        """Coverage of an ellipse `radius` wide and `flat * radius` high, half axes."""
        across = window.x - column(x)
        along = (window.y - column(y)) * np.float32(1 / flat)
        distance = np.sqrt(across * across + along * along) - column(radius)
        return self.ramp(distance, soft)

    def noise(self, grain: np.ndarray) -> np.ndarray:
        """`(n, size, size)` float32 in [-1, 1), a function of each picture's key and the pixel."""
        counter = np.arange(self.size * self.size, dtype=np.uint32) * np.uint32(GOLDEN)
        bits = scramble(counter.reshape(1, self.size, self.size) ^ column(grain))
        return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - 1

    def finish(self) -> np.ndarray:
        """The pictures as uint8 `(n, size, size, 3)`."""
        scaled = np.rint(np.clip(self.pictures, 0, 1) * np.float32(255)).astype(np.uint8)
        scaled = np.broadcast_to(scaled, (len(scaled), 3, self.size, self.size))
        return np.ascontiguousarray(scaled.transpose(0, 2, 3, 1))


def place_along(window: Window, line: Curve) -> np.ndarray:
    """`s` of the pixels for a curve, `(n, h, w)`."""
    s = window.x - column(line.centre)
    s *= column(1 / line.half)
    return s


def height(s: np.ndarray, line: Curve) -> np.ndarray:
    """Y of a curve at `s`."""
    square = s * s
    y = square * column(line.c4) if line.c4.any() else np.zeros_like(square)
    y += column(line.c2)
    y *= square
    y += column(line.c0)
    if line.c1.any():
        y += s * column(line.c1)
    return y


def head_distance(window: Window, outline: Outline, grow: np.ndarray | float = 0.0) -> np.ndarray:
    """Signed distance to the edge of the head, about right near it and exact on it.

    Args:
        window: pixels.
        outline: of the heads.
        grow: share by which the head is enlarged, number or `(n,)`.
    """
    size = np.asarray(1 + grow, np.float32)
    q = np.maximum(window.y, 0) * column(1 / (outline.chin * size))
    crown = np.minimum(window.y, 0) * column(1 / (outline.top * size))
    q *= q
    across = (window.x - q * column(outline.sway)) * column(1 / (outline.width * size))
    distance = across * across
    distance += crown * crown
    distance += q * (column(1 - outline.jaw) + column(outline.jaw) * q)
    distance -= 1
    distance *= np.float32(1 / EDGE_SLOPE)
    return distance
