"""The callback that writes scalars while an epoch is still running."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from kerasface.tasks import Task
from kerasface.training.tensorboard import tags
from kerasface.training.tensorboard.events import EventFiles

RUN = f"{tags.TRAIN}-steps"


class StepReport(keras.callbacks.Callback):
    """Writes the logs of training every so many steps, with the optimiser's step as step.

    For long epochs, and for what moves within one: a learning rate that is set step by step.
    It goes into the run `train-steps`, under the tags of `TensorBoardReport`. What Keras logs
    in an epoch are means since its beginning. List it after the callbacks that set the rate.

    Args:
        log_dir: folder of the event files, that of the `TensorBoardReport`.
        every: steps of `fit` between two entries.
        tasks: `Task` objects, default the model's.

    Raises:
        ValueError: `every` is below 1.

    Example:

        model.fit(batches, callbacks=[dynamic, state, report, StepReport(folder / "events", 10)])
    """

    def __init__(self, log_dir: str | Path, every: int = 50, tasks: Sequence[Task] | None = None):
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be 1 or more. Received: every={every}")
        self.files, self.every = EventFiles(log_dir), int(every)
        self.tasks = None if tasks is None else tuple(tasks)
        self.first = self.written = 0

    def set_model(self, model):
        super().set_model(model)
        if self.tasks is None:
            self.tasks = tuple(model.tasks)

    def on_epoch_begin(self, epoch, logs=None):
        self.first = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self.written = 0

    def on_train_batch_end(self, batch, logs=None):
        done = batch + 1
        # Not `done % every`: several steps of one execution come as one.
        if done - self.written < self.every:
            return
        self.written = done
        names = [task.name for task in self.tasks]
        metrics = {metric.name for task in self.tasks for metric in task.make_metrics()}
        for key, value in (logs or {}).items():
            if value == value:  # NaN: a metric that has seen no labelled row yet
                self.files.scalar(RUN, tags.place(key, names, metrics)[1], value, self.first + done)
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        self.files.scalar(RUN, "learning_rate", float(rate), self.first + done)
        self.files.flush()

    def on_train_end(self, logs=None):
        self.files.close()
