"""Mixed batches of stated composition as NumPy arrays: the batch contract without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from kerasface.data.batches import (
    TEACHER,
    check_pictures,
    composition,
    label_trust,
    labelled_weights,
    of_seen_pictures,
    task_columns,
    teacher_columns,
)
from kerasface.data.prepared import PreparedSet
from kerasface.data.shuffled_rows import ShuffledRows
from kerasface.tasks import Task


class ArrayBatches(keras.utils.PyDataset):
    """An endless `PyDataset` whose batch is a function of its step.

    Being endless it is given to `fit` with `steps_per_epoch` (and `shuffle=False`, else Keras
    warns that it does not shuffle), and no epoch starts it again: batch `first_step + n` is the
    n-th that is trained on.

    Args:
        batch: from the step (int) to `(images, labels, sample_weight)`; called from several
            threads if `workers` is more than 1.
        first_step: where to start; a resumed run passes its step.
        workers: threads that make batches ahead, default 1 (in the thread of `fit`).

    Raises:
        ValueError: `first_step` is below 0.
    """

    def __init__(self, batch: Callable[[int], tuple], first_step: int = 0, workers: int = 1):
        super().__init__(workers=workers)
        if first_step < 0:
            raise ValueError(f"first_step must be 0 or more. Received: first_step={first_step}")
        self.batch, self.first_step = batch, int(first_step)

    @property
    def num_batches(self) -> None:
        """None: there is no last batch."""
        return None

    def __getitem__(self, index: int) -> tuple:
        return self.batch(self.first_step + index)


def array_batches(
    sets: Mapping[str, PreparedSet],
    per_batch: Mapping[str, int],
    tasks: Sequence[Task],
    seed: int = 0,
    first_step: int = 0,
    soft: bool = False,
    workers: int = 1,
) -> ArrayBatches:
    """What `kerasface.data.mix` gives, as NumPy arrays for `fit` on any backend.

    Composition and weights are those of `mix`: so many rows of each set, every row of a set once
    before any comes again, `alpha * rows / n_labelled` over the whole batch. The order is another
    one. Pictures are not changed; give the model a `DeviceAugmentation`.

    Args:
        sets: `PreparedSet` by name, all of one picture size. Pictures may be a `numpy.memmap`.
        per_batch: rows of each set in a batch; 0 leaves a set out.
        tasks: the model's tasks; labels of others are dropped.
        seed: 0 or more; same seed, same batches.
        first_step: where to start, in batches.
        soft: also give the cached outputs of a teacher, as `labels[TEACHER]`.
        workers: threads that make batches ahead.

    Returns:
        An `ArrayBatches` of `(images, labels, sample_weight)`: `(rows, height, width, 3)` uint8
        and dicts by task name of NumPy arrays.

    Raises:
        ValueError: as `mix`.

    Example:

        batches = array_batches(sets, {"fer2013": 64, "utkface": 64}, model.tasks)
        model.fit(batches, steps_per_epoch=250, epochs=20, shuffle=False)
    """
    per_batch = composition(sets, per_batch)
    check_pictures({name: sets[name] for name in per_batch})
    tasks = tuple(tasks)
    parts = [
        _part(sets[name], rows, tasks, (seed, number), soft)
        for number, (name, rows) in enumerate(per_batch.items())
    ]

    def batch(step: int) -> tuple:
        images, labels, masks, taught = zip(*(part(step) for part in parts), strict=True)
        labels, masks = _concatenated(labels), _concatenated(masks)
        if soft:
            labels[TEACHER] = _concatenated(taught)
        return np.concatenate(images), labels, labelled_weights(masks, tasks)

    return ArrayBatches(batch, first_step, workers)


def _part(prepared: PreparedSet, rows: int, tasks: Sequence[Task], key: tuple, soft: bool):
    """A function from the step to one set's rows: images, labels, masks, teacher's outputs."""
    columns = {task.name: task_columns(prepared, task) for task in tasks}
    trust = {task.name: label_trust(prepared, task, columns[task.name][1]) for task in tasks}
    taught = of_seen_pictures(teacher_columns(prepared, tasks)) if soft else {}
    order = ShuffledRows(len(prepared), *key)

    def take(step: int):
        index = order.take(step * rows, rows)
        return (
            prepared.images[index],
            {name: column[index] for name, (column, _) in columns.items()},
            {name: column[index] for name, column in trust.items()},
            {name: column[index] for name, column in taught.items()},
        )

    return take


def _concatenated(parts: Sequence[dict]) -> dict:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
