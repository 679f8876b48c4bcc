"""MTCNN by the package `mtcnn`: box, confidence and five points, on TensorFlow."""

from __future__ import annotations

import threading

import numpy as np

from kerasface.inference.detection import Face
from kerasface.inference.detectors import detector_named
from kerasface.inference.detectors.search import search

_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


class MtcnnDetector:
    """MTCNN of the package `mtcnn`, brought to any size of picture.

    Several threads may call it; they wait for each other.

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
        self._lock = threading.Lock()

    def __reduce__(self):
        return detector_named, ("mtcnn",)  # a process that it is sent to opens its own

    def __call__(self, image: np.ndarray) -> list[Face]:
        with self._lock:
            return search(image, self._detect)

    def _detect(self, seen: np.ndarray) -> list[Face]:
        found = self.network.detect_faces(seen, fit_to_image=False) or []
        return [
            Face(
                box=face["box"],
                confidence=face["confidence"],
                points=tuple(face["keypoints"][name] for name in _POINTS),
            )
            for face in found
            if min(face["box"][2:]) > 0
        ]
