"""Finding faces in a picture: boxes and five points as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

DETECTORS = ("mtcnn", "none")
MIN_CONFIDENCE = 0.9
# The detector sees pictures between these sides (pixels): smaller ones are enlarged, as it finds
# no face under 20 pixels; larger ones shrunk, as its time grows with the area.
SMALLEST_SIDE, LARGEST_SIDE = 160, 1600
# It misses faces that fill their picture; where it finds none it looks again inside a margin.
MARGIN = 0.4
_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


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
        detector: "mtcnn" (the `detect` extra); "none" or None, for which the whole picture is
            the face; or a function of the image that gives `Face` objects or dicts with `box`
            and, where known, `confidence` and `points`.
        min_confidence: faces that the detector is less sure of are left out.

    Raises:
        ValueError: an unknown detector, or one that gave no legal faces.
        ImportError: "mtcnn" is not installed.

    Example:
        >>> [face] = find_faces(np.zeros((64, 48, 3), np.uint8), detector="none")
        >>> face.box
        (0.0, 0.0, 48.0, 64.0)
    """
    if detector is None or detector == "none":
        return [Face((0, 0, image.shape[1], image.shape[0]))]
    found = [
        face if isinstance(face, Face) else Face(**face)
        for face in resolve_detector(detector)(image)
    ]
    sure = [face for face in found if face.confidence is None or face.confidence >= min_confidence]
    return sorted(sure, key=lambda face: face.box)


def resolve_detector(detector: str | Detector | None) -> Detector | None:
    """The function behind a detector's name; None where the whole picture is the face.

    Raises:
        ValueError: an unknown name.
        ImportError: its package is not installed.
    """
    if detector is None or detector == "none":
        return None
    if callable(detector):
        return detector
    if detector == "mtcnn":
        return _mtcnn()
    raise ValueError(
        f"detector must be one of {', '.join(DETECTORS)} or a function. Received: {detector!r}"
    )


@cache
def _mtcnn() -> MtcnnDetector:
    return MtcnnDetector()  # its weights take 0.2 s to read, once a process


class MtcnnDetector:
    """MTCNN of the package `mtcnn`, brought to any size of picture.

    Call arguments:
        image: `(height, width, 3)` uint8, RGB 0..255.

    Returns:
        A list of `Face`, in the picture's own pixels.

    Raises:
        ImportError: the package is not installed.

    Reference:
        Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional
        networks", 2016.
    """

    def __init__(self):
        try:
            from mtcnn import MTCNN
        except ImportError as error:
            raise ImportError(
                "finding faces needs the `detect` extra: pip install 'kerasface[detect]'. "
                f"For pictures that are face crops already use detector='none' ({error})"
            ) from None
        self.network = MTCNN()

    def __call__(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        scale = min(max(1.0, SMALLEST_SIDE / min(height, width)), LARGEST_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        ratio = (width / size[0], height / size[1])
        seen = image
        if size != (width, height):
            seen = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
        faces = self._detect(seen, ratio, 0)
        if faces:
            return faces
        border = round(MARGIN * min(size))
        colour = seen.mean(axis=(0, 1)).astype(np.uint8)
        framed = np.empty((size[1] + 2 * border, size[0] + 2 * border, 3), np.uint8)
        framed[:] = colour
        framed[border : border + size[1], border : border + size[0]] = seen
        return self._detect(framed, ratio, border)

    def _detect(self, seen, ratio, border) -> list[Face]:
        found = self.network.detect_faces(seen, fit_to_image=False) or []
        return [
            Face(
                box=(
                    (face["box"][0] - border) * ratio[0],
                    (face["box"][1] - border) * ratio[1],
                    face["box"][2] * ratio[0],
                    face["box"][3] * ratio[1],
                ),
                confidence=face["confidence"],
                points=tuple(
                    ((x - border) * ratio[0], (y - border) * ratio[1])
                    for x, y in (face["keypoints"][name] for name in _POINTS)
                ),
            )
            for face in found
            if min(face["box"][2:]) > 0
        ]
