"""How every detector looks at a picture: at a size it can work with, and twice where needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from kerasface.inference.detection import Face

# A detector sees pictures between these sides (pixels): smaller ones are enlarged, as it finds
# no face under 20 pixels; larger ones shrunk, as its time grows with the area.
SMALLEST_SIDE, LARGEST_SIDE = 160, 1600
# It misses faces that fill their picture; where it finds none it looks again inside a margin.
MARGIN = 0.4


def search(image: np.ndarray, detect: Callable[[np.ndarray], Iterable[Face]]) -> list[Face]:
    """Faces of a picture of any size, in its own pixels.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255.
        detect: gives the faces of an image in that image's pixels.

    Returns:
        Faces in `image`'s pixels, in the order that `detect` gave.
    """
    height, width = image.shape[:2]
    scale = min(max(1.0, SMALLEST_SIDE / min(height, width)), LARGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ratio = (width / size[0], height / size[1])
    seen = image
    if size != (width, height):
        seen = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    faces = [_moved(face, 0, ratio) for face in detect(seen)]
    if faces:
        return faces
    border = round(MARGIN * min(size))
    framed = np.empty((size[1] + 2 * border, size[0] + 2 * border, 3), np.uint8)
    framed[:] = seen.mean(axis=(0, 1)).astype(np.uint8)
    framed[border : border + size[1], border : border + size[0]] = seen
    return [_moved(face, border, ratio) for face in detect(framed)]


def _moved(face: Face, border: int, ratio: tuple[float, float]) -> Face:
    """A face of the framed and scaled picture in the picture's own pixels."""
    left, top, width, height = face.box
    points = face.points and tuple(
        ((x - border) * ratio[0], (y - border) * ratio[1]) for x, y in face.points
    )
    box = ((left - border) * ratio[0], (top - border) * ratio[1])
    return Face((*box, width * ratio[0], height * ratio[1]), face.confidence, points)
