"""Crops through a network, and what a person is told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.inference.confidence import calibrated, with_doubt
from kerasface.inference.runtime_model import RuntimeModel

if TYPE_CHECKING:
    from kerasface.models import FaceModel
    from kerasface.tasks import Task

# Answers of tasks whose names begin so are given only to who asks for them by name.
ON_REQUEST = ("race", "ethnicity")
GUESS = "how annotators sorted people by their looks; not a fact about this person"
_GUESSED = ("gender", *ON_REQUEST)
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow converts


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


def thresholds_of(
    tasks: Sequence[Task], threshold: float | Mapping[str, float] | None
) -> dict[str, float]:
    """The least confidence of each task under which no class is named.

    Args:
        tasks: those that are answered.
        threshold: one for all tasks that have classes, or by name of such a task; None for none.

    Raises:
        ValueError: one is not from 0 to 1, or of a task that has no classes or is not answered.
    """
    if threshold is None:
        return {}
    classified = [task.name for task in tasks if task.kind == "classification"]
    if not isinstance(threshold, Mapping):
        threshold = dict.fromkeys(classified, threshold)
    for name, least in threshold.items():
        if name not in classified:
            raise ValueError(
                f"a threshold is for one of {', '.join(classified) or 'no task here'}. "
                f"Received: {name!r}"
            )
        if isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least <= 1:
            raise ValueError(f"threshold must be from 0 to 1. Received: threshold={least!r}")
    return {name: float(least) for name, least in threshold.items()}


def input_of(model: FaceModel | RuntimeModel) -> tuple[int | None, int]:
    """Side of the crops in pixels (None: any) and channels of what a network takes.

    Raises:
        ValueError: it does not take squares.
    """
    reader = model if isinstance(model, RuntimeModel) else model.trunk
    height, width, channels = reader.input_shape[1:]
    if height != width:
        raise ValueError(f"crops are square; the model takes {height} x {width}")
    return height, channels


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


def as_channels(crops: np.ndarray, channels: int) -> np.ndarray:
    """RGB crops `(n, height, width, 3)` uint8 as the network takes them: grey where it has one."""
    if channels != 1:
        return crops
    return np.rint(crops @ np.array(GREY_WEIGHTS))[..., None].astype(np.uint8)


def answers_of(
    outputs: Mapping[str, np.ndarray],
    tasks: Sequence[Task],
    temperatures: Mapping[str, float],
    thresholds: Mapping[str, float],
) -> list[dict[str, Any]]:
    """What the outputs say of each face.

    Args:
        outputs: by task name `(n, output_size)`.
        tasks: those that are answered.
        temperatures: by task name, where confidence is calibrated.
        thresholds: as `thresholds_of` gives them.

    Returns:
        For each of the `n` faces a dict by task name of what `Task.decode` says; with
        `calibrated` True where a temperature was applied, `sure` where there is a threshold, and
        `note` where the answer is a guess about how people look to others.
    """
    faces: list[dict[str, Any]] = [{} for _ in next(iter(outputs.values()))]
    for task in tasks:
        temperature = temperatures.get(task.name)
        extra: dict[str, Any] = {} if temperature is None else {"calibrated": True}
        note = task.note or (GUESS if task.name.startswith(_GUESSED) else "")
        if note:
            extra["note"] = note
        logits = outputs[task.name]
        if temperature is not None:
            logits = calibrated(logits, temperature)
        for face, answer in zip(faces, task.decode(logits), strict=True):
            face[task.name] = {**with_doubt(answer, thresholds.get(task.name)), **extra}
    return faces
