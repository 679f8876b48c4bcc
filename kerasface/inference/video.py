"""Frames of video files and cameras, by OpenCV, as pictures with a time."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasface.inference.detectors.opencv import opencv
from kerasface.inference.pictures import NamedPicture


class VideoError(ValueError):
    """A video or camera that cannot be opened or read; one line."""


def is_camera(source: Any) -> bool:
    """Whether it is the index of a camera, as a number or as digits."""
    if isinstance(source, str):
        return source.isdecimal()
    return isinstance(source, (int, np.integer)) and not isinstance(source, bool)


def video_frames(
    source: int | str | os.PathLike, every: float | None = None
) -> Iterator[NamedPicture]:
    """The frames of a video file or a camera, one by one.

    Args:
        source: path of a file, or the index of a camera (0 is the first), which never ends.
        every: seconds between the frames that are given; those between are dropped undecoded.
            None (default): every frame. A camera's newest frame is given, however long the one
            before it was worked on.

    Returns:
        An iterator of `NamedPicture`: `name` "film.mp4#frame=12", counted from 0, `content`
        `(height, width, 3)` uint8 RGB, `time` seconds from the beginning. A file that breaks
        off ends there. Closing the iterator closes the source.

    Raises:
        VideoError: it cannot be opened, or gives no frame.
        ValueError: `every` is not above 0.
        ImportError: OpenCV is not installed.

    Example:
        >>> for frame in video_frames("film.mp4", every=0.5):  # doctest: +SKIP
        ...     print(frame.name, frame.time)
    """
    if every is not None and not 0 < every < math.inf:
        raise ValueError(f"every must be above 0 seconds. Received: every={every!r}")
    cv2 = opencv()
    camera = is_camera(source)
    name = f"camera {int(source)}" if camera else os.fspath(source)
    if not camera and not os.path.isfile(name):
        raise VideoError(f"no such video file: {name}")
    capture = cv2.VideoCapture(int(source) if camera else name)
    if not capture.isOpened():
        capture.release()
        raise VideoError(
            f"{name} cannot be opened" + ("" if camera else "; it is no video, or of unknown form")
        )
    if camera:
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a newer frame rather than the oldest
    return _frames(cv2, capture, name, camera, every or 0.0)


def _frames(cv2, capture, name: str, camera: bool, every: float) -> Iterator[NamedPicture]:
    started, rate = time.monotonic(), capture.get(cv2.CAP_PROP_FPS)
    number, due = -1, 0.0
    try:
        while capture.grab():
            number += 1
            if camera:
                now = time.monotonic() - started
            else:
                now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if number and not now and rate > 0:  # a form of file that holds no times
                    now = number / rate
            # Half a millisecond: times of frames are rounded.
            if now + 5e-4 < due:
                continue
            read, pixels = capture.retrieve()
            if not read:
                break
            yield NamedPicture(f"{name}#frame={number}", _rgb(cv2, pixels), now)
            due = max(due + every, now) if camera else due + every
        if number < 0:
            raise VideoError(f"{name} gives no frame")
    finally:
        capture.release()


def _rgb(cv2, pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB)
