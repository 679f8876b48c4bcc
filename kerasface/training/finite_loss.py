"""A run whose loss is no number any more stops, and the batch it happened on is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np


class NonFiniteLoss(ArithmeticError):
    """Training was stopped; the line names the step and the file with its batches."""


class FiniteLoss(keras.callbacks.Callback):
    """Stops `fit` at the first batch whose loss is NaN or infinite, and saves that batch.

    Works on any backend. `fit` does not show batches to callbacks, but here a batch is a function
    of its step, so it is made again: `batch_at` is asked for the batch at fault and for the one
    before, whose update may have spoilt the weights while its own loss was still a number. An error
    is raised instead of setting `stop_training`, so that no later callback takes the
    spoilt weights for those of a finished epoch: a `RunState` still has its last epoch.

    Written are `<folder>/non-finite-<step>.npz`, with `<step>/images`, `<step>/labels/<task>` and
    `<step>/weights/<task>` for both steps, and beside it a `.json` with the logs, the tasks whose
    loss is not finite, values of the batch that are not, and variables of the model that are not.

    Args:
        folder: where; made when it is needed.
        batch_at: from a step, counted from the beginning of the first epoch, to its batch
            `(images, labels, sample_weight)` of arrays or tensors. For `mix`:
            `lambda step: next(iter(mix(..., first_step=step)))`, for `ArrayBatches` its `batch`.
        steps_per_epoch: as `fit`'s.
        writes: False in the processes of several hosts that stop with the first and save nothing.

    Raises:
        NonFiniteLoss: in `fit`.
        ValueError: `steps_per_epoch` below 1.

    Example:

        guard = FiniteLoss("runs/teacher", lambda step: next(iter(batches(step))), 250)
        model.fit(batches(0), steps_per_epoch=250, epochs=20, callbacks=[guard])
    """

    def __init__(
        self,
        folder: str | Path,
        batch_at: Callable[[int], tuple],
        steps_per_epoch: int,
        writes: bool = True,
    ):
        super().__init__()
        if steps_per_epoch < 1:
            raise ValueError(
                f"steps_per_epoch must be 1 or more. Received: steps_per_epoch={steps_per_epoch}"
            )
        self.folder, self.batch_at = Path(folder), batch_at
        self.steps_per_epoch, self.epoch, self.writes = int(steps_per_epoch), 0, writes

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The logged loss is the epoch's mean so far: one NaN stays in it, so the first is found.
        loss = float((logs or {}).get("loss", 0.0))
        if math.isfinite(loss):
            return
        step = self.epoch * self.steps_per_epoch + batch
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        tasks = sorted(
            name.removesuffix("_loss")
            for name, value in numbers.items()
            # A task's mean over its labelled rows is a metric beside its loss.
            if name.endswith("_loss") and not name.endswith("mean_loss")
            if not math.isfinite(value)
        )
        file = self._file(step)
        if self.writes:
            self._save(file, step, numbers, tasks)
        of = f" ({', '.join(tasks)})" if tasks else ""
        raise NonFiniteLoss(
            f"the loss of step {step}, batch {batch} of epoch {self.epoch + 1}, is not finite{of}; "
            f"its batch and the one before are in {file}. Received: loss={loss}"
        )

    def _file(self, step: int) -> Path:
        return self.folder / f"non-finite-{step:07d}.npz"

    def _save(self, file: Path, step: int, logs: Mapping[str, float], tasks: list[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray] = {}
        for each in range(max(step - 1, 0), step + 1):
            images, labels, weights = self.batch_at(each)
            arrays[f"{each}/images"] = keras.ops.convert_to_numpy(images)
            arrays |= _columns(f"{each}/labels", labels) | _columns(f"{each}/weights", weights)
        spoilt = [variable.path for variable in self.model.variables if not _is_finite(variable)]
        about = {
            "step": step,
            "epoch": self.epoch + 1,
            "logs": {name: repr(value) for name, value in logs.items()},
            "tasks": tasks,
            "not_finite_in_batches": [name for name, a in arrays.items() if not _is_finite(a)],
            "not_finite_variables": spoilt,
        }
        np.savez(file, **arrays)
        file.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _columns(prefix: str, values: Any) -> dict[str, np.ndarray]:
    """Arrays of a dict, of dicts in it, or of a single array, by their path."""
    if isinstance(values, Mapping):
        found: dict[str, np.ndarray] = {}
        for name, value in values.items():
            found |= _columns(f"{prefix}/{name}", value)
        return found
    return {} if values is None else {prefix: keras.ops.convert_to_numpy(values)}


def _is_finite(values: Any) -> bool:
    array = np.asarray(keras.ops.convert_to_numpy(values))
    return array.dtype.kind not in "fc" or bool(np.isfinite(array.astype("float32")).all())
