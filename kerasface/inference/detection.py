"""Finding faces in a picture: boxes and five points as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from kerasface.inference.detectors import detector_named

MIN_CONFIDENCE = 0.9


class DetectionError(ValueError):
    """A detector that failed on a picture, or gave what is no face; the message is one line."""


@dataclass(frozen=True)
class Face:
    """One found face; all numbers are pixels of the upright picture.

    Args:
        box: `(left, top, width, height)`; may reach past the picture.
        confidence: of the detector, 0..1, or None where it gives none.
        points: `((x, y), ...)`: left and right eye as the viewer sees them, nose tip, left and
            right corner of the mouth; or None.

    Raises:
        ValueError: a number is not finite, the box is empty, or there are not five points.
    """

    box: tuple[float, float, float, float]
    confidence: float | None = None
    points: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self):
        # NumPy scalars become plain floats, so that results go into JSON as they are.
        try:
            box = tuple(float(value) for value in self.box)
            points = self.points
            if points is not None:
                points = tuple((float(x), float(y)) for x, y in points)
            confidence = None if self.confidence is None else float(self.confidence)
        except (TypeError, ValueError) as error:
            raise ValueError(f"a face is plain numbers: {error}. Received: {self}") from None
        numbers = [*box, *(value for point in points or () for value in point), confidence or 0.0]
        if len(box) != 4 or not all(map(math.isfinite, numbers)) or box[2] <= 0 or box[3] <= 0:
            raise ValueError(
                "a face's box is (left, top, width, height), finite and not empty. "
                f"Received: box={self.box}, points={self.points}, confidence={self.confidence}"
            )
        if points is not None and len(points) != 5:
            raise ValueError(f"a face has five points or None. Received: points={self.points}")
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "confidence", confidence)


Detector = Callable[[np.ndarray], Iterable["Face | dict"]]


def find_faces(
    image: np.ndarray,
    detector: str | Detector | None = "mtcnn",
    min_confidence: float = MIN_CONFIDENCE,
) -> list[Face]:
    """Faces of a picture, from left to right.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255.
        detector: "mtcnn" (the `detect` extra); "haar" or "yunet:PATH" (the `opencv` extra);
            "auto" (MTCNN where it is installed, else haar); "none" or None, for which the whole
            picture is the face; or a function of the image that gives `Face` objects or dicts
            with `box` and, where known, `confidence` and `points`.
        min_confidence: faces that the detector is less sure of are left out; one that gives no
            confidence is believed.

    Returns:
        The faces; none where the detector found none. The picture is then never taken for a face.

    Raises:
        ValueError: an unknown detector.
        DetectionError: the detector failed on this picture, or gave no legal faces.
        ImportError: the detector is not installed.

    Example:
        >>> [face] = find_faces(np.zeros((64, 48, 3), np.uint8), detector="none")
        >>> face.box
        (0.0, 0.0, 48.0, 64.0)
    """
    if detector is None or detector == "none":
        return [Face((0, 0, image.shape[1], image.shape[0]))]
    detect = resolve_detector(detector)
    try:
        found = [face if isinstance(face, Face) else Face(**face) for face in detect(image)]
    except Exception as error:  # other people's code, which one picture in thousands may upset
        reason = " ".join(str(error).split()) or "no reason given"
        raise DetectionError(f"the detector failed: {type(error).__name__}: {reason}") from error
    sure = [face for face in found if face.confidence is None or face.confidence >= min_confidence]
    return sorted(sure, key=lambda face: face.box)


def resolve_detector(detector: str | Detector | None) -> Detector | None:
    """The function behind a detector's name; None where the whole picture is the face.

    Raises:
        ValueError: an unknown name, or a file that it needs is not named.
        ImportError: its package is not installed.
    """
    if detector is None or detector == "none":
        return None
    return detector if callable(detector) else detector_named(str(detector))
