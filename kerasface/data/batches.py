"""The one contract from file to loss: `(images, labels, sample_weight)` for partial labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.tasks import SoftClassification, Task

# Key of a teacher's outputs among a batch's labels; no task can have this name.
TEACHER = "<teacher>"
# Before the name of a teacher's layer, and behind what it says of a mirrored picture, in the
# columns of its kept outputs; no task can have such a name.
LAYER, MIRRORED = "layer:", "|mirrored"
# Kinds of task that a student may have without a teacher's outputs.
UNTAUGHT = ("landmarks", "domain", "embedding")


def labelled_weights(masks: Mapping[str, np.ndarray], tasks: Iterable[Task]) -> dict:
    """Sample weights that make Keras's default reduction the mean over labelled rows.

    `w = alpha * rows / n_labelled` where the label is known, else 0; a task of which no row
    is labelled has only zeros. The rows are those of the global batch, so the sum stays right
    when the batch is split over replicas. Labels that count by their confidence `c` have
    `alpha * rows * c / sum c`: the weighted mean, of the same sum.

    Args:
        masks: by task name, `(rows,)` bool, 0/1, or what `label_trust` gives.
        tasks: the tasks; a name without a mask has no labels here.

    Returns:
        By task name, `(rows,)` float32.
    """
    rows = len(next(iter(masks.values())))
    weights = {}
    for task in tasks:
        mask = np.asarray(masks.get(task.name, np.zeros(rows)), "float32")
        weights[task.name] = mask * np.float32(task.alpha * rows / (mask.sum() or 1.0))
    return weights


def task_columns(prepared: PreparedSet, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Label column and mask of a task; filler and false where the set knows nothing of it.

    Every set knows its domain: a `Domain` task is labelled on all rows without a column. Class
    numbers become distributions for a `SoftClassification`.

    Raises:
        ValueError: a stored label is not legal for the task (named with its row), or the column
            has another shape than the task's labels.
    """
    rows = len(prepared)
    if task.name not in prepared.labels:
        column = np.empty((rows, *task.label_shape), task.label_dtype)
        known = task.kind == "domain"
        column[...] = task.encode(prepared.domain) if known else task.filler
        return column, np.full(rows, known)
    mask = np.asarray(prepared.masks[task.name], bool)
    stored = np.array(prepared.labels[task.name])
    if isinstance(task, SoftClassification) and stored.ndim == 1:
        stored = task.distributions(stored)
    if stored.shape != (rows, *task.label_shape):
        raise ValueError(
            f"{prepared.domain}: labels of '{task.name}' must have the shape "
            f"{(rows, *task.label_shape)}. Received: shape {stored.shape}"
        )
    # A filler of the file may be anything, NaN too: weight 0 does not hide that from a loss.
    stored[~mask] = task.filler
    legal = task.legal(stored)
    if np.issubdtype(task.label_dtype, np.integer):
        legal = legal & (stored == np.trunc(stored))
    for row in np.flatnonzero(mask & ~legal):
        raise ValueError(
            f"{prepared.domain}: row {row} ({prepared.names[row]}) has a label that "
            f"'{task.name}' cannot have. Received: {stored[row].tolist()!r}"
        )
    return stored.astype(task.label_dtype), mask


def label_trust(prepared: PreparedSet, task: Task, mask: np.ndarray) -> np.ndarray:
    """How much each label counts, `(rows,)` float32: 0 where there is none, 1 or its confidence."""
    trust = prepared.confidence.get(task.name, np.float32(1.0))
    return np.asarray(mask * trust, "float32")


def teacher_columns(prepared: PreparedSet, tasks: Iterable[Task]) -> dict[str, np.ndarray]:
    """A teacher's kept outputs by task name, `(rows, output_size)` float32.

    Points move with the picture, a domain is no teacher's matter, a teacher of classes has
    no embedding: those tasks may have none and are then left out. Kept layers come along under
    `layer_column`, `(rows, ...)`, and what was said of mirrored pictures under
    `mirrored_column`, where the set has it.

    Raises:
        ValueError: outputs for a task are not in the set, or are of another size.
    """
    columns = {}
    for task in tasks:
        shape = (len(prepared), task.output_size)
        found = prepared.soft[task.name].shape if task.name in prepared.soft else None
        if found is None and task.kind in UNTAUGHT:
            continue
        if found != shape:
            raise ValueError(
                f"the teacher's outputs for '{task.name}' are not in the set "
                f"'{prepared.domain}'; run cache_teacher first. "
                f"Received: soft=True, shape {found} where {shape} is needed"
            )
        columns[task.name] = np.asarray(prepared.soft[task.name], "float32")
    for name, column in prepared.soft.items():
        if name.startswith(LAYER):
            columns[name] = np.asarray(column, "float32")
    for name in list(columns):
        twin = prepared.soft.get(mirrored_column(name))
        if twin is not None and not name.endswith(MIRRORED):
            columns[mirrored_column(name)] = np.asarray(twin, "float32")
    return columns


def of_seen_pictures(taught: Mapping, mirrored=None) -> dict:
    """A teacher's outputs, their mirrored twins in place of them where a picture is mirrored.

    Args:
        taught: by name columns of a batch, with twins under `mirrored_column` or without.
        mirrored: function of a column and its twin to what holds of the pictures as they are
            seen; None where no picture is mirrored.
    """
    seen = {}
    for name, column in taught.items():
        if not name.endswith(MIRRORED):
            twin = taught.get(mirrored_column(name))
            seen[name] = column if twin is None or mirrored is None else mirrored(column, twin)
    return seen


def layer_column(name: str) -> str:
    """Under what name a teacher's layer stands among its outputs."""
    return LAYER + name


def mirrored_column(name: str) -> str:
    """Under what name stands what a teacher says of the mirrored pictures."""
    return name + MIRRORED


def composition(sets: Mapping[str, object], per_batch: Mapping[str, int]) -> dict[str, int]:
    """The rows of each set in a batch, without sets of which none are wanted.

    Raises:
        ValueError: a set is not there, a number is negative, or all are 0.
    """
    unknown = set(per_batch) - set(sets)
    if unknown or min(per_batch.values(), default=0) < 0 or not any(per_batch.values()):
        raise ValueError(
            f"per_batch must give a number of rows for sets out of {sorted(sets)}. "
            f"Received: per_batch={dict(per_batch)}"
        )
    return {name: int(rows) for name, rows in per_batch.items() if rows}


def check_pictures(sets: Mapping[str, PreparedSet]) -> None:
    """Sees that sets can stand in one batch.

    Raises:
        ValueError: a set has no rows, or pictures differ in size.
    """
    empty = [name for name, each in sets.items() if not len(each)]
    if empty:
        raise ValueError(f"a set that is mixed must have rows. Received: no row in {empty}")
    sizes = {name: each.images.shape[1:] for name, each in sets.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"pictures that are mixed must be of one size. Received: {sizes}")


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
    trust = [
        {t.name: label_trust(each, t, found[t.name][1]) for t in tasks}
        for each, found in zip(sets.values(), columns, strict=True)
    ]
    masks = {t.name: np.concatenate([each[t.name] for each in trust]) for t in tasks}
    images = np.concatenate([each.images for each in sets.values()])
    return images, labels, labelled_weights(masks, tasks)
