"""`fit` as every recipe calls it: on any devices, guarded against a loss that is no number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from kerasface.data.array_batches import ArrayBatches
from kerasface.training.devices import Devices
from kerasface.training.finite_loss import FiniteLoss

FAULTS = "faults"


def fit_epochs(
    model: keras.Model,
    batches: Callable[[int], Any],
    rows: int,
    folder: str | Path,
    *,
    epochs: int,
    steps_per_epoch: int,
    first: int = 0,
    devices: Devices | None = None,
    together: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    reports: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
) -> None:
    """Trains the epochs of a run that are left; to be called in the `scope` of its devices.

    The loss is watched by `FiniteLoss`: a batch on which it is no number is kept in
    `<folder>/faults`. When this returns, all hosts find the last epoch in the folder.

    Args:
        model: compiled, and restored by a `RunState` that is among the reports.
        batches: from the step to begin with to global batches, a `tf.data.Dataset` or
            `ArrayBatches`.
        rows: of a global batch.
        folder: the run's.
        epochs: of the whole run.
        steps_per_epoch: batches of an epoch.
        first: epochs that are done.
        devices: where it trains, default one.
        together: as in `Devices.share`.
        callbacks: that change the training or keep its state, in every process.
        reports: that write or measure, of several hosts in the first alone; after the others.
        verbose: of `fit`, in the first host.

    Raises:
        NonFiniteLoss: a loss is NaN or infinite.
        ValueError: the rows cannot be dealt to the devices evenly, or hosts do not see one run.
    """
    devices = Devices() if devices is None else devices
    devices.check_rows(rows, together=together)
    of_first = devices.once(lambda: int(first))
    if of_first != first:
        raise ValueError(
            f"all hosts must see one folder of the run, {folder}. Received: epoch {first} on host "
            f"{devices.host}, {of_first} on host 0"
        )
    if first >= epochs:
        return

    def batch_at(step: int) -> tuple:
        made = batches(step)
        return made[0] if isinstance(made, ArrayBatches) else next(iter(made))

    guard = FiniteLoss(Path(folder) / FAULTS, batch_at, steps_per_epoch, writes=devices.chief)
    whole = batches(first * steps_per_epoch)
    # A `PyDataset` brings its own order too, and Keras warns where it is asked for another.
    order = {"shuffle": False} if isinstance(whole, ArrayBatches) else {}
    model.fit(
        devices.share(whole, rows, together),
        initial_epoch=first,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[*callbacks, guard, *devices.callbacks(reports)],
        verbose=verbose if devices.chief else 0,
        **order,
    )
    devices.once(lambda: None)  # the first host is still writing when the others are done
