"""Mixed batches of stated composition from several partly labelled sets, by `tf.data`.

A batch is a function of its step: rows are drawn by a stateless shuffle and changed by stateless
augmentation, so a run that was stopped at step k goes on with exactly the batches that an
unbroken run would have seen, at no cost and without a saved iterator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from kerasface.data.augment import Augmentation
from kerasface.data.batches import task_columns
from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Task

# Key of the teacher's cached outputs in the labels; no task can have this name.
TEACHER = "<teacher>"
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
    set the labels come from (the paper's `alpha` for tasks of different sizes).

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
        ValueError: names differ between `sets` and `per_batch`, a size is not positive, a label
            is not legal, or `soft` is wanted and missing.

    Reference:
        Distill-2MD-MTL, section 3.1: batches of t parts, one of each data set, with a mask of
        the labels that each part has.
    """
    per_batch = {name: rows for name, rows in per_batch.items() if rows}
    unknown = set(per_batch) - set(sets)
    if unknown or not per_batch or min(per_batch.values()) < 0:
        raise ValueError(
            f"per_batch must give a number of rows for sets out of {sorted(sets)}. "
            f"Received: per_batch={dict(per_batch)}"
        )
    tasks = tuple(tasks)
    parts = [
        _part(sets[name], rows, tasks, seed * MOST_SETS + number, soft)
        for number, (name, rows) in enumerate(per_batch.items())
    ]
    landmarks = {task.name: task.mirror for task in tasks if task.kind == "landmarks"}

    def batch(step):
        images, labels, masks = _concatenate([part(step) for part in parts])
        weights = {task.name: _weights(masks[task.name], task.alpha) for task in tasks}
        if augmentation is not None:
            points = {name: (labels[name], mirror) for name, mirror in landmarks.items()}
            images, moved = augmentation(images, points, tf.stack([step, seed + 7919]))
            labels = {**labels, **moved}
        return images, labels, weights

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return steps.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def _part(prepared: PreparedSet, rows: int, tasks: Sequence[Task], seed: int, soft: bool):
    """A function from the step to `rows` rows of one set: images, labels, masks."""
    columns = {task.name: task_columns(prepared, task) for task in tasks}
    # On the host: a set may be larger than an accelerator's memory.
    with tf.device("CPU:0"):
        images = tf.constant(prepared.images)
        labels = {name: tf.constant(column) for name, (column, _) in columns.items()}
        masks = {name: tf.constant(mask) for name, (_, mask) in columns.items()}
        targets = {}
        if soft:
            missing = [task.name for task in tasks if task.name not in prepared.soft]
            if missing:
                raise ValueError(
                    f"the teacher's outputs for {missing} are not in the set "
                    f"'{prepared.domain}'; run cache_teacher first. Received: soft=True"
                )
            targets = {t.name: tf.constant(prepared.soft[t.name], tf.float32) for t in tasks}
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


def _concatenate(parts):
    return tf.nest.map_structure(lambda *columns: tf.concat(columns, axis=0), *parts)


def _weights(mask, alpha: float):
    known = tf.cast(mask, tf.float32)
    rows = tf.cast(tf.size(known), tf.float32)
    return known * (alpha * rows / tf.maximum(tf.reduce_sum(known), 1.0))
