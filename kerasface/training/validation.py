"""Every validation set measured apart at the end of an epoch, each by the labels it has."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.measures import measure
from kerasface.metrics import MaskedLoss
from kerasface.tasks import Task
from kerasface.training.devices import Devices

# Of the measures, those that go into the logs of an epoch; all are in `ValidationRound.results`.
LOGGED = ("accuracy", "balanced_accuracy", "mean_absolute_error", "nrmse", "mean_loss")
GREY_SUFFIX = "_grey"
# Luma of ITU-R BT.601, as in `kerasface.data.Augmentation`.
LUMA = (0.299, 0.587, 0.114)
# Batches that are handed to `predict` at once: bounds the memory of a copy of the pictures.
BATCHES_AT_ONCE = 16


class ValidationRound(keras.callbacks.Callback):
    """Measures each named validation set apart and adds the figures to the epoch's logs.

    An entry is `val_<set>_<task>_<measure>`, for instance `val_utkface_age_mean_absolute_error`;
    a task without a labelled row in a set has none. The logs are changed in place, so list this
    callback **before** those that should see the entries: `RunState`, `TensorBoardReport`,
    `keras.callbacks.ModelCheckpoint`; Keras's own history comes last anyway.

    Args:
        sets: by name; the names and `<name>_grey` go into the logs.
        tasks: what to measure, default all tasks of the model.
        every: epochs between two rounds; the last epoch of a `fit` is always measured.
        first: whether the very first epoch is measured too, so that what is wrong shows early.
        grey: measure each set that has colour once more on pictures without it, as
            `<name>_grey`: a model may know sets by their colour.
        batch_size: rows a step. Every step has just as many (the last is filled up), so the
            model is traced or compiled once.
        devices: of the training, where it is on several hosts: one of them measures, alone.

    Attributes:
        results: of the last round, by set and task all figures of
            `kerasface.evaluation.measure` and `mean_loss`, the task's own loss a labelled row.
        outputs: of the last round, by set and task `(rows, output_size)` float32.
        measured: number of epochs that were finished at the last round, 0 before it.
        seconds: how long the last round took.

    Raises:
        ValueError: no set, `every` or `batch_size` below 1, or names that cannot be told apart
            in the logs.

    Example:

        checks = ValidationRound({"fer2013": faces, "utkface": ages}, grey=True)
        model.fit(batches, callbacks=[checks, RunState(folder, config)], ...)
        checks.results["utkface"]["age"]["mean_absolute_error"]
    """

    def __init__(
        self,
        sets: Mapping[str, PreparedSet],
        tasks: Sequence[Task] | None = None,
        every: int = 1,
        grey: bool = False,
        batch_size: int = 256,
        first: bool = True,
        devices: Devices | None = None,
    ):
        super().__init__()
        if not sets or every < 1 or batch_size < 1:
            raise ValueError(
                "a set is needed, and every and batch_size must be 1 or more. "
                f"Received: sets={sorted(sets)}, every={every}, batch_size={batch_size}"
            )
        self.sets, self.every, self.batch_size = dict(sets), int(every), int(batch_size)
        self.tasks, self.first = None if tasks is None else tuple(tasks), first
        self.grey = tuple(n for n, each in self.sets.items() if grey and has_colour(each.images))
        self.devices = Devices() if devices is None else devices
        self.results: dict[str, dict[str, dict[str, float]]] = {}
        self.outputs: dict[str, dict[str, np.ndarray]] = {}
        self.measured, self.seconds, self.started = 0, 0.0, -1
        if self.tasks is not None:
            self._check_names()

    @property
    def names(self) -> tuple[str, ...]:
        """The sets as they are called in the logs, those without colour included."""
        return (*self.sets, *(name + GREY_SUFFIX for name in self.grey))

    def _check_names(self):
        entries = [f"{name}_{task.name}" for name in self.names for task in self.tasks]
        if len(set(entries)) < len(entries):
            raise ValueError(
                "names of sets must differ, and with the tasks' names behind them too. "
                f"Received: sets={list(self.names)}, tasks={[task.name for task in self.tasks]}"
            )

    def set_model(self, model):
        super().set_model(model)
        if self.tasks is None:
            self.tasks = tuple(model.tasks)
            self._check_names()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = epoch

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        wanted = not done % self.every or done == self.params.get("epochs")
        if not (wanted or (self.first and done == 1)):
            return
        with self.devices.alone(self.model) as model:
            self.measure(model)
        self.measured = done
        if logs is not None:
            logs.update(self.entries())

    def entries(self) -> dict[str, float]:
        """What the last round puts into the logs."""
        return {
            f"val_{name}_{task}_{key}": figures[key]
            for name, tasks in self.results.items()
            for task, figures in tasks.items()
            for key in LOGGED
            if key in figures
        }

    def measure(self, model: keras.Model) -> dict[str, dict[str, dict[str, float]]]:
        """One round now, outside `fit` too; returns `results`."""
        begin = time.perf_counter()
        tasks = self.tasks or tuple(model.tasks)
        self.results, self.outputs = {}, {}
        for name in self.names:
            prepared = self.sets[name if name in self.sets else name.removesuffix(GREY_SUFFIX)]
            outputs = predict(model, prepared.images, self.batch_size, grey=name not in self.sets)
            self.outputs[name] = outputs
            self.results[name] = measure_set(prepared, outputs, tasks)
        self.seconds = time.perf_counter() - begin
        return self.results


def measure_set(
    prepared: PreparedSet, outputs: Mapping[str, np.ndarray], tasks: Sequence[Task]
) -> dict[str, dict[str, float]]:
    """By task all measures of a set's outputs, and `mean_loss`; tasks without labels are absent."""
    results = {}
    for task in tasks:
        if not prepared.labelled(task.name):
            continue
        labels, mask = prepared.labels[task.name], prepared.masks[task.name]
        figures = measure(task, outputs[task.name], labels, mask)
        if figures:
            loss = MaskedLoss(task.make_loss())
            loss.update_state(labels[mask], outputs[task.name][mask])
            results[task.name] = {**figures, "mean_loss": float(loss.result())}
    return results


def predict(
    model: keras.Model, images: np.ndarray, batch_size: int = 256, grey: bool = False
) -> dict[str, np.ndarray]:
    """A model's outputs by its compiled function, traced once for any number of rows.

    Args:
        model: images to a dict of outputs by task name.
        images: `(rows, height, width, 3)` uint8 or float, RGB 0..255, at least one row.
        batch_size: rows a step.
        grey: without colour.

    Returns:
        By task name `(rows, output_size)` float32, in the rows' order.
    """
    parts = []
    for start in range(0, len(images), batch_size * BATCHES_AT_ONCE):
        part = images[start : start + batch_size * BATCHES_AT_ONCE]
        missing = -len(part) % batch_size
        rows = len(part)
        part = without_colour(part) if grey else part
        if missing:
            # A last batch of another size would be traced (or, on JAX, compiled) again.
            part = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
        outputs = model.predict(part, batch_size=batch_size, verbose=0)
        parts.append({name: each[:rows].astype("float32") for name, each in outputs.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def has_colour(images: np.ndarray) -> bool:
    """Whether any of `(rows, height, width, 3)` pictures has channels that differ."""
    return bool((images[..., :1] != images[..., 1:]).any())


def without_colour(images: np.ndarray) -> np.ndarray:
    """The pictures with three equal channels, of the same dtype."""
    grey = np.asarray(images, "float32") @ np.array(LUMA, "float32")
    grey = np.rint(grey) if np.issubdtype(images.dtype, np.integer) else grey
    return np.repeat(grey[..., None].astype(images.dtype), 3, axis=-1)
