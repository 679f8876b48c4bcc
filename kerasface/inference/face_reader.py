"""Pictures in, results out: find faces, cut them, one network call for many, decode."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.data.alignment import transform_points
from kerasface.data.template import SIZE
from kerasface.inference.crop_reading import (
    answers_of,
    as_channels,
    input_of,
    read_crops,
    thresholds_of,
    wanted_tasks,
)
from kerasface.inference.cropping import contract_of
from kerasface.inference.detection import (
    MIN_CONFIDENCE,
    Detector,
    Face,
    find_faces,
    resolve_detector,
)
from kerasface.inference.pictures import as_picture, each_picture, name_of
from kerasface.inference.results import FaceResult, PictureResult
from kerasface.inference.runtime_model import RuntimeModel

if TYPE_CHECKING:
    from kerasface.models import FaceModel

UNDETECTED = ("empty", "whole")
# Pictures that wait for a batch to fill, in batches: most of a film shows no face.
MOST_WAITING = 4


@dataclass
class _Opened:
    """A picture whose faces are found and not yet read."""

    result: dict[str, Any]
    faces: list[Face] = field(default_factory=list)
    detected: bool = False
    crops: list[np.ndarray] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)


class FaceReader:
    """Reads every face of pictures with one network; `kerasface.FaceAnalyzer` also loads it.

    The rule for pictures in which the detector finds nothing: they have no faces, and nothing is
    made up; with `undetected="whole"` they are read whole as if they were the crop of a face, and
    the face says `detected: false`. A picture that cannot be read is a result with an `error` in
    its place. Nothing of one picture reaches another's result.

    Several threads may use one reader: a Keras network is called by one of them at a time, runtimes
    and the detectors of this package see to it themselves; a detector of your own must.

    Args:
        model: a `FaceModel` or a `RuntimeModel`: what `kerasface.zoo.load` gives. Faces are cut as
            its manifest says.
        detector: as `find_faces`. None (default): each picture is the crop of one face.
        tasks: names of the tasks wanted. None: all but groups of race, which are given only
            when they are asked for by name.
        threshold: least confidence, 0..1, of classes; below it the answer's `label` is None and
            its `sure` False. One for all, or by task. None (default): every answer names one.
        batch_size: most faces that go through the network at once, at least 1.
        undetected: "empty" or "whole", the rule above.
        min_confidence: faces that the detector is less sure of are left out.

    Raises:
        ValueError: an unknown task, detector or rule, a batch size below 1, or a threshold that
            is none.
        ImportError: the detector is not installed.

    Example:
        >>> from kerasface.models import FaceModel, build_trunk
        >>> from kerasface.tasks import Classification
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 8))
        >>> reader = FaceReader(FaceModel(trunk, [Classification("smile", ("no", "yes"))]))
        >>> [result] = reader(np.zeros((60, 60, 3), np.uint8))
        >>> result.faces[0].box
        (0.0, 0.0, 60.0, 60.0)
    """

    def __init__(
        self,
        model: FaceModel | RuntimeModel,
        detector: str | Detector | None = None,
        tasks: Sequence[str] | str | None = None,
        threshold: float | Mapping[str, float] | None = None,
        batch_size: int = 64,
        undetected: str = "empty",
        min_confidence: float = MIN_CONFIDENCE,
    ):
        if undetected not in UNDETECTED:
            raise ValueError(
                f"undetected is one of {', '.join(UNDETECTED)}. Received: undetected={undetected!r}"
            )
        self.model, self.undetected = model, undetected
        self.batch_size = _at_least_one(batch_size)
        self.tasks = wanted_tasks(model, tasks)
        self.thresholds = thresholds_of(self.tasks, threshold)
        self.detector, self.min_confidence = resolve_detector(detector), float(min_confidence)
        self.temperatures = dict(getattr(model, "temperatures", None) or {})
        size, self.channels = input_of(model)
        self.contract = contract_of(model, size or SIZE)
        keras_model = not isinstance(model, RuntimeModel)
        self._network = threading.Lock() if keras_model else nullcontext()

    def __call__(self, images: Any) -> list[PictureResult]:
        """The results of `stream` in a list."""
        return list(self.stream(images))

    def stream(self, images: Any, batch_size: int | None = None) -> Iterator[PictureResult]:
        """Results one by one, in the pictures' order, so that any number needs little memory.

        No more is read ahead than fills one batch of faces.

        Args:
            images: a picture (path, bytes, Pillow image, uint8 array `(height, width[, channels])`,
                `NamedPicture`) or a folder; or an iterable of these; or a uint8 batch
                `(n, height, width, channels)`.
            batch_size: faces that are waited for, default the reader's own; with 1 each result
                comes before the next picture is taken, as a camera wants it.

        Raises:
            ValueError: the batch size is below 1.
        """
        batch_size = self.batch_size if batch_size is None else _at_least_one(batch_size)
        return self._stream(images, batch_size)

    def _stream(self, images: Any, batch_size: int) -> Iterator[PictureResult]:
        waiting: list[_Opened] = []
        faces = 0
        for source in each_picture(images):
            opened = self._open(source)
            waiting.append(opened)
            faces += len(opened.crops)
            full = faces >= batch_size or len(waiting) >= MOST_WAITING * batch_size
            if full or not faces:
                yield from self._finished(waiting)
                waiting, faces = [], 0
        yield from self._finished(waiting)

    def picture(self, source: Any) -> np.ndarray:
        """The pixels of one picture, `(height, width, 3)` uint8; see `as_picture`.

        Raises:
            ImageError: it does not decode; one line.
        """
        return as_picture(source)

    def warm_up(self, faces: int = 1) -> float:
        """Does once what the first call would wait for: tracing, compiling, the detector's start.

        Args:
            faces: numbers of faces at once, up to this, that are made ready; 1 for single
                pictures, `batch_size` for folders.

        Returns:
            Seconds that it took.
        """
        started = time.perf_counter()
        side = self.contract.size
        blank = np.zeros((side, side, 3), np.uint8)
        if self.detector is not None:
            find_faces(np.zeros((4 * side, 4 * side, 3), np.uint8), self.detector)
        count = 1
        while count < 2 * min(faces, self.batch_size):
            self._answers([blank] * min(count, self.batch_size))
            count *= 2
        return time.perf_counter() - started

    def _open(self, source: Any) -> _Opened:
        """Decodes a picture, finds its faces and cuts them."""
        opened = _Opened({"image": name_of(source), "time": getattr(source, "time", None)})
        try:
            image = self.picture(source)
            opened.result |= {"height": image.shape[0], "width": image.shape[1]}
            faces = find_faces(image, self.detector, self.min_confidence)
            opened.detected = self.detector is not None and bool(faces)
            if not faces and self.undetected == "whole":
                faces = find_faces(image, None)
            for face in faces:
                found = face if opened.detected else None
                opened.crops.append(self.contract.cut(image, found))
                opened.places.append(self.contract.to_picture(image, found))
            opened.faces = faces
        except ValueError as error:  # ImageError, DetectionError, or a face that cannot be cut
            opened.crops, opened.places = [], []
            opened.result["error"] = " ".join(str(error).split())
        return opened

    def _finished(self, waiting: list[_Opened]) -> Iterator[PictureResult]:
        """Reads the faces of all waiting pictures."""
        crops = [crop for opened in waiting for crop in opened.crops]
        answers = iter(self._answers(crops))
        for opened in waiting:
            faces = tuple(
                FaceResult(
                    face.box,
                    face.confidence,
                    face.points,
                    _placed(next(answers), place),
                    opened.detected,
                )
                for face, place in zip(opened.faces, opened.places, strict=True)
            )
            yield PictureResult(faces=faces, **opened.result)

    def _answers(self, crops: list[np.ndarray]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(crops), self.batch_size):
            batch = as_channels(np.stack(crops[start : start + self.batch_size]), self.channels)
            with self._network:
                outputs = read_crops(self.model, batch)
            found += answers_of(outputs, self.tasks, self.temperatures, self.thresholds)
        return found


def _at_least_one(batch_size: int) -> int:
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more. Received: batch_size={batch_size}")
    return int(batch_size)


def _placed(answers: dict[str, Any], place: np.ndarray) -> dict[str, Any]:
    """Landmarks also in pixels of the picture that the crop was cut from."""
    for answer in answers.values():
        if "points" in answer:
            points = transform_points(answer["points"], place).tolist()
            answer["picture_points"] = [[round(x, 2), round(y, 2)] for x, y in points]
    return answers
