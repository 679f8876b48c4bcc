"""What saw no labelled row is absent from the logs, never 0 and never NaN."""

from __future__ import annotations

import math

import keras

# Names that the tasks' metrics and Keras give: `<task>_labelled`, `<task>_loss`, and with one
# task only, `labelled` and `loss`; `val_` stands before those of a validation.
COUNT, LOSS, MEAN_LOSS, VALIDATION = "labelled", "loss", "mean_loss", "val_"


def measured(logs: dict) -> dict:
    """The logs without what was measured on no row.

    A task is unmeasured where its `<task>_labelled` is 0. Its metrics are NaN then and its
    `<task>_loss` is 0, as Keras's mean over batches without weight; all but the count are left
    out. Where every task is unmeasured, `loss` is left out too. NaN of a task that has labelled
    rows stays: that is a fault to be seen.

    Args:
        logs: name to number, as of one epoch of `fit` or of `evaluate`.

    Returns:
        A new dict in the same order.

    Example:

        >>> measured({"loss": 0.7, "age_loss": 0.0, "age_labelled": 0.0, "sex_labelled": 9.0})
        {'loss': 0.7, 'age_labelled': 0.0, 'sex_labelled': 9.0}
    """
    counts = {
        name.removesuffix(COUNT): value
        for name, value in logs.items()
        if name == COUNT or name.endswith(f"_{COUNT}")
    }
    empty = {f"{prefix}{LOSS}" for prefix, count in counts.items() if not count}
    for side in ("", VALIDATION):
        tasks = [prefix for prefix in counts if prefix.startswith(VALIDATION) == bool(side)]
        if tasks and not any(counts[prefix] for prefix in tasks):
            empty.add(f"{side}{LOSS}")
    return {
        name: value
        for name, value in logs.items()
        if name not in empty and not (_is_nan(value) and not _is_fault(name, counts))
    }


class DropUnmeasured(keras.callbacks.Callback):
    """Takes unmeasured entries out of each epoch's logs before other callbacks see them."""

    def on_epoch_end(self, epoch, logs=None):
        for name in set(logs or {}) - set(measured(logs or {})):
            del logs[name]


def _is_nan(value) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_fault(name: str, counts: dict) -> bool:
    """Whether NaN under this name is a number that went wrong, not a number that is missing."""
    # Of "age_" and "age_group_" the longer one that fits is the entry's own task.
    owners = [prefix for prefix in counts if name.startswith(prefix)]
    if owners:
        return bool(counts[max(owners, key=len)])
    return name.endswith(LOSS) and not name.endswith(MEAN_LOSS)
