"""A found face as the crop that the models were trained on."""

from __future__ import annotations

import numpy as np

from kerasface.data.template import SIZE, crop_box, crop_from_box, crop_from_points
from kerasface.inference.detection import Face

LONGEST_STRIP = 3  # width to height, or height to width, of what may still be a face


def crop_face(image: np.ndarray, face: Face | None = None, size: int = SIZE) -> np.ndarray:
    """Cuts a face to the template, by its points where they are known, else by its box.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255.
        face: as `find_faces` gives it; None where the whole picture is the crop of a face. One
            that is not square is then widened to a square by its mirror image, not distorted.
        size: pixels of the crop's side, default 48.

    Returns:
        `(size, size, 3)` uint8.

    Raises:
        ValueError: the face lies far outside its picture, or a picture taken whole is a strip.

    Example:
        >>> crop_face(np.zeros((100, 80, 3), np.uint8), Face((20, 30, 40, 50))).shape
        (48, 48, 3)
    """
    if face is None:
        height, width = image.shape[:2]
        if max(height, width) > LONGEST_STRIP * min(height, width):
            raise ValueError(
                f"a strip of {width} x {height} pixels is no crop of a face; find faces in it with "
                "a detector"
            )
        side = max(height, width)
        x, y = side / width / 2, side / height / 2
        return crop_box(image, (0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y), size)
    if face.points is not None:
        return crop_from_points(image, face.points, size)
    return crop_from_box(image, face.box, size)
