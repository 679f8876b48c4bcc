"""The drawing styles: each is a domain of its own, of the same people.

To add a style, write a file like `photo` and add a line to `STYLES`.
"""

import difflib
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kerasface.data.synthetic.anatomy import Face, build_faces
from kerasface.data.synthetic.comic import draw_comic
from kerasface.data.synthetic.landmarks import landmarks68
from kerasface.data.synthetic.parameters import FaceParameters
from kerasface.data.synthetic.photo import draw_photo
from kerasface.data.synthetic.sketch import draw_sketch

EDGE = 0.005  # every landmark keeps this far from the edge of the crop, in units of the crop


class Style(NamedTuple):
    """How faces are drawn, and by how much they are overdrawn (see `build_faces`)."""

    draw: Callable[[Face, FaceParameters, int], np.ndarray]
    eye_size: float
    acting: float


STYLES = {
    "photo": Style(draw_photo, eye_size=1.0, acting=1.1),
    "sketch": Style(draw_sketch, eye_size=1.0, acting=1.0),
    "comic": Style(draw_comic, eye_size=1.4, acting=1.3),
}


def style_named(name: str) -> Style:
    """The style of this name.

    Raises:
        ValueError: there is none; the message gives near names.
    """
    if name not in STYLES:
        near = difflib.get_close_matches(str(name), STYLES, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"style must be one of {sorted(STYLES)}; {hint}Received: style={name!r}")
    return STYLES[name]


def faces_in_style(parameters: FaceParameters, style: str) -> Face:
    """The curves of faces as a style draws them, moved so that all landmarks lie in the crop."""
    chosen = style_named(style)
    face = build_faces(parameters, chosen.eye_size, chosen.acting)
    points = landmarks68(face)
    low, high = points.min(axis=1), points.max(axis=1)
    pose = face.pose.copy()
    pose[:, 2:] += 2 * (np.maximum(EDGE - low, 0) - np.maximum(high - (1 - EDGE), 0))
    return replace(face, pose=pose.astype(np.float32))
