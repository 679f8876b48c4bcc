"""Mixed batches of stated composition from several partly labelled sets, by `tf.data`.

A batch is a function of its step: rows are drawn by a stateless shuffle and changed by stateless
augmentation, so a run that was stopped at step k goes on with exactly the batches that an
unbroken run would have seen, at no cost and without a saved iterator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from kerasface.data.augment import Augmentation
from kerasface.data.batches import (
    TEACHER,
    check_pictures,
    composition,
    label_trust,
    of_seen_pictures,
    task_columns,
    teacher_columns,
)
from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Task

# Apart from each other under one seed, the sets must not be drawn in the same order.
MOST_SETS = 1000


def mix(
    sets: Mapping[str, PreparedSet],
    per_batch: Mapping[str, int],
    tasks: Sequence[Task],
    seed: int = 0,
    augmentation: Augmentation | None = None,
    first_step: int = 0,
    soft: bool = False,
) -> tf.data.Dataset:
    """An endless data set of batches that hold so many rows of each set.

    Every set is passed through in its own shuffled order, each row once before any comes
    again. The sample weights are `alpha * rows / n_labelled` over the whole batch, whichever
    set the labels come from (the paper's `alpha` for tasks of different sizes). Where a set
    holds a confidence `c` in its labels, they are `alpha * rows * c / sum c`.

    Args:
        sets: `PreparedSet` by name, all of one picture size.
        per_batch: rows of each set in a batch, e.g. `{"age": 32, "gender": 32,
            "expression": 64}`; 0 leaves a set out.
        tasks: the model's tasks; labels of others are dropped.
        seed: same seed, same batches.
        augmentation: how pictures are changed, or None for the pictures as they are.
        first_step: where to start, in batches; a resumed run passes its step.
        soft: also give the cached outputs of a teacher, as `labels[TEACHER]`.

    Returns:
        A `tf.data.Dataset` of `(images, labels, sample_weight)`: uint8 or (augmented) float32
        `(rows, height, width, 3)`, and dicts by task name.

    Raises:
        ValueError: `per_batch` names a set that is not there or a negative number, a set is empty
            or of another picture size, a label is not legal, or `soft` is wanted and missing.

    Reference:
        Distill-2MD-MTL, section 3.1: batches of t parts, one of each data set, with a mask of
        the labels that each part has.
    """
    per_batch = composition(sets, per_batch)
    check_pictures({name: sets[name] for name in per_batch})
    tasks = tuple(tasks)
    parts = [
        _part(sets[name], rows, tasks, seed * MOST_SETS + number, soft)
        for number, (name, rows) in enumerate(per_batch.items())
    ]

    def batch(step):
        images, labels, masks = concatenated([part(step) for part in parts])
        return finished(images, labels, masks, tasks, augmentation, tf.stack([step, seed + 7919]))

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return steps.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(4)


def _part(prepared: PreparedSet, rows: int, tasks: Sequence[Task], seed: int, soft: bool):
    """A function from the step to `rows` rows of one set: images, labels, masks."""
    columns = {task.name: task_columns(prepared, task) for task in tasks}
    # On the host: a set may be larger than an accelerator's memory.
    with tf.device("CPU:0"):
        images = tf.constant(prepared.images)
        labels = {name: tf.constant(column) for name, (column, _) in columns.items()}
        masks = {
            task.name: tf.constant(label_trust(prepared, task, columns[task.name][1]))
            for task in tasks
        }
        taught = teacher_columns(prepared, tasks) if soft else {}
        targets = {name: tf.constant(column) for name, column in taught.items()}
    size = len(prepared)

    def take(step):
        place = step * rows + tf.range(rows, dtype=tf.int64)
        rounds = tf.cast(place // size, tf.int32)
        key = tf.stack([tf.fill([rows], seed), rounds, tf.zeros_like(rounds)], axis=1)
        # The raw operation: its public wrapper takes one seed for all rows, and a batch that
        # ends one pass and begins the next needs two.
        index = tf.raw_ops.RandomIndexShuffle(
            index=place % size, seed=key, max_index=tf.fill([rows], tf.constant(size - 1, tf.int64))
        )
        chosen = {name: tf.gather(column, index) for name, column in labels.items()}
        if soft:
            chosen[TEACHER] = {name: tf.gather(each, index) for name, each in targets.items()}
        return (
            tf.gather(images, index),
            chosen,
            {name: tf.gather(mask, index) for name, mask in masks.items()},
        )

    return take


def finished(images, labels, masks, tasks, augmentation, seed):
    """The batch contract's triple from the rows of a whole batch.

    Args:
        images: `(rows, height, width, 3)`.
        labels: by task name, and under `TEACHER` maybe a dict of a teacher's outputs.
        masks: by task name, `(rows,)` bool, or float of how much each label counts.
        tasks: `Task` objects.
        augmentation: `Augmentation` or None.
        seed: `(2,)` int for the augmentation.

    Returns:
        `(images, labels, sample_weight)`; points, the teacher's too, move with the pictures, and
        where it was asked of mirrored pictures too, its answers are those of the picture's side.
    """
    weights = {task.name: _weights(masks[task.name], task.alpha) for task in tasks}
    teacher = labels.get(TEACHER)
    if teacher is not None:
        choose = None
        if augmentation is not None:
            mirrored = augmentation.mirrored(tf.shape(images)[0], seed)
            choose = partial(_chosen, mirrored)
        teacher = of_seen_pictures(teacher, choose)
        labels = {**labels, TEACHER: teacher}
    if augmentation is None:
        return images, labels, weights
    points = {}
    for task in tasks:
        if task.kind == "landmarks":
            points[task.name] = (labels[task.name], task.mirror)
            if teacher is not None and task.name in teacher:
                taught = tf.reshape(teacher[task.name], (-1, *task.label_shape))
                points[TEACHER + task.name] = (taught, task.mirror)
    images, moved = augmentation(images, points, seed)
    labels = {**labels, **{name: each for name, each in moved.items() if name in labels}}
    if teacher is not None:
        flat = {
            task.name: tf.reshape(moved[TEACHER + task.name], (-1, task.output_size))
            for task in tasks
            if TEACHER + task.name in moved
        }
        labels[TEACHER] = {**teacher, **flat}
    return images, labels, weights


def _chosen(mirrored, column, twin):
    """Rows of the column, or of its twin where the picture is mirrored."""
    shape = tf.concat([tf.shape(mirrored), tf.ones([tf.rank(column) - 1], tf.int32)], 0)
    return tf.where(tf.reshape(mirrored, shape), twin, column)


def concatenated(parts):
    """Parts of a batch, of one structure, as one batch."""
    return tf.nest.map_structure(lambda *columns: tf.concat(columns, axis=0), *parts)


def _weights(mask, alpha: float):
    known = tf.cast(mask, tf.float32)
    rows = tf.cast(tf.size(known), tf.float32)
    return known * tf.math.divide_no_nan(alpha * rows, tf.reduce_sum(known))
