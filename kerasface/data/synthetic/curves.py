"""Curves that faces are made of: pixels are compared with them, landmarks are points of them.

So what is drawn and what is labelled cannot come apart. Only + - * / and square roots are used,
which IEEE arithmetic rounds alike on every machine.
"""

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Curve:
    """`y = c0 + c1 s + c2 s^2 + c4 s^4` with `s = (x - centre) / half`, each `(n,)` float32."""

    centre: np.ndarray
    half: np.ndarray
    c0: np.ndarray
    c1: np.ndarray
    c2: np.ndarray
    c4: np.ndarray

    def points(self, places) -> np.ndarray:
        """`(n, len(places), 2)`: the points at these values of `s`, x first."""
        s = np.asarray(places, np.float32)[None]
        column = {each.name: getattr(self, each.name)[:, None] for each in fields(self)}
        square = s * s
        x = column["centre"] + column["half"] * s
        y = column["c0"] + column["c1"] * s + square * (column["c2"] + square * column["c4"])
        return np.stack([x, y], axis=-1)

    def lowered(self, by: float) -> "Curve":
        """The same curve further down."""
        return replace(self, c0=self.c0 + np.float32(by))


def curve(centre, half, c0, c1=0.0, c2=0.0, c4=0.0) -> Curve:
    """A `Curve` of float32 columns; plain numbers are repeated."""
    columns = np.broadcast_arrays(centre, half, c0, c1, c2, c4)
    return Curve(*(each.astype(np.float32) for each in columns))


@dataclass(frozen=True)
class Outline:
    """The edge of the head: `x^2 + y^2 = 1` above the eyes, squarer below (see `canvas`).

    Attributes:
        width, top, chin: `(n,)` half width, and y of crown (negative) and chin.
        jaw: `(n,)` 0 for a tapering chin, 1 for a square one.
        sway: `(n,)` x of the chin, by the turn of the head.
    """

    width: np.ndarray
    top: np.ndarray
    chin: np.ndarray
    jaw: np.ndarray
    sway: np.ndarray

    def points(self, depths, side: int) -> np.ndarray:
        """`(n, len(depths), 2)` points of the edge; depth 0 is eye height, 1 the chin."""
        q = np.asarray(depths, np.float32)[None]
        square = q * q
        jaw = self.jaw[:, None]
        inside = np.maximum(1 - square * (1 - jaw + jaw * square), 0)
        x = side * self.width[:, None] * np.sqrt(inside) + self.sway[:, None] * square
        return np.stack([x, q * self.chin[:, None]], axis=-1)
