"""The one contract from file to loss: `(images, labels, sample_weight)` for partial labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Task


def labelled_weights(masks: Mapping[str, np.ndarray], tasks: Iterable[Task]) -> dict:
    """Sample weights that make Keras's default reduction the mean over labelled rows.

    `w = alpha * rows / n_labelled` where the label is known, else 0; a task of which no row
    is labelled has only zeros. The rows are those of the global batch, so the sum stays right
    when the batch is split over replicas.

    Args:
        masks: by task name, `(rows,)` bool or 0/1.
        tasks: the tasks; a name without a mask has no labels here.

    Returns:
        By task name, `(rows,)` float32.
    """
    rows = len(next(iter(masks.values())))
    weights = {}
    for task in tasks:
        mask = np.asarray(masks.get(task.name, np.zeros(rows)), "float32")
        weights[task.name] = mask * np.float32(task.alpha * rows / max(mask.sum(), 1.0))
    return weights


def task_columns(prepared: PreparedSet, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Label column and mask of a task; filler and false where the set knows nothing of it.

    Raises:
        ValueError: a stored label is not legal for the task (named with its row).
    """
    rows = len(prepared)
    if task.name not in prepared.labels:
        column = np.empty((rows, *task.label_shape), task.label_dtype)
        column[...] = task.filler
        return column, np.zeros(rows, bool)
    mask = prepared.masks[task.name]
    column = np.array(prepared.labels[task.name], task.label_dtype)
    # A filler of the file may be anything, NaN too: weight 0 does not hide that from a loss.
    column[~mask] = task.filler
    for row in np.flatnonzero(mask & ~task.legal(column)):
        raise ValueError(
            f"{prepared.domain}: row {row} ({prepared.names[row]}) has a label that "
            f"'{task.name}' cannot have. Received: {column[row]!r}"
        )
    return column, mask


def arrays(sets: Mapping[str, PreparedSet], tasks: Iterable[Task]) -> tuple:
    """All rows of several sets as plain arrays for stock `fit` on any backend.

    The weights are those of one batch that holds everything; with `fit`'s own shuffling each
    batch's loss is then an unbiased estimate of the masked mean, where `mix` makes it exact.

    Returns:
        `(images, labels, sample_weight)` as NumPy arrays and dicts of arrays.
    """
    tasks = tuple(tasks)
    columns = [{task.name: task_columns(each, task) for task in tasks} for each in sets.values()]
    labels = {t.name: np.concatenate([c[t.name][0] for c in columns]) for t in tasks}
    masks = {t.name: np.concatenate([c[t.name][1] for c in columns]) for t in tasks}
    images = np.concatenate([each.images for each in sets.values()])
    return images, labels, labelled_weights(masks, tasks)
