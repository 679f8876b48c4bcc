"""Pictures in, plain answers out: find faces, crop, one compiled network call, decode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.data.template import SIZE
from kerasface.inference.cropping import crop_face
from kerasface.inference.detection import Detector, Face, find_faces, resolve_detector
from kerasface.inference.pictures import as_list, as_picture, name_of
from kerasface.inference.runtime_model import RuntimeModel

if TYPE_CHECKING:
    from kerasface.models import FaceModel
    from kerasface.tasks import Task

# Answers of tasks whose names begin so are given only to who asks for them by name.
ON_REQUEST = ("race", "ethnicity")
GUESS = "how annotators sorted people by their looks; not a fact about this person"
_GUESSED = ("gender", *ON_REQUEST)
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow converts


def analyze(
    model: FaceModel | RuntimeModel,
    images: Any,
    tasks: Sequence[str] | str | None = None,
    detector: str | Detector | None = None,
    batch_size: int = 64,
) -> list[dict]:
    """Reads every face of one or more pictures.

    Args:
        model: a `FaceModel` or a `RuntimeModel`: what `kerasface.zoo.load` gives.
        images: a path, bytes, Pillow image or uint8 array `(height, width[, channels])`; or
            an iterable of these, or a uint8 batch `(n, height, width, channels)`.
        tasks: names of the tasks wanted. None: all but groups of race, which are given only
            when they are asked for by name.
        detector: as `find_faces`. None (default): each picture is the crop of one face.
        batch_size: most faces that go through the network at once.

    Returns:
        One dict a picture, in order, which `json.dumps` takes as it is:
        `{"image": path or None, "width", "height", "faces": [...]}`, boxes and points in pixels
        of the picture turned upright. Each face: `{"box": [left, top, width, height],
        "confidence": of the detector or None, "points": [[x, y] * 5] or None,
        "answers": {task: answer}}` with the answers of `Task.decode`, and a `note` where the
        answer is a guess about how people look to others. A picture that cannot be read has
        `"error"`, one line, and no faces; the others are not touched by it.

    Raises:
        ValueError: an unknown task or detector, or a batch size below 1.
        ImportError: the detector is not installed.

    Example:
        >>> from kerasface.models import FaceModel, build_trunk
        >>> from kerasface.tasks import Classification
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 8))
        >>> model = FaceModel(trunk, [Classification("smile", ("no", "yes"))])
        >>> [record] = analyze(model, np.zeros((60, 60, 3), np.uint8))
        >>> sorted(record["faces"][0]["answers"]["smile"])
        ['confidence', 'label', 'probabilities']
    """
    return list(iterate_analyses(model, images, tasks, detector, batch_size))


def iterate_analyses(
    model: FaceModel | RuntimeModel,
    images: Any,
    tasks: Sequence[str] | str | None = None,
    detector: str | Detector | None = None,
    batch_size: int = 64,
) -> Iterator[dict]:
    """The records of `analyze` one by one, so that a folder of any size needs little memory.

    Arguments and errors are those of `analyze`; errors in them are raised before the first
    picture is read.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more. Received: batch_size={batch_size}")
    wanted = wanted_tasks(model, tasks)
    detector = resolve_detector(detector)
    return _records(model, as_list(images), wanted, detector, int(batch_size))


def wanted_tasks(model: FaceModel | RuntimeModel, names: Sequence[str] | str | None) -> list[Task]:
    """The tasks of a model that are asked for; without names all but groups of race.

    Raises:
        ValueError: the model has no such task; near names are listed.
    """
    if names is None:
        return [task for task in model.tasks if not task.name.startswith(ON_REQUEST)]
    known = {task.name: task for task in model.tasks}
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known) or sorted(known)
            raise ValueError(
                f"the model has no such task; near: {', '.join(near)}. Received: {name!r}"
            )
    return [known[name] for name in dict.fromkeys(names)]


def _records(model, images: Iterable, tasks, detector, batch_size) -> Iterator[dict]:
    size, channels = _input_of(model)
    records, crops, owners = [], [], []
    for source in images:
        record = {"image": name_of(source), "width": None, "height": None, "faces": []}
        records.append(record)
        try:
            image = as_picture(source)
            record["height"], record["width"] = image.shape[:2]
            faces = find_faces(image, detector)
            cut = [crop_face(image, face if detector else None, size) for face in faces]
            record["faces"] = [_described(face) for face in faces]
            crops += cut
            owners += record["faces"]
        except ValueError as error:  # ImageError, or a detector's face that is none
            record["error"] = " ".join(str(error).split())
        if len(crops) >= batch_size or not crops:
            _answer(model, crops, owners, tasks, channels, batch_size)
            yield from records
            records, crops, owners = [], [], []
    _answer(model, crops, owners, tasks, channels, batch_size)
    yield from records


def _described(face: Face) -> dict:
    return {
        "box": [round(value, 2) for value in face.box],
        "confidence": face.confidence if face.confidence is None else round(face.confidence, 4),
        "points": face.points and [[round(x, 2), round(y, 2)] for x, y in face.points],
        "answers": {},
    }


def _answer(model, crops, owners, tasks, channels, batch_size) -> None:
    """Fills in the answers of all waiting faces."""
    for start in range(0, len(crops), batch_size):
        batch = np.stack(crops[start : start + batch_size])
        if channels == 1:
            batch = np.rint(batch @ np.array(GREY_WEIGHTS))[..., None].astype(np.uint8)
        outputs = read_crops(model, batch)
        for task in tasks:
            note = task.note or (GUESS if task.name.startswith(_GUESSED) else "")
            decoded = task.decode(outputs[task.name])
            for entry, answer in zip(owners[start : start + batch_size], decoded, strict=True):
                entry["answers"][task.name] = {**answer, "note": note} if note else answer


def read_crops(model: FaceModel | RuntimeModel, crops: np.ndarray) -> dict[str, np.ndarray]:
    """The network's outputs for crops, by its one compiled function or its runtime.

    `predict` builds a data pipeline on every call (93 ms for one face); the compiled function
    behind it is called directly. Batches are filled up to a power of two, so that no more than
    a handful of shapes is ever traced or compiled, whatever numbers of faces come.

    Args:
        model: a `FaceModel` or a `RuntimeModel`.
        crops: `(n, height, width, channels)` uint8, RGB 0..255, of the model's input size.

    Returns:
        By task name `(n, output_size)` float32.
    """
    if isinstance(model, RuntimeModel):  # nothing is traced there
        return model.predict_on_batch(crops)
    count = len(crops)
    filled = 1 << (count - 1).bit_length()
    if filled > count:
        crops = np.concatenate([crops, np.zeros((filled - count, *crops.shape[1:]), crops.dtype)])
    outputs = model.predict_on_batch(crops)
    return {name: np.asarray(output)[:count] for name, output in outputs.items()}


def _input_of(model: FaceModel | RuntimeModel) -> tuple[int, int]:
    reader = model if isinstance(model, RuntimeModel) else model.trunk
    height, width, channels = reader.input_shape[1:]
    if height != width:
        raise ValueError(f"crops are square; the model takes {height} x {width}")
    return height or SIZE, channels
