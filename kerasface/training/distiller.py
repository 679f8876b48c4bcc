"""A student learns from labels where they exist and from a teacher everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasface.data.batches import TEACHER
from kerasface.models.partial_labels import PartialLabelsModel
from kerasface.tasks import Task


class Distiller(PartialLabelsModel):
    """Trains a multi-task student on partial labels and on a teacher's outputs.

    `L = hard * sum_t alpha_t mean_labelled H(y, S) + soft * sum_t alpha_t mean_all D_t(T, S)`,
    where `D_t` is the task's own distillation loss: cross-entropy of distributions softened by
    the temperature (times its square) for classes and for numbers over bins, scaled absolute
    error for values and points. The teacher has an answer for every row, so the student sees a
    target for every task on every picture, whichever set it is from.

    The teacher is no part of this model: it is neither trained, nor saved, nor are its
    `trainable` flags touched, and it can be left out where the batches carry its cached outputs.
    The student is called once a step; `evaluate` and `predict` are the student's own.

    Args:
        student: model of images to a dict of outputs by task name, e.g. `FaceModel`.
        teacher: model of the same kind, asked for each batch in inference mode; None where the
            labels hold `TEACHER`, a dict of its outputs (`mix(..., soft=True)`).
        tasks: `Task` objects to distil, default the student's own.
        hard: factor of the labels' losses, at least 0.
        soft: factor of the teacher's losses, at least 0.
        temperature: of the class distributions, more than 0.
        rows: "all", or "unlabelled" to use the teacher only where a row's label is missing.

    Raises:
        ValueError: a factor below 0, both 0, a temperature of 0 or less, unknown `rows`.

    Example:

        distiller = Distiller(student, teacher, temperature=2.0)
        distiller.compile(keras.optimizers.AdamW(1e-3))
        distiller.fit(mix(sets, per_batch, student.tasks), steps_per_epoch=250, epochs=20)
        student.save_weights("student.weights.h5")

    Reference:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015); here for
        several heads with missing labels, each row's weight as in the batch contract.
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model | None = None,
        tasks: Sequence[Task] | None = None,
        hard: float = 1.0,
        soft: float = 1.0,
        temperature: float = 2.0,
        rows: str = "all",
        name: str = "distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if hard < 0 or soft < 0 or not hard + soft > 0 or not temperature > 0:
            raise ValueError(
                "hard and soft must be at least 0 and not both 0, the temperature more than 0. "
                f"Received: hard={hard}, soft={soft}, temperature={temperature}"
            )
        if rows not in ("all", "unlabelled"):
            raise ValueError(f"rows must be 'all' or 'unlabelled'. Received: rows={rows!r}")
        self.student = student
        # In a function: Keras would track, save and count a model that is an attribute.
        self.ask_teacher = None if teacher is None else _asker(teacher)
        self.tasks = tuple(student.tasks if tasks is None else tasks)
        self.hard, self.soft, self.rows = float(hard), float(soft), rows
        self.temperature = float(temperature)
        self.soft_losses = {
            task.name: task.make_distillation_loss(self.temperature) for task in self.tasks
        }
        self.soft_trackers = {
            task.name: keras.metrics.Mean(name=f"{task.name}_soft_loss") for task in self.tasks
        }
        self.built = True

    def call(self, images, training=False, fork=None):
        if fork is None:
            return self.student(images, training=training)
        return self.student(images, training=training, fork=fork)

    def network(self) -> PartialLabelsModel:
        return self.student.network()

    def own_labels(self, labels):
        return _split(labels)[0]

    def loss_trackers(self) -> list:
        return list(self.soft_trackers.values())

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Hard loss over labelled rows plus, in training, soft loss against the teacher."""
        labels, targets = _split(y)
        hard = super().compute_loss(
            x=x, y=labels, y_pred=y_pred, sample_weight=sample_weight, training=training
        )
        if not training or not self.soft:
            return hard
        soft = self._soft_losses(x, labels, targets, y_pred, sample_weight)
        return sum(soft.values(), self.hard * hard)

    def task_losses(self, losses, images, labels, outputs, sample_weight=None, training=True):
        """As of any model over tasks; in training a task's teacher is part of its loss."""
        labels, targets = _split(labels)
        values, rows = super().task_losses(losses, images, labels, outputs, sample_weight, training)
        if not training or not self.soft:
            return values, rows
        values = {name: self.hard * value for name, value in values.items()}
        soft = self._soft_losses(images, labels, targets, outputs, sample_weight)
        for name, loss in soft.items():
            values[name] = values.get(name, 0.0) + loss
            # The teacher speaks of every row, or of those whose label is missing.
            rows[name] = keras.ops.sum(keras.ops.ones_like(outputs[name][..., 0], "float32"))
        return values, rows

    def _soft_losses(self, images, labels, targets, outputs, sample_weight) -> dict:
        """By task name `soft * alpha_t * D_t`, of the tasks that the teacher has an answer for."""
        if targets is None:
            if self.ask_teacher is None:
                raise ValueError(
                    "without a teacher the labels must hold its cached outputs under TEACHER "
                    f"(mix(..., soft=True)). Received: labels for {sorted(labels)}"
                )
            targets = self.ask_teacher(images)
        found = {}
        for task in self.tasks:
            if task.name not in targets:  # of a kind that cached outputs leave out
                continue
            weight = None
            if self.rows == "unlabelled":
                weight = _unlabelled(sample_weight[task.name])
            loss = self.soft_losses[task.name](
                targets[task.name], outputs[task.name], sample_weight=weight
            )
            self.soft_trackers[task.name].update_state(loss)
            found[task.name] = self.soft * task.alpha * loss
        return found

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, self.own_labels(y), y_pred, sample_weight)


def _asker(teacher: keras.Model):
    def ask(images):
        return teacher(images, training=False)

    return ask


def _split(labels):
    """`(labels, teacher's outputs or None)`."""
    if isinstance(labels, dict) and TEACHER in labels:
        rest = {name: column for name, column in labels.items() if name != TEACHER}
        return rest, labels[TEACHER]
    return labels, None


def _unlabelled(weight):
    """1 where the weight is 0, scaled so that the default reduction is their mean."""
    rest = keras.ops.cast(keras.ops.equal(weight, 0), "float32")
    rows = keras.ops.cast(keras.ops.shape(rest)[0], "float32")
    return rest * (rows / keras.ops.maximum(keras.ops.sum(rest), 1.0))
