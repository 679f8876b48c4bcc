"""One readable line an epoch, where Keras would print every entry of the logs."""

from __future__ import annotations

import time

import keras

from kerasface.training.validation import ValidationRound

# What a line shows of a task, by its kind: measure, factor, format.
SHOWN = {
    "classification": ("accuracy", 100.0, "{:.1f} %"),
    "domain": ("accuracy", 100.0, "{:.1f} %"),
    "regression": ("mean_absolute_error", 1.0, "{:.2f} {unit}"),
    "landmarks": ("nrmse", 100.0, "{:.1f} % of the eyes"),
}


def say(line: str) -> None:
    """Prints a line at once, also where the output is a file."""
    print(line, flush=True)


class Progress(keras.callbacks.Callback):
    """Prints a line an epoch: time taken and left, loss, and each validation set's main figures.

        epoch 3/24, 95 s, 33 min left, loss 5.312 | utkface: age 7.41 years, gender 88.2 %

    For use with `fit(..., verbose=0)`.

    Args:
        epochs: of the whole run, where it is made of several calls of `fit`; default those of
            the call.
        validation: listed before this callback, or None.
        write: takes a line, default `say`.
    """

    def __init__(
        self,
        epochs: int | None = None,
        validation: ValidationRound | None = None,
        write=say,
    ):
        super().__init__()
        self.epochs, self.validation, self.write = epochs, validation, write
        self.first, self.begin, self.epoch_begin = None, 0.0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_begin = time.monotonic()
        if self.first is None:
            self.first, self.begin = epoch, self.epoch_begin

    def on_epoch_end(self, epoch, logs=None):
        now, done = time.monotonic(), epoch + 1
        epochs = self.epochs or self.params.get("epochs")
        line = f"epoch {done}/{epochs}, {now - self.epoch_begin:.0f} s"
        if done < epochs:
            left = (now - self.begin) / (done - self.first) * (epochs - done)
            line += f", {duration(left)} left"
        logs = logs or {}
        # Where no row has a label there is a teacher's loss alone.
        names = (name for name in ("loss", *logs) if name in logs and name.endswith("loss"))
        if shown := next(names, None):
            line += f", {shown.replace('_', ' ')} {logs[shown]:.3f}"
        if self.validation is not None and self.validation.measured == done:
            line += "".join(f" | {name}: {text}" for name, text in self._figures() if text)
        self.write(line)

    def _figures(self):
        tasks = {task.name: task for task in self.validation.tasks}
        for name, results in self.validation.results.items():
            parts = []
            for task, figures in results.items():
                measure, factor, form = SHOWN[tasks[task].kind]
                if measure in figures:
                    unit = getattr(tasks[task], "unit", "")
                    parts.append(f"{task} {form.format(factor * figures[measure], unit=unit)}")
            yield name, ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
