"""Five points of found faces, by an aligner: a network whose answers are points."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kerasface.data.alignment import transform_points
from kerasface.data.template import SIZE
from kerasface.inference.crop_reading import as_channels, input_of, read_crops
from kerasface.inference.cropping import contract_of
from kerasface.inference.detection import Face

if TYPE_CHECKING:
    from kerasface.inference.runtime_model import RuntimeModel
    from kerasface.models import FaceModel

POINTS = 5
# The second look is at a face that the first has turned upright and brought to its size.
ROUNDS = 2
# Least spread of found points, as a share of the template's; its inverse is the most.
NARROWEST = 0.5


class PointFinder:
    """Finds the five points of faces: as a detector's are, and more exactly.

    Args:
        aligner: a `FaceModel` or `RuntimeModel` with a task of five points, such as the entry
            `aligner`; faces are cut for it as its manifest says.
        rounds: how often a face is cut by the points found last, and looked at again; at least 1.

    Raises:
        ValueError: it has no such task, or fewer than one round.

    Example:
        >>> from kerasface.models import FaceModel, build_trunk
        >>> from kerasface.tasks import Landmarks
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 8))
        >>> find = PointFinder(FaceModel(trunk, [Landmarks("landmarks5", 5)]))
        >>> find(np.zeros((90, 90, 3), np.uint8), Face((20, 20, 40, 50))).box
        (20.0, 20.0, 40.0, 50.0)
    """

    def __init__(self, aligner: FaceModel | RuntimeModel, rounds: int = ROUNDS):
        names = [
            task.name
            for task in aligner.tasks
            if task.kind == "landmarks" and task.points == POINTS
        ]
        if not names or rounds < 1:
            raise ValueError(
                "an aligner has a task of five points, and looks once or more. "
                f"Received: tasks {[task.name for task in aligner.tasks]}, rounds={rounds}"
            )
        self.aligner, self.task, self.rounds = aligner, names[0], int(rounds)
        size, self.channels = input_of(aligner)
        self.contract = contract_of(aligner, size or SIZE)

    def __call__(self, image: np.ndarray, face: Face | None = None) -> Face:
        """The face with the points that the aligner found, in pixels of the picture.

        Where they cannot be those of the face that it was shown (`believable`), the face stays as
        it was.

        Args:
            image: `(height, width, 3)` uint8, RGB 0..255.
            face: with a detector's points or without; None: the whole picture is a face.

        Raises:
            ValueError: the face cannot be cut.
        """
        for _ in range(self.rounds):
            crops = as_channels(self.contract.cut(image, face)[None], self.channels)
            shares = read_crops(self.aligner, crops)[self.task].reshape(POINTS, 2)
            place = self.contract.to_picture(image, face)
            points = transform_points(shares, place)
            if not believable(points, transform_points(self.contract.template, place)):
                break
            if face is None:
                face = Face((0, 0, image.shape[1], image.shape[0]))
            face = replace(face, points=tuple((x, y) for x, y in points.tolist()))
        return Face((0, 0, image.shape[1], image.shape[0])) if face is None else face


def believable(points, shown) -> bool:
    """Whether points found in a crop may be those of the face that was cut.

    Args:
        points: `(5, 2)` that were found.
        shown: `(5, 2)` where the crop has the template's points, in the same pixels.

    Returns:
        Whether their spread is half to twice that of `shown`, and their middle less than one
        such spread away: what an aligner is wrong by more than that is no face's place.
    """
    points, shown = np.asarray(points, float), np.asarray(shown, float)
    if not np.isfinite(points).all():
        return False
    found, expected = (
        float(np.sqrt(((each - each.mean(0)) ** 2).sum(1).mean())) for each in (points, shown)
    )
    away = float(np.hypot(*(points.mean(0) - shown.mean(0))))
    return NARROWEST * expected <= found <= expected / NARROWEST and away <= expected
