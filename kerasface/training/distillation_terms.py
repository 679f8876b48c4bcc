"""What a student may learn from its teacher: soft targets, logits, hidden layers."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from kerasface.losses.squared_distance import SquaredDistance
from kerasface.ops.masking import as_mask
from kerasface.tasks import Task
from kerasface.training.balancing.replicas import sum_over_replicas

ROWS = ("all", "labelled", "unlabelled")
LINEAR = "linear"
# Kinds whose outputs are logits of one class of a list.
CLASSES = ("classification", "soft_classification")


class OutputTerm:
    """A term of each task's outputs apart: `weight * sum_t alpha_t mean_rows D_t(T, S)`.

    Args:
        weight: factor of the term, at least 0.
        tasks: names of the tasks it is for, default all that the student and the teacher have
            and that it can compare.
        rows: "all", or "labelled" or "unlabelled" for the rows with or without a label of the
            task, whose mean is then taken.

    Raises:
        ValueError: a negative weight, or unknown rows.
    """

    # What its loss of a task is called in the logs, behind the task's name.
    suffix = ""

    def __init__(self, weight: float = 1.0, tasks: Sequence[str] | None = None, rows: str = "all"):
        self.weight, self.rows = _weight(weight), _rows(rows)
        self.tasks = None if tasks is None else tuple(tasks)

    def is_for(self, task: Task) -> bool:
        """Whether the term compares the outputs of this task."""
        return self.tasks is None or task.name in self.tasks

    def make_loss(self, task: Task) -> keras.losses.Loss:
        """The loss of a task's outputs, `(teacher, student)`."""
        raise NotImplementedError


class SoftTargets(OutputTerm):
    """`t^2 * H(softmax(z_T / t), softmax(z_S / t))` of classes: the teacher's soft predictions.

    Tasks of other kinds take their own distance from a teacher (`Task.make_distillation_loss`):
    the cross-entropy of two distributions over bins, a scaled error, a cosine.

    Args:
        temperature: `t`, more than 0; of classes only.
        weight: the paper's alpha, at least 0.
        tasks: as of every `OutputTerm`.
        rows: as of every `OutputTerm`.
        times_square: whether `t^2` is applied, default True. It keeps the size of the gradient
            about the same at every temperature, so that `weight` need not follow `t`.

    Raises:
        ValueError: a temperature of 0 or less, or as every `OutputTerm`.

    Reference:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015), section 2;
        Wang et al., "Model distillation with knowledge transfer" (2017), eq. 2, which does not
        say whether `t^2` is applied.
    """

    suffix = "soft_loss"

    def __init__(
        self,
        temperature: float = 2.0,
        weight: float = 1.0,
        tasks: Sequence[str] | None = None,
        rows: str = "all",
        times_square: bool = True,
    ):
        super().__init__(weight, tasks, rows)
        if not temperature > 0:
            raise ValueError(
                f"the temperature must be more than 0. Received: temperature={temperature}"
            )
        self.temperature, self.times_square = float(temperature), bool(times_square)

    def make_loss(self, task: Task) -> keras.losses.Loss:
        loss = task.make_distillation_loss(self.temperature)
        if self.times_square or task.kind not in CLASSES:
            return loss
        return _Divided(loss, self.temperature**2)


class LogitTargets(OutputTerm):
    """`||z_S - z_T||^2` of classes: the teacher's answers before the softmax.

    Args:
        weight: factor of the term, at least 0.
        tasks: names of tasks of classes, default all of them.
        rows: as of every `OutputTerm`.

    Reference:
        Ba, Caruana, "Do deep nets really need to be deep?" (2014), eq. 1, which halves it.
    """

    suffix = "logit_loss"

    def is_for(self, task: Task) -> bool:
        return task.kind in CLASSES and super().is_for(task)

    def make_loss(self, task: Task) -> keras.losses.Loss:
        return SquaredDistance(name=f"{task.name}_logits")


class HiddenTarget:
    """`||r(K_S) - K_T||^2`: a layer of the student, through a projector, as one of the teacher.

    Args:
        student_layer: layer of the student's trunk (`group1`, ..., `features`).
        teacher_layer: layer of the teacher's trunk, of the same height and width where it is a
            map.
        weight: the paper's beta, at least 0. The distance is a sum over all values of the
            layer, so that a fitting weight depends on its size.
        projector: "linear" (default), a fully connected mapping of the student's channels to as
            many as the teacher has; a Keras layer of your own; or None where both have as many.
            It is trained along and belongs to the `Distiller`, not to the student.
        rows: "all", or "labelled" or "unlabelled" for the rows with or without a label of `task`.
        task: name of the task by whose labels rows are told apart.
        teacher_size: the teacher's channels, needed where there is no teacher but its kept layer.

    Raises:
        ValueError: a negative weight, unknown rows or projector, or rows without a task.

    Reference:
        Wang et al. (2017), section 4.2.1, eq. 5 and 7: "a fully-connected mapping"; Luo et al.,
        "Face model compression by distilling knowledge from neurons" (2016), eq. 2.
    """

    def __init__(
        self,
        student_layer: str,
        teacher_layer: str,
        weight: float = 1.0,
        projector: str | keras.layers.Layer | None = LINEAR,
        rows: str = "all",
        task: str | None = None,
        teacher_size: int | None = None,
    ):
        self.student_layer, self.teacher_layer = str(student_layer), str(teacher_layer)
        self.weight, self.rows, self.task = _weight(weight), _rows(rows), task
        self.teacher_size = None if teacher_size is None else int(teacher_size)
        known = projector in (None, LINEAR) if isinstance(projector, str | None) else True
        if not known:
            raise ValueError(
                f"projector must be 'linear', a layer or None. Received: projector={projector!r}"
            )
        if rows != "all" and task is None:
            raise ValueError(
                f"rows must be of a task, given as task=. Received: rows={rows!r}, task=None"
            )
        self.projector = projector
        self.loss = SquaredDistance(name=f"{self.name}_distance")

    @property
    def name(self) -> str:
        """What its loss is called in the logs."""
        return f"{self.student_layer}_hidden_loss"

    def make_projector(self, student_shape, teacher_shape=None) -> keras.layers.Layer | None:
        """The built projector, or None where the layers are compared as they are.

        Args:
            student_shape: `(None, ..., channels)` of the student's layer.
            teacher_shape: of the teacher's; None where only its kept outputs are there.

        Raises:
            ValueError: the shapes do not fit, or the teacher's channels are not known.
        """
        size = self.teacher_size if teacher_shape is None else teacher_shape[-1]
        if size is None:
            raise ValueError(
                "without a teacher the term must say how many channels its layer has. "
                f"Received: teacher_size=None for {self.teacher_layer!r}"
            )
        projector = self.projector
        if projector == LINEAR:
            # Float32: the distance is a sum over many values.
            projector = keras.layers.Dense(size, dtype="float32", name=f"{self.name}_projector")
        shape = tuple(student_shape)
        if projector is not None:
            projector.build(shape)
            shape = tuple(projector.compute_output_shape(shape))
        wanted = (*shape[:-1], size) if teacher_shape is None else tuple(teacher_shape)
        if shape[1:] != wanted[1:]:
            raise ValueError(
                f"{self.student_layer!r} and {self.teacher_layer!r} must come to one shape. "
                f"Received: {shape[1:]} and {wanted[1:]}"
            )
        return projector


def row_weights(rows: str, weight):
    """Weights `(batch,)` whose plain batch mean is a mean over those rows; None for all.

    On several replicas the mean is over those rows of the global batch.

    Args:
        rows: "all", "labelled" or "unlabelled".
        weight: `(batch,)` sample weight of a task, 0 where it has no label.
    """
    if rows == "all":
        return None
    known = as_mask(weight)
    chosen = ops.cast(known if rows == "labelled" else ops.logical_not(known), "float32")
    count = sum_over_replicas(ops.cast(ops.shape(chosen)[0], "float32"))
    return chosen * (count / ops.maximum(sum_over_replicas(ops.sum(chosen)), 1.0))


class _Divided:
    """A loss divided by a number."""

    def __init__(self, loss: keras.losses.Loss, divisor: float):
        self.loss, self.divisor = loss, float(divisor)

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self.loss(y_true, y_pred, sample_weight=sample_weight) / self.divisor


def _weight(weight: float) -> float:
    if not weight >= 0:
        raise ValueError(f"a term's weight must be at least 0. Received: weight={weight}")
    return float(weight)


def _rows(rows: str) -> str:
    if rows not in ROWS:
        raise ValueError(f"rows must be of {ROWS}. Received: rows={rows!r}")
    return rows
