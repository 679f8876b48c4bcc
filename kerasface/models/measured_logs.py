"""A metric that saw no labelled row is absent from the logs, never 0 and never NaN."""

from __future__ import annotations

import math

import keras



def measured(logs: dict) -> dict:
    """The logs without values that are NaN because nothing was measured.

    A loss that is NaN stays: that is a fault to be seen, not a missing measurement. Losses
    are the entries that Keras names `loss`, `<task>_loss` and their `val_` forms.
    """
    return {name: value for name, value in logs.items() if not _unmeasured(name, value)}


def _unmeasured(name: str, value) -> bool:
    is_loss = name.endswith("loss") and not name.endswith("mean_loss")
    return not is_loss and isinstance(value, float) and math.isnan(value)


class DropUnmeasured(keras.callbacks.Callback):
    """Takes unmeasured entries out of each epoch's logs before other callbacks see them."""

    def on_epoch_end(self, epoch, logs=None):
        for name in [name for name, value in (logs or {}).items() if _unmeasured(name, value)]:
            del logs[name]
