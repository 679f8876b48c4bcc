"""A student learns from labels where they exist and from a teacher everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasface.data.batches import TEACHER, layer_column
from kerasface.models.hidden_layers import hidden_output, with_hidden
from kerasface.models.partial_labels import PartialLabelsModel
from kerasface.tasks import Task
from kerasface.training.balancing.replicas import replica_count
from kerasface.training.distillation_terms import (
    HiddenTarget,
    OutputTerm,
    SoftTargets,
    row_weights,
)

# Key of the student's layers among its outputs in training; no task can have this name.
HIDDEN = "<hidden>"


class Distiller(PartialLabelsModel):
    """Trains a multi-task student on partial labels and on what a teacher says.

    `L = hard * sum_t alpha_t mean_labelled H(y, S) + sum of the terms`. Without `terms` there is
    one, `SoftTargets(temperature, weight=soft, rows=rows)`: `soft * sum_t alpha_t mean_all
    D_t(T, S)`, where `D_t` is the task's own distillation loss, for classes the cross-entropy of
    distributions softened by the temperature, times its square. Others are `LogitTargets` and,
    for layers inside the two networks, `HiddenTarget`; any number of them may stand together.

    The teacher is no part of this model: it is neither trained, nor saved, nor are its
    `trainable` flags touched, and it can be left out where the batches carry its kept outputs.
    The student is called once a step; `evaluate` and `predict` are the student's own.

    Args:
        student: `FaceModel`, or, where no term looks inside, any model of images to a dict of
            outputs by task name that has `tasks`.
        teacher: model of the same kind, asked for each batch in inference mode; None where the
            labels hold `TEACHER`, a dict of its outputs (`mix(..., soft=True)`).
        tasks: `Task` objects to train and to distil, default the student's own.
        hard: factor of the labels' losses, at least 0.
        soft: factor of the teacher's losses, at least 0; only without `terms`.
        temperature: of the class distributions, more than 0; only without `terms`.
        rows: "all", or "unlabelled" to use the teacher only where a row's label is missing; only
            without `terms`.
        terms: `SoftTargets`, `LogitTargets` and `HiddenTarget` objects.

    Raises:
        ValueError: a factor below 0, all factors 0, a temperature of 0 or less, unknown `rows`,
            settings of the one term beside `terms`, two terms of one name in the logs, or layers
            that are not there or do not fit.

    Example:

        terms = [SoftTargets(3.0), HiddenTarget("features", "features", weight=0.01)]
        distiller = Distiller(student, teacher, terms=terms)
        distiller.compile(keras.optimizers.AdamW(1e-3))
        distiller.fit(mix(sets, per_batch, student.tasks), steps_per_epoch=250, epochs=20)
        student.save_weights("student.weights.h5")

    Reference:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015); here for
        several heads with missing labels, each row's weight as in the batch contract. Wang et
        al., "Model distillation with knowledge transfer" (2017), eq. 2, 5, 7 and 9: `alpha` is the
        weight of `SoftTargets`, `beta` that of `HiddenTarget`.
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
        terms: Sequence[OutputTerm | HiddenTarget] | None = None,
        name: str = "distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if terms is None:
            if hard < 0 or soft < 0 or not hard + soft > 0 or not temperature > 0:
                raise ValueError(
                    "hard and soft must be at least 0 and not both 0, the temperature more than "
                    f"0. Received: hard={hard}, soft={soft}, temperature={temperature}"
                )
            if rows not in ("all", "unlabelled"):
                raise ValueError(f"rows must be 'all' or 'unlabelled'. Received: rows={rows!r}")
            terms = [SoftTargets(temperature, soft, rows=rows)]
        elif (soft, temperature, rows) != (1.0, 2.0, "all"):
            raise ValueError(
                "with terms, their weights, temperature and rows are the terms' own. "
                f"Received: soft={soft}, temperature={temperature}, rows={rows!r}"
            )
        if hard < 0 or not hard + sum(term.weight for term in terms) > 0:
            raise ValueError(
                "hard must be at least 0, and it or a term's weight more than 0. "
                f"Received: hard={hard}, weights={[term.weight for term in terms]}"
            )
        self.student, self.hard = student, float(hard)
        self.tasks = tuple(student.tasks if tasks is None else tasks)
        used = [term for term in terms if term.weight]
        self.output_terms = tuple(term for term in used if isinstance(term, OutputTerm))
        self.hidden_terms = tuple(term for term in used if isinstance(term, HiddenTarget))
        self._plan_outputs()
        self._plan_hidden(teacher)
        self.built = True

    def _plan_outputs(self) -> None:
        known = {task.name for task in self.tasks}
        self.soft_losses, self.soft_trackers = {}, {}
        for term in self.output_terms:
            strange = sorted(set(term.tasks or ()) - known)
            if strange:
                raise ValueError(
                    f"a term must be for tasks of the student, {sorted(known)}. "
                    f"Received: tasks={strange}"
                )
            for task in self.tasks:
                if term.is_for(task):
                    entry = f"{task.name}_{term.suffix}"
                    self._track(task.name if term.suffix == SoftTargets.suffix else entry, entry)
                    self.soft_losses[entry] = term.make_loss(task)

    def _plan_hidden(self, teacher: keras.Model | None) -> None:
        for term in self.hidden_terms:
            self._track(term.name, term.name)
        # In functions: Keras would track, save and count models that are attributes, and layers
        # of the student twice.
        self.ask_student = None
        if self.hidden_terms:
            names = [term.student_layer for term in self.hidden_terms]
            self.ask_student = with_hidden(self.student.network(), names)
        layers = [term.teacher_layer for term in self.hidden_terms]
        self.ask_teacher = None if teacher is None else _asker(teacher, layers)
        self.projectors = []
        for term in self.hidden_terms:
            shape = None if teacher is None else hidden_output(teacher, term.teacher_layer).shape
            own = hidden_output(self.student.network(), term.student_layer).shape
            self.projectors.append(term.make_projector(own, shape) or keras.layers.Identity())

    def _track(self, key: str, name: str) -> None:
        if key in self.soft_trackers:
            raise ValueError(f"two terms have one name in the logs. Received: {name!r} twice")
        self.soft_trackers[key] = keras.metrics.Mean(name=name)

    def call(self, images, training=False, fork=None):
        if training and self.ask_student is not None:
            outputs, hidden = self.ask_student(images, training, fork)
            return {**outputs, HIDDEN: hidden}
        if fork is None:
            return self.student(images, training=training)
        return self.student(images, training=training, fork=fork)

    def network(self) -> PartialLabelsModel:
        return self.student.network()

    def own_labels(self, labels):
        return _split(labels, TEACHER)[0]

    def loss_trackers(self) -> list:
        return list(self.soft_trackers.values())

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Hard loss over labelled rows plus, in training, the terms against the teacher."""
        labels, targets = _split(y, TEACHER)
        outputs, hidden = _split(y_pred, HIDDEN)
        hard = super().compute_loss(
            x=x, y=labels, y_pred=outputs, sample_weight=sample_weight, training=training
        )
        if not training or not (self.output_terms or self.hidden_terms):
            return hard
        targets = self._targets(x, labels, targets)
        parts = [loss for _, loss in self._output_losses(targets, outputs, sample_weight)]
        if self.hidden_terms:
            parts += self._hidden_losses(targets, hidden, sample_weight)
        return sum(parts, self.hard * hard)

    def task_losses(self, losses, images, labels, outputs, sample_weight=None, training=True):
        """As of any model over tasks; in training a task's teacher is part of its loss.

        Raises:
            ValueError: there is a `HiddenTarget`, which is no task's own.
        """
        if self.hidden_terms:
            raise ValueError(
                "a hidden layer is no task's own, so its loss cannot be balanced among tasks. "
                f"Received: {len(self.hidden_terms)} HiddenTarget terms"
            )
        labels, targets = _split(labels, TEACHER)
        values, rows = super().task_losses(losses, images, labels, outputs, sample_weight, training)
        if not training or not self.output_terms:
            return values, rows
        values = {name: self.hard * value for name, value in values.items()}
        targets = self._targets(images, labels, targets)
        for name, loss in self._output_losses(targets, outputs, sample_weight):
            values[name] = values.get(name, 0.0) + loss
            # The teacher speaks of every row, or of those whose label is missing.
            rows[name] = keras.ops.sum(keras.ops.ones_like(outputs[name][..., 0], "float32"))
        return values, rows

    def _targets(self, images, labels, kept) -> dict:
        """What the teacher says: kept, or asked for now; by task name and `layer_column`."""
        if kept is not None:
            return kept
        if self.ask_teacher is None:
            raise ValueError(
                "without a teacher the labels must hold its cached outputs under TEACHER "
                f"(mix(..., soft=True)). Received: labels for {sorted(labels)}"
            )
        return self.ask_teacher(images)

    def _output_losses(self, targets, outputs, sample_weight) -> list[tuple]:
        """Task name and `weight * alpha_t * D_t`, where the teacher has an answer for the task."""
        found = []
        for term in self.output_terms:
            for task in self.tasks:
                if not term.is_for(task) or task.name not in targets:
                    continue  # of a kind that cached outputs leave out
                weight = None
                if term.rows != "all":
                    weight = row_weights(term.rows, sample_weight[task.name])
                entry = f"{task.name}_{term.suffix}"
                loss = self.soft_losses[entry](
                    targets[task.name], outputs[task.name], sample_weight=weight
                )
                soft = term.suffix == SoftTargets.suffix
                self.soft_trackers[task.name if soft else entry].update_state(_whole(loss))
                found.append((task.name, term.weight * task.alpha * loss))
        return found

    def _hidden_losses(self, targets, hidden, sample_weight) -> list:
        found = []
        for term, projector in zip(self.hidden_terms, self.projectors, strict=True):
            column = layer_column(term.teacher_layer)
            if column not in targets:
                raise ValueError(
                    f"the teacher's kept outputs lack its layer {term.teacher_layer!r} "
                    f"(cache_teacher_flips(..., layers=...)). Received: {sorted(targets)}"
                )
            weight = None
            if term.rows != "all":
                weight = row_weights(term.rows, sample_weight[term.task])
            loss = term.loss(
                keras.ops.stop_gradient(targets[column]),
                projector(hidden[term.student_layer]),
                sample_weight=weight,
            )
            self.soft_trackers[term.name].update_state(_whole(loss))
            found.append(term.weight * loss)
        return found

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        outputs, _ = _split(y_pred, HIDDEN)
        return super().compute_metrics(x, self.own_labels(y), outputs, sample_weight)


def _asker(teacher: keras.Model, layers: Sequence[str]):
    if not layers:
        return lambda images: teacher(images, training=False)
    both = with_hidden(teacher, layers)

    def ask(images):
        outputs, hidden = both(images, training=False)
        return {**outputs, **{layer_column(name): each for name, each in hidden.items()}}

    return ask


def _whole(loss):
    """What the logs are of: Keras divides a replica's loss by their number."""
    return loss * replica_count()


def _split(columns, key: str):
    """The dict without what stands under a key, and that, or None where it does not."""
    if isinstance(columns, dict) and key in columns:
        return {name: each for name, each in columns.items() if name != key}, columns[key]
    return columns, None
