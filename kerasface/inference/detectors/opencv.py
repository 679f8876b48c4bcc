"""OpenCV where it is installed: an extra that finds faces and reads videos."""

from __future__ import annotations

from typing import Any


def opencv() -> Any:
    """The module `cv2`.

    Raises:
        ImportError: it is not installed; the line says how to.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "OpenCV finds faces (haar, yunet) and reads videos: pip install 'kerasface[opencv]' "
            f"({error})"
        ) from None
    return cv2
