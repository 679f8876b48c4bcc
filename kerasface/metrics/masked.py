"""Metrics over the labelled rows only, exact over an epoch with any number of labels per batch.

`sample_weight` is used as a 0/1 mask (`weight > 0`), because the weights of the batch contract
are scaled per batch and a weighted mean over them is a mean of batch means.
"""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.masking import row_mask


@registered
class MaskedMetric(keras.metrics.Metric):
    """Mean over labelled rows of a per-sample function; NaN until a labelled row was seen.

    `sum(value_i where mask_i) / sum(mask_i)` over all batches since the last reset. A value on an
    unlabelled row is dropped, NaN too. Whoever shows results leaves NaN out: absent, never 0.

    Args:
        fn: function `(y_true, y_pred) -> (batch,)`; registered with Keras if it is to be saved.
        name: str, name in the logs.
        dtype: dtype of the state; float32 by default.

    Call arguments:
        y_true: labels, filler on unlabelled rows.
        y_pred: outputs.
        sample_weight: `(batch,)` or `(batch, 1)`; a row counts where it is above 0. None: all do.

    Returns:
        Scalar float32, NaN if no row was labelled.

    Example:

    >>> metric = MaskedMetric(lambda y_true, y_pred: abs(y_true - y_pred), name="gap")
    >>> gap = metric([1.0, float("nan"), 4.0], [2.0, 0.0, 4.0], [1.5, 0.0, 1.5])
    >>> float(gap)
    0.5
    """

    def __init__(self, fn, name="masked_metric", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.fn = fn
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def values(self, y_true, y_pred):
        """Returns the `(batch,)` values that are averaged."""
        return self.fn(y_true, y_pred)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = self._wide(y_true), self._wide(y_pred)
        values = ops.cast(self.values(y_true, y_pred), self.dtype)
        values = _per_row(values, y_pred)
        mask = row_mask(sample_weight, values)
        self.total.assign_add(ops.sum(ops.where(mask, values, ops.zeros_like(values))))
        self.count.assign_add(ops.sum(ops.cast(mask, self.dtype)))

    def _wide(self, x):
        """Floats in the dtype of the state, so that half-precision outputs meet their labels."""
        x = ops.convert_to_tensor(x)
        is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))
        return ops.cast(x, self.dtype) if is_float else x

    def result(self):
        mean = self.total / ops.maximum(self.count, 1.0)
        return ops.where(self.count > 0, mean, float("nan"))

    def get_config(self):
        return {**super().get_config(), "fn": keras.saving.serialize_keras_object(self.fn)}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["fn"] = keras.saving.deserialize_keras_object(config["fn"])
        return cls(**config)


def _per_row(values, y_pred):
    """Returns `(batch,)`: means over further axes, a value of the whole batch given to each row."""
    if len(values.shape) == 0:
        return ops.broadcast_to(values, ops.shape(y_pred)[:1])
    if len(values.shape) > 1:
        return ops.mean(values, axis=tuple(range(1, len(values.shape))))
    return values


class _FixedMaskedMetric(MaskedMetric):
    """A `MaskedMetric` whose function belongs to the class and not to its configuration."""

    def __init__(self, name, dtype=None):
        super().__init__(None, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["fn"]
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@registered
class MaskedAccuracy(_FixedMaskedMetric):
    """Share of labelled rows whose largest logit is at the label.

    Args:
        name: str. Defaults to `"accuracy"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer class numbers.
        y_pred: `(batch, classes)` logits or probabilities.
        sample_weight: as in `MaskedMetric`.
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def values(self, y_true, y_pred):
        predicted = ops.argmax(y_pred, axis=-1)
        return ops.equal(ops.reshape(ops.cast(y_true, predicted.dtype), (-1,)), predicted)


@registered
class MaskedMeanAbsoluteError(_FixedMaskedMetric):
    """Mean over labelled rows of `|y_true - y_pred|`, in the unit of the label.

    Args:
        name: str. Defaults to `"mae"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: `(batch,)` or `(batch, ...)` labels.
        y_pred: outputs with as many numbers per row; a row's errors are averaged first.
        sample_weight: as in `MaskedMetric`.
    """

    def __init__(self, name="mae", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def values(self, y_true, y_pred):
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        return ops.abs(y_true - y_pred)


@registered
class MaskedLoss(_FixedMaskedMetric):
    """Mean over labelled rows of a Keras loss: the evaluation loss of a partly labelled task.

    Args:
        loss_fn: `keras.losses.Loss`; its `call` gives the values of the rows, its reduction is
            not used.
        name: str. Defaults to `"loss"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: labels as the loss takes them, a legal filler on unlabelled rows.
        y_pred: outputs as the loss takes them.
        sample_weight: as in `MaskedMetric`.
    """

    def __init__(self, loss_fn, name="loss", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.loss_fn = loss_fn

    def values(self, y_true, y_pred):
        return self.loss_fn.call(y_true, y_pred)

    def get_config(self):
        return {
            **super().get_config(),
            "loss_fn": keras.saving.serialize_keras_object(self.loss_fn),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["loss_fn"] = keras.saving.deserialize_keras_object(config["loss_fn"])
        return cls(**config)


@registered
class LabelledCount(keras.metrics.Metric):
    """Number of labelled rows seen since the last reset (0 if there was none).

    Args:
        name: str. Defaults to `"labelled"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: not used.
        y_pred: `(batch, ...)`, for the number of rows where there are no weights.
        sample_weight: as in `MaskedMetric`.
    """

    def __init__(self, name="labelled", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        rows = ops.ones(ops.shape(y_pred)[:1], dtype=self.dtype)
        self.count.assign_add(ops.sum(ops.cast(row_mask(sample_weight, rows), self.dtype)))

    def result(self):
        # A new tensor: the variable itself would show in `fit`'s logs what validation counted.
        return ops.add(self.count, 0.0)
