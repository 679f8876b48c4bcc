"""A teacher's outputs for a prepared set, computed once and kept beside the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from kerasface.data.prepared import PreparedSet


def mirrored(images: np.ndarray) -> np.ndarray:
    """The pictures seen in a mirror; classes and numbers stay the same."""
    return images[:, :, ::-1]


def plain(images: np.ndarray) -> np.ndarray:
    """The pictures as they are."""
    return images


def cache_teacher(
    teacher: keras.Model,
    prepared: PreparedSet,
    views: tuple[Callable[[np.ndarray], np.ndarray], ...] = (plain, mirrored),
    batch_size: int = 256,
) -> PreparedSet:
    """The set with `soft` outputs of a teacher: the mean over several views of each picture.

    Logits are averaged, which is a geometric mean of the class distributions. Not for tasks
    whose labels move with the picture (landmarks): those are left out.

    Args:
        teacher: model with `.tasks`, images 0..255 to a dict of outputs by task name.
        prepared: the set to label.
        views: functions of images `(rows, height, width, 3)` that leave every label as it is.
        batch_size: rows a forward pass.

    Returns:
        A new `PreparedSet` with `soft`, by task name `(rows, output_size)` float32.
    """
    names = [task.name for task in teacher.tasks if task.kind != "landmarks"]
    total = None
    for view in views:
        outputs = teacher.predict(view(prepared.images), batch_size=batch_size, verbose=0)
        seen = {name: np.asarray(outputs[name], "float32") for name in names}
        total = seen if total is None else {name: total[name] + seen[name] for name in names}
    return replace(prepared, soft={name: total[name] / len(views) for name in names})
