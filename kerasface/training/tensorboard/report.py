"""The callback that writes a run for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kerasface.tasks import Task
from kerasface.training.tensorboard import about, tags
from kerasface.training.tensorboard.events import EventFiles
from kerasface.training.tensorboard.layout import chart_layout
from kerasface.training.tensorboard.prediction_grid import prediction_grid
from kerasface.training.validation import ValidationRound

ROOT = ""
# A matrix of more classes cannot be read.
MOST_CLASSES = 40


class TensorBoardReport(keras.callbacks.Callback):
    """Writes losses, metrics, pictures, graph and settings of a run as TensorBoard's events.

    After each epoch, with the number of finished epochs as step:

    - run `train`: each entry of the logs, per task as `<task>/<measure>` (`expression/loss`,
      `expression/labelled`), `<task>/alpha`, `learning_rate`, `speed/images_per_second`
    - run `validation`: the same tags for `fit(validation_data=...)`
    - runs `validation-<set>` and `validation-<set>_grey`: every figure of a `ValidationRound`;
      at times a confusion matrix a class task (`<task>/confusion`) and a grid of `predictions`

    so that training and validation are lines of one chart, as are, under "Custom scalars", the
    tasks' weights and gradient norms (`<task>/weight`, `<task>/gradient_norm`). Once: the settings
    and versions as text, HParams with the figures that the runs are compared by, and on
    TensorFlow the graph of the model (TensorBoard knows no graph of another backend). An entry
    that another callback puts into the logs is written too; a "/" in its name makes a group
    (`gradnorm/age`).

    Args:
        log_dir: folder of the event files; below the folder that `--logdir` names.
        validation: a round that is listed before this callback, or None.
        tasks: `Task` objects, default the model's.
        config: JSON-safe settings of the run, as given to `RunState`.
        batch_size: images a step over all replicas, for the speed in images; without it, it is
            given in steps.
        pictures_every: epochs between two sets of pictures; the first and the last that are
            measured have them too.
        epochs: of the whole run, where it is made of several calls of `fit`; the run is marked
            as ended after them. Default: those of the call.
        hparams: whether the run is a row of HParams by itself; False where `write_hparams`
            has it as a row of a table.

    Raises:
        ValueError: `pictures_every` is below 1, or `validation` is not listed before.

    Example:

        checks = ValidationRound(sets)
        report = TensorBoardReport("runs/student/events", checks, config=config, batch_size=128)
        model.fit(batches, callbacks=[checks, RunState("runs/student", config), report], ...)
    """

    def __init__(
        self,
        log_dir: str | Path,
        validation: ValidationRound | None = None,
        tasks: Sequence[Task] | None = None,
        config: Mapping[str, Any] | None = None,
        batch_size: int | None = None,
        pictures_every: int = 5,
        epochs: int | None = None,
        hparams: bool = True,
    ):
        super().__init__()
        if pictures_every < 1:
            raise ValueError(
                f"pictures_every must be 1 or more. Received: pictures_every={pictures_every}"
            )
        self.files = EventFiles(log_dir)
        self.validation, self.config = validation, dict(config or {})
        self.tasks = None if tasks is None else tuple(tasks)
        self.batch_size, self.pictures_every = batch_size, int(pictures_every)
        self.epochs, self.hparams = epochs, hparams
        self.described = self.pictured = False
        self.done = self.steps_before = 0
        self.begin = self.tested = self.test_begin = 0.0

    def set_model(self, model):
        super().set_model(model)
        if self.tasks is None:
            self.tasks = tuple(model.tasks)

    def on_train_begin(self, logs=None):
        if not self.described:
            self._describe()
            self.described = True

    def on_epoch_begin(self, epoch, logs=None):
        if self.validation is not None and self.validation.started != epoch:
            raise ValueError(
                "the ValidationRound must be in the list of callbacks before the "
                f"TensorBoardReport. Received: epoch {epoch} not seen by it"
            )
        self.steps_before = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self.begin, self.tested = time.perf_counter(), 0.0

    def on_test_begin(self, logs=None):
        self.test_begin = time.perf_counter()

    def on_test_end(self, logs=None):
        self.tested += time.perf_counter() - self.test_begin

    def on_epoch_end(self, epoch, logs=None):
        done = self.done = epoch + 1
        measured = self.validation is not None and self.validation.measured == done
        seconds = time.perf_counter() - self.begin - self.tested
        if measured:
            seconds -= self.validation.seconds
            self._write_round(done)
        self._write_logs(logs or {}, done, measured)
        steps = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations)) - self.steps_before
        self.files.scalar(tags.TRAIN, "speed/steps_per_second", steps / seconds, done)
        if self.batch_size:
            images = steps * self.batch_size / seconds
            self.files.scalar(tags.TRAIN, "speed/images_per_second", images, done)
        self.files.flush()

    def on_train_end(self, logs=None):
        if self.epochs is None or self.done >= self.epochs:
            if self.hparams:
                self.files.summary(ROOT, about.session_end(), self.done)
        self.files.close()

    def _write_logs(self, logs, step, measured):
        # The figures of a round stand in runs of their own, whole.
        known = self.validation.entries() if measured else {}
        names = [task.name for task in self.tasks]
        metrics = {metric.name for task in self.tasks for metric in task.make_metrics()}
        for key, value in logs.items():
            if key not in known:
                self.files.scalar(*tags.place(key, names, metrics), value, step)
        for task in self.tasks:
            self.files.scalar(tags.TRAIN, f"{task.name}/alpha", task.alpha, step)
        if "learning_rate" not in logs:
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            self.files.scalar(tags.TRAIN, "learning_rate", rate, step)

    def _write_round(self, step):
        for name, results in self.validation.results.items():
            for task, figures in results.items():
                for key, value in figures.items():
                    self.files.scalar(tags.set_run(name), f"{task}/{key}", value, step)
        last = step == (self.epochs or self.params.get("epochs"))
        if not self.pictured or step % self.pictures_every == 0 or last:
            self._write_pictures(step)
            self.pictured = True

    def _write_pictures(self, step):
        from kerasface.evaluation.figures import confusion_figure
        from kerasface.evaluation.measures import confusion_matrix

        for name, prepared in self.validation.sets.items():
            outputs, run = self.validation.outputs[name], tags.set_run(name)
            tasks = [task for task in self.tasks if prepared.labelled(task.name)]
            for task in tasks:
                classes = getattr(task, "classes", ())
                # A triplet adversary knows domains and answers with an embedding.
                if not 0 < len(classes) <= MOST_CLASSES or task.output_size != len(classes):
                    continue
                mask = prepared.masks[task.name]
                guess = outputs[task.name][mask].argmax(-1)
                counts = confusion_matrix(prepared.labels[task.name][mask], guess, len(classes))
                figure = confusion_figure(counts, classes, f"{task.name}, {name}, epoch {step}")
                self.files.image(run, f"{task.name}/confusion", figure, step)
            if tasks:
                grid = prediction_grid(prepared, outputs, tasks)
                self.files.image(run, "predictions", grid, step)

    def _describe(self):
        self.files.text(ROOT, "configuration", about.code_block(self.config))
        self.files.text(ROOT, "versions", about.versions())
        self.files.summary(ROOT, chart_layout(), 0)
        if self.hparams:
            self.files.summary(ROOT, about.experiment(self.config, self._compared()), 0)
            self.files.summary(ROOT, about.session_start(self.config), 0)
        shape = self._image_shape()
        if shape and keras.backend.backend() == "tensorflow":
            self.files.graph(tags.TRAIN, model_graph(self.model, shape))
        self.files.flush()

    def _compared(self) -> list[tuple[str, str]]:
        """Runs and tags of the figures that runs are compared by."""
        main = [task for task in self.tasks if about.main_figure(task)]
        figures = [(tags.TRAIN, "loss")]
        if self.validation is None:
            return figures + [(tags.TRAIN, f"{t.name}/{about.main_figure(t)}") for t in main]
        return figures + [
            (tags.set_run(name), f"{task.name}/{about.main_figure(task)}")
            for name, prepared in self.validation.sets.items()
            for task in main
            if prepared.labelled(task.name)
        ]

    def _image_shape(self) -> tuple | None:
        if self.validation is not None:
            return next(iter(self.validation.sets.values())).images.shape[1:]
        trunk = getattr(self.model, "trunk", None)
        return None if trunk is None else trunk.input_shape[1:]


def model_graph(model: keras.Model, shape: tuple):
    """The TensorFlow graph of a model's answer to images of a shape, as a `GraphDef`."""
    import tensorflow as tf

    answer = tf.function(lambda images: model(images, training=False))
    images = tf.TensorSpec((None, *shape), tf.float32, name="images")
    return answer.get_concrete_function(images).graph.as_graph_def()
