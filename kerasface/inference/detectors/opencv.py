"""OpenCV where it is installed: an extra that finds faces and reads videos."""

from __future__ import annotations

from typing import Any

# 5 comes without the cascades.
INSTALL = (
    "pip install 'kerasface[opencv]', or where TensorFlow is not wanted: "
    "pip install 'opencv-python-headless<5'"
)


def opencv() -> Any:
    """The module `cv2`.

    Raises:
        ImportError: it is not installed; the line says how to.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"OpenCV finds faces (haar, yunet) and reads videos: {INSTALL} ({error})"
        ) from None
    return cv2
