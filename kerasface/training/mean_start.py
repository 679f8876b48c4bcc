"""Heads of points and numbers that begin at the mean of their labels."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from kerasface.data.batches import task_columns
from kerasface.data.prepared import PreparedSet
from kerasface.models import FaceModel


def start_at_mean(model: FaceModel, train: PreparedSet) -> tuple[str, ...]:
    """Lets new heads of points and numbers answer the mean label first, whatever the picture.

    A random head on trained features answers far outside the range, and the long gradients of its
    first steps undo the features that the network was given. Heads of classes, of distributions
    and of embeddings stay as they are; so does a task without a label in the set.

    Args:
        model: whose heads are set in place; its trunk stays as it is.
        train: labelled faces, those that it will be trained on.

    Returns:
        Names of the tasks whose heads were set.

    Raises:
        ValueError: a label is not one that its task can have.

    Example:

        student = initialise(FaceModel.from_spec(spec), "runs/people")
        start_at_mean(student, faces)
        pretrain(student, stage)
    """
    return answer_means(model, {task.name: task_columns(train, task) for task in model.tasks})


def answer_means(
    model: FaceModel, columns: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> tuple[str, ...]:
    """As `start_at_mean`, of labels `(rows, *label_shape)` and `(rows,)` bool by task name."""
    begun = []
    for task in model.tasks:
        labels, known = columns[task.name]
        mean = task.mean_answer(labels[known]) if known.any() else None
        if mean is None:
            continue
        _answer(model.heads.head(task.name), mean)
        begun.append(task.name)
    return tuple(begun)


def _answer(head: keras.layers.Layer, wanted: np.ndarray) -> None:
    """Makes a head of a dense layer, or of one and a rescaling, answer a constant."""
    layers = head.layers if isinstance(head, keras.Sequential) else [head]
    dense = next(layer for layer in layers if isinstance(layer, keras.layers.Dense))
    for layer in layers:
        if isinstance(layer, keras.layers.Rescaling):
            wanted = (wanted - layer.offset) / layer.scale
    dense.set_weights([np.zeros(dense.kernel.shape, "float32"), np.asarray(wanted, "float32")])
