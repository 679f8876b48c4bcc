"""The cascade of Haar features inside OpenCV's package: boxes, no points, no download."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kerasface.data.template import DETECTOR_BOX
from kerasface.inference.detection import Face
from kerasface.inference.detectors import detector_named
from kerasface.inference.detectors.opencv import INSTALL, opencv
from kerasface.inference.detectors.search import search

CASCADE = "haarcascade_frontalface_alt2.xml"
# The cascade's square box in the crop of the template (left, top, right, bottom): medians over
# MTFL's labelled points, printed by `recipes/face_zoo/measure_haar_box.py`.
HAAR_BOX = (0.02, -0.032, 0.969, 0.951)
# As OpenCV's own documentation calls it: every size a tenth larger than the one before; a face is
# what this many overlapping windows say.
STEP, NEIGHBOURS = 1.1, 5
SMALLEST_FACE = 24  # pixels; the cascade was trained on 20
# Where a face fills much of a picture, hundreds of times more small windows are looked at than
# large ones, and some patch of cloth or foliage looks like a face. A window whose side is less
# than this share of the largest one's must be said by more: of 750 labelled faces of MTFL 7 in 100
# would then be lost beside one so much larger, and no false one of those we saw is left.
MUCH_SMALLER, NEIGHBOURS_IF_SMALLER = 1 / 6, 12


class HaarDetector:
    """OpenCV's frontal-face cascade: fast, without TensorFlow, for upright faces seen from ahead.

    It gives no points, so tilted faces are not turned upright, and no confidence. Faces are given
    MTCNN's box, which the crop by box expects, around the one that the cascade draws. Several
    threads may call it at once: each borrows a cascade, of which there are soon as many as callers.

    Call arguments:
        image: `(height, width, 3)` uint8, RGB 0..255.

    Returns:
        A list of `Face` without points and confidence, in the picture's own pixels.

    Raises:
        ImportError: OpenCV is not installed, or one that comes without cascades (5 and later).

    Reference:
        Viola and Jones, "Rapid object detection using a boosted cascade of simple features",
        2001; Lienhart and Maydt, "An extended set of Haar-like features", 2002.
    """

    def __init__(self):
        cv2 = opencv()
        path = Path(getattr(cv2.data, "haarcascades", ""), CASCADE)
        if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
            raise ImportError(
                "the detector 'haar' needs OpenCV 4, whose package holds its cascades: "
                f"{INSTALL}. Received: OpenCV {cv2.__version__}"
            )
        self._open = lambda: cv2.CascadeClassifier(str(path))
        self._grey = lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        self._idle = [self._open()]

    def __reduce__(self):
        return detector_named, ("haar",)  # a process that it is sent to opens its own

    def __call__(self, image: np.ndarray) -> list[Face]:
        return search(image, self._detect)

    def boxes(self, image: np.ndarray) -> list[tuple[int, int, int, int]]:
        """The cascade's own square boxes `(left, top, width, height)` of a picture as it is."""
        with self._borrowed() as cascade:
            found, neighbours = cascade.detectMultiScale2(
                self._grey(image),
                scaleFactor=STEP,
                minNeighbors=NEIGHBOURS,
                minSize=(SMALLEST_FACE, SMALLEST_FACE),
            )
        boxes = [tuple(int(value) for value in box) for box in found]
        smaller = MUCH_SMALLER * max((box[2] for box in boxes), default=0)
        return [
            box
            for box, count in zip(boxes, neighbours, strict=True)
            if box[2] >= smaller or count >= NEIGHBOURS_IF_SMALLER
        ]

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        """A cascade that no other thread uses meanwhile."""
        try:
            cascade = self._idle.pop()
        except IndexError:
            cascade = self._open()
        try:
            yield cascade
        finally:
            self._idle.append(cascade)

    def _detect(self, seen: np.ndarray) -> list[Face]:
        return [Face(mtcnn_box(box)) for box in self.boxes(seen)]


def mtcnn_box(box) -> tuple[float, float, float, float]:
    """The box that MTCNN draws around the face of a cascade's box.

    Args:
        box: `(left, top, width, height)` in pixels, as the cascade draws it.

    Returns:
        `(left, top, width, height)` in pixels.
    """
    left, top, width, height = (float(value) for value in box)
    side = height / (HAAR_BOX[3] - HAAR_BOX[1])  # of the template's crop
    x = left + width / 2 - side * (HAAR_BOX[0] + HAAR_BOX[2]) / 2
    y = top - side * HAAR_BOX[1]
    x0, y0, x1, y1 = (side * share for share in DETECTOR_BOX)
    return x + x0, y + y0, x1 - x0, y1 - y0
