"""YuNet by OpenCV, from a file of its network that the user has."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from kerasface.inference.detection import Face
from kerasface.inference.detectors.opencv import opencv
from kerasface.inference.detectors.search import search

# Below this a window is not even given; `find_faces` asks for more.
LOWEST_SCORE = 0.5


class YuNetDetector:
    """OpenCV's YuNet: box, confidence and five points, without TensorFlow.

    OpenCV's package runs it and does not hold its network, `face_detection_yunet_*.onnx` of the
    opencv_zoo (MIT licence): give the path of yours. Several threads may call it; they wait for
    each other.

    Args:
        path: of the ONNX file. No hash is checked: open only files you trust.

    Call arguments:
        image: `(height, width, 3)` uint8, RGB 0..255.

    Returns:
        A list of `Face`, in the picture's own pixels.

    Raises:
        ImportError: OpenCV is not installed.
        FileNotFoundError: there is no such file.
        ValueError: it is no such network.

    Reference:
        Wu, Peng, Yu, "YuNet: a tiny millisecond-level face detector", 2023.
    """

    def __init__(self, path: str | Path):
        self._cv2, self._path = opencv(), str(path)
        if not Path(path).is_file():
            raise FileNotFoundError(f"no such file of a YuNet network: {path}")
        try:
            self._network = self._cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), score_threshold=LOWEST_SCORE
            )
        except self._cv2.error as error:
            raise ValueError(f"{path} is no YuNet network: {str(error).split(':')[-1]}") from None
        self._lock = threading.Lock()

    def __reduce__(self):
        return YuNetDetector, (self._path,)  # a process that it is sent to opens its own

    def __call__(self, image: np.ndarray) -> list[Face]:
        with self._lock:
            return search(image, self._detect)

    def _detect(self, seen: np.ndarray) -> list[Face]:
        self._network.setInputSize((seen.shape[1], seen.shape[0]))
        _, rows = self._network.detect(np.ascontiguousarray(seen[..., ::-1]))  # it reads BGR
        if rows is None:
            return []
        # A row: box, five points (the person's right eye first, which a viewer sees at the left),
        # score.
        return [
            Face(row[:4], min(1.0, float(row[14])), row[4:14].reshape(5, 2))
            for row in rows
            if min(row[2:4]) > 0
        ]
