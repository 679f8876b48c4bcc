"""Absolute error in a unit, divided by a scale so that tasks weigh about the same."""

from __future__ import annotations

import keras
from keras import ops

from kerasface.export import registered


@registered
class ScaledAbsoluteError(keras.losses.Loss):
    """`mean(|y - p|) / scale` over everything but the first axis.

    Args:
        scale: more than 0, in the label's unit, default 1.
        **kwargs: name, reduction and dtype of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch, ...)` float.
        y_pred: float of the same number of values a row.

    Raises:
        ValueError: the scale is not positive.
    """

    def __init__(self, scale: float = 1.0, name: str = "scaled_absolute_error", **kwargs):
        super().__init__(name=name, **kwargs)
        if not scale > 0:
            raise ValueError(f"scale must be more than 0. Received: scale={scale}")
        self.scale = float(scale)

    def call(self, y_true, y_pred):
        prediction = ops.reshape(ops.cast(y_pred, "float32"), (ops.shape(y_pred)[0], -1))
        truth = ops.reshape(ops.cast(y_true, "float32"), ops.shape(prediction))
        return ops.mean(ops.abs(truth - prediction), axis=-1) / self.scale

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "dtype": self.dtype}
