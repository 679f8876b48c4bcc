"""A teacher's outputs for a prepared set, computed once and kept beside the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np

from kerasface.data.batches import layer_column, mirrored_column
from kerasface.data.prepared import PreparedSet
from kerasface.models.hidden_layers import with_hidden


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


def cache_teacher_flips(
    teacher: keras.Model,
    prepared: PreparedSet,
    layers: Sequence[str] = (),
    tasks: Sequence[str] | None = None,
    batch_size: int = 256,
) -> PreparedSet:
    """The set with a teacher's outputs and layers for each picture and for its mirror image.

    `mix(..., soft=True)` then gives a student what the teacher says of the side that it sees: what
    an online teacher would say of a picture that is only flipped. Other changes of the picture
    the teacher does not see. Not for tasks whose labels move with the picture (landmarks).

    Args:
        teacher: `FaceModel`, images 0..255 to a dict of outputs by task name.
        prepared: the set to label; what it has of other teachers stays.
        layers: layers of the teacher's trunk to keep beside its outputs, for `HiddenTarget`.
        tasks: names of the tasks to keep, default all but landmarks; may be empty.
        batch_size: rows a forward pass.

    Returns:
        A new `PreparedSet` whose `soft` has, by task name and by `layer_column`, `(rows, ...)`
        float32, and the same of the mirrored pictures under `mirrored_column`.

    Raises:
        ValueError: no such layer, or a task the teacher does not have or that moves.
    """
    able = [task.name for task in teacher.tasks if task.kind != "landmarks"]
    names = able if tasks is None else list(tasks)
    if set(names) - set(able):
        raise ValueError(f"tasks must be of {able}. Received: tasks={sorted(set(names))}")
    asked = _Asked(with_hidden(teacher, layers), names, layers)
    soft = dict(prepared.soft)
    for twin, view in ((False, plain), (True, mirrored)):
        found = asked.predict(view(prepared.images), batch_size=batch_size, verbose=0)
        for name, column in found.items():
            column = np.asarray(column, "float32")
            soft[mirrored_column(name) if twin else name] = column
    return replace(prepared, soft=soft)


class _Asked(keras.Model):
    """A teacher's outputs and layers under the names of their columns."""

    def __init__(self, ask, tasks, layers):
        # Named, as a name of the class's own would begin with a dash below, which scopes refuse.
        super().__init__(name="asked")
        self.ask, self.names, self.layer_names = ask, tuple(tasks), tuple(layers)
        self.built = True  # the weights are the teacher's

    def call(self, images, training=False):
        outputs, hidden = self.ask(images, training=False)
        kept = {name: outputs[name] for name in self.names}
        return {**kept, **{layer_column(name): hidden[name] for name in self.layer_names}}
