"""The faces of pictures as plain dicts, in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerasface.inference.crop_reading import (
    GREY_WEIGHTS,
    GUESS,
    ON_REQUEST,
    read_crops,
    wanted_tasks,
)
from kerasface.inference.face_reader import FaceReader

if TYPE_CHECKING:
    from kerasface.inference.detection import Detector
    from kerasface.inference.runtime_model import RuntimeModel
    from kerasface.models import FaceModel

__all__ = [
    "GREY_WEIGHTS",
    "GUESS",
    "ON_REQUEST",
    "analyze",
    "iterate_analyses",
    "read_crops",
    "wanted_tasks",
]


def analyze(
    model: FaceModel | RuntimeModel,
    images: Any,
    tasks: Sequence[str] | str | None = None,
    detector: str | Detector | None = None,
    batch_size: int = 64,
    threshold: float | Mapping[str, float] | None = None,
) -> list[dict]:
    """Reads every face of one or more pictures.

    Args:
        model: a `FaceModel` or a `RuntimeModel`: what `kerasface.zoo.load` gives.
        images: a path, bytes, Pillow image or uint8 array `(height, width[, channels])`; or a
            folder; or an iterable of these, or a uint8 batch `(n, height, width, channels)`.
        tasks: names of the tasks wanted. None: all but groups of race, which are given only
            when they are asked for by name.
        detector: as `find_faces`. None (default): each picture is the crop of one face.
        batch_size: most faces that go through the network at once.
        threshold: least confidence of classes, below which none is named; see `FaceReader`.

    Returns:
        One dict a picture, in order, which `json.dumps` takes as it is:
        `{"image": path or None, "width", "height", "faces": [...]}`, boxes and points in pixels
        of the picture turned upright. Each face: `{"box": [left, top, width, height],
        "confidence": of the detector or None, "points": [[x, y] * 5] or None, "detected": bool,
        "answers": {task: answer}}` with the answers of `Task.decode`, and a `note` where the
        answer is a guess about how people look to others. A picture in which the detector finds
        nothing has no faces. One that cannot be read has `"error"`, one line, and no faces; the
        others are not touched by it.

    Raises:
        ValueError: an unknown task or detector, or a batch size below 1.
        ImportError: the detector is not installed.

    Example:
        >>> import numpy as np
        >>> from kerasface.models import FaceModel, build_trunk
        >>> from kerasface.tasks import Classification
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 8))
        >>> model = FaceModel(trunk, [Classification("smile", ("no", "yes"))])
        >>> [record] = analyze(model, np.zeros((60, 60, 3), np.uint8))
        >>> sorted(record["faces"][0]["answers"]["smile"])
        ['confidence', 'label', 'probabilities']
    """
    return list(iterate_analyses(model, images, tasks, detector, batch_size, threshold))


def iterate_analyses(
    model: FaceModel | RuntimeModel,
    images: Any,
    tasks: Sequence[str] | str | None = None,
    detector: str | Detector | None = None,
    batch_size: int = 64,
    threshold: float | Mapping[str, float] | None = None,
) -> Iterator[dict]:
    """The records of `analyze` one by one, so that a folder of any size needs little memory.

    Arguments and errors are those of `analyze`; errors in them are raised before the first
    picture is read.
    """
    reader = FaceReader(model, detector, tasks, threshold, batch_size)
    return (result.to_dict() for result in reader.stream(images))
