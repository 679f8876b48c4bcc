"""Squared Euclidean distance of two vectors: key points, logits, hidden layers."""

from __future__ import annotations

import keras
from keras import ops

from kerasface.export import registered


def squared_distance(target, values, scale=1.0):
    """`sum_j ((target_j - values_j) / scale)^2` over everything but the first axis.

    Args:
        target: `(batch, ...)` float.
        values: float of the same number of values a row.
        scale: more than 0, in the unit of the values. Defaults to 1.

    Returns:
        `(batch,)` float32.
    """
    values = ops.cast(values, "float32")
    values = ops.reshape(values, (ops.shape(values)[0], -1))
    target = ops.reshape(ops.cast(target, "float32"), ops.shape(values))
    return ops.sum(ops.square((target - values) / scale), axis=-1)


@registered
class SquaredDistance(keras.losses.Loss):
    """`squared_distance` as a Keras loss: a sum over a row's values, a mean over the rows.

    Args:
        scale: more than 0, in the unit of the values, default 1.
        **kwargs: name, reduction and dtype of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch, ...)` float.
        y_pred: float of the same number of values a row.

    Raises:
        ValueError: the scale is not positive.

    Example:
        >>> float(SquaredDistance()([[1.0, 2.0]], [[4.0, 6.0]]))  # 9 + 16
        25.0

    Reference:
        Wang et al., "Model distillation with knowledge transfer from face classification to
        alignment and verification" (2017), eq. 6 and 7; Romero et al., "FitNets" (2015), eq. 3,
        which halves it.
    """

    def __init__(self, scale: float = 1.0, name: str = "squared_distance", **kwargs):
        super().__init__(name=name, **kwargs)
        if not scale > 0:
            raise ValueError(f"scale must be more than 0. Received: scale={scale}")
        self.scale = float(scale)

    def call(self, y_true, y_pred):
        return squared_distance(y_true, y_pred, self.scale)

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "dtype": self.dtype}
