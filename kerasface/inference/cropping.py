"""A found face as the crop that an entry was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasface.data.alignment import face_alignment
from kerasface.data.template import (
    POINTS,
    SIZE,
    crop_box,
    crop_from_box,
    crop_from_points,
    square_of_box,
)
from kerasface.inference.detection import Face

LONGEST_STRIP = 3  # width to height, or height to width, of what may still be a face
# An entry's template may lie this many crops outside the crop: no face is framed so.
FARTHEST = 2.0


@dataclass(frozen=True)
class CropContract:
    """How the faces that a network reads are cut, the same in training, tests and use.

    By its five points a face is turned, scaled and shifted, in one similarity transform, so that
    they come to lie on the template. By its box alone it is taken to be upright and seen from
    ahead. Taken whole, a picture that is not square is widened to a square, never distorted. What
    lies outside the picture is its mirror image. Shrinking is smoothed; a face smaller than the
    crop is enlarged and stays blurred.

    Args:
        size: pixels of the crop's side.
        template: five points as shares of the side, (x, y): left and right eye as the viewer sees
            them, nose tip, left and right corner of the mouth.

    Raises:
        ValueError: the template is not five finite points in or near the crop.

    Example:
        >>> CropContract().cut(np.zeros((100, 80, 3), np.uint8), Face((20, 30, 40, 50))).shape
        (48, 48, 3)
    """

    size: int = SIZE
    template: tuple[tuple[float, float], ...] = POINTS

    def __post_init__(self):
        template = np.asarray(self.template, float)
        if template.shape != (5, 2) or not (np.abs(template) <= FARTHEST).all():
            raise ValueError(
                f"a template is five points (x, y), shares of the crop's side. "
                f"Received: {self.template}"
            )
        object.__setattr__(self, "template", tuple((x, y) for x, y in template.tolist()))

    def cut(self, image: np.ndarray, face: Face | None = None) -> np.ndarray:
        """The crop of a face.

        Args:
            image: `(height, width, 3)` uint8, RGB 0..255.
            face: as `find_faces` gives it; None where the whole picture is the crop of a face.

        Returns:
            `(size, size, 3)` uint8.

        Raises:
            ValueError: the face lies far outside its picture, its points fall on one another, or
                a picture taken whole is a strip.
        """
        if face is None:
            height, width = image.shape[:2]
            if max(height, width) > LONGEST_STRIP * min(height, width):
                raise ValueError(
                    f"a strip of {width} x {height} pixels is no crop of a face; find faces in it "
                    "with a detector"
                )
            side = max(height, width)
            x, y = side / width / 2, side / height / 2
            return crop_box(image, (0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y), self.size)
        if face.points is not None:
            return crop_from_points(image, face.points, self.size, self.template)
        return crop_from_box(image, face.box, self.size, self.template)

    def to_picture(self, image: np.ndarray, face: Face | None = None) -> np.ndarray:
        """Where the crop of `cut` lies: from shares of its side to pixels of the picture.

        Args:
            image: as `cut`.
            face: as `cut`.

        Returns:
            `(2, 3)` float64, for `kerasface.data.alignment.transform_points`.
        """
        if face is None:
            height, width = image.shape[:2]
            side = max(height, width)
            return np.array([[side, 0, (width - side) / 2], [0, side, (height - side) / 2]], float)
        points = face.points
        if points is None:
            left, top, side = square_of_box(face.box)
            points = np.asarray(POINTS) * side + (left, top)
        return face_alignment(points, self.template)


def contract_of(model: Any, size: int = SIZE) -> CropContract:
    """What an entry's manifest says of its crops; this package's template where it says nothing.

    Args:
        model: a model with a `manifest` or without.
        size: pixels of the crop's side.

    Raises:
        ValueError: the manifest's points are not a template.
    """
    manifest = getattr(model, "manifest", None)
    template = {} if manifest is None else manifest.input.template
    return CropContract(size, template.get("points", POINTS))


def crop_face(image: np.ndarray, face: Face | None = None, size: int = SIZE) -> np.ndarray:
    """Cuts a face to this package's template; `CropContract(size).cut`.

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
    return CropContract(size).cut(image, face)
