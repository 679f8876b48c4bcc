"""Labels that are distributions over classes, where a teacher's doubt is to be learnt too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from kerasface.tasks.classification import Classification
from kerasface.tasks.task import Task

if TYPE_CHECKING:
    import keras

# By how much probabilities in float32 may miss a sum of 1.
TOLERANCE = 1e-3


class SoftClassification(Classification):
    """A `Classification` whose labels are distributions; head, outputs and answers are its own.

    It is what a student learns from where pseudo-labels are soft: one column holds a teacher's
    probabilities and, as all on one class, true labels, so `mix` weighs both by the batch
    contract. The loss is `H(q, softmax(z))`, equal to `Classification`'s on a true label. The
    model itself keeps the plain tasks, by which it is evaluated and published.

    Args:
        name: the task's name.
        classes: names of the classes, in the order of the outputs.
        alpha: weight of the task's loss.
        note: a sentence shown beside the answer.

    Raises:
        ValueError: as `Classification`.

    Example:
        >>> task = SoftClassification("smile", ("no", "yes"))
        >>> task.encode("yes").tolist(), task.encode([0.25, 0.75]).tolist()
        ([0.0, 1.0], [0.25, 0.75])
    """

    kind = "soft_classification"

    @property
    def label_shape(self) -> tuple[int, ...]:
        return (len(self.classes),)

    @property
    def label_dtype(self) -> str:
        return "float32"

    @property
    def filler(self):
        return np.full(self.label_shape, 1.0 / len(self.classes), "float32")

    def make_loss(self) -> keras.losses.Loss:
        import keras

        return keras.losses.CategoricalCrossentropy(
            from_logits=True, name=f"{self.name}_soft_crossentropy"
        )

    def make_metrics(self) -> list[keras.metrics.Metric]:
        from kerasface.metrics.masked import LabelledCount, MaskedLoss, MaskedMetric
        from kerasface.metrics.soft_labels import soft_label_hit

        return [
            MaskedMetric(soft_label_hit, name="accuracy"),
            MaskedLoss(self.make_loss(), name="mean_loss"),
            LabelledCount(name="labelled"),
        ]

    def encode(self, raw) -> np.ndarray:
        """The distribution itself, or all on the class that is named or numbered."""
        if isinstance(raw, (list, tuple, np.ndarray)):
            label = np.asarray(raw, "float32")
            if label.shape == self.label_shape and self.legal(label[None])[0]:
                return label
            raise ValueError(
                f"'{self.name}' must be a class or {len(self.classes)} probabilities with the "
                f"sum 1. Received: {raw!r}"
            )
        label = np.zeros(self.label_shape, "float32")
        label[super().encode(raw)] = 1.0
        return label

    def distributions(self, numbers: np.ndarray) -> np.ndarray:
        """Class numbers `(rows,)` as labels `(rows, classes)`; where it is none, zeros."""
        return (np.asarray(numbers)[:, None] == np.arange(len(self.classes))).astype("float32")

    def legal(self, labels: np.ndarray) -> np.ndarray:
        labels = np.asarray(labels, "float64").reshape(len(labels), -1)
        in_range = (labels >= 0).all(axis=1)  # false for NaN
        return in_range & (np.abs(labels.sum(axis=1) - 1.0) <= TOLERANCE)


def with_soft_labels(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """The tasks with each `Classification` as a `SoftClassification`; others are as they were.

    Args:
        tasks: the student's.

    Example:
        >>> with_soft_labels([Classification("smile", ("no", "yes"))])
        (SoftClassification('smile'),)
    """
    return tuple(
        SoftClassification(task.name, task.classes, task.alpha, task.note)
        if type(task) is Classification
        else task
        for task in tasks
    )
