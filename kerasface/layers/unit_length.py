"""Vectors of length 1."""

import keras

from kerasface.export import registered
from kerasface.ops.distances import unit_length


@registered
class UnitLength(keras.layers.Layer):
    """Scales each vector to length 1; a zero vector stays 0, with a gradient of 0.

    Unlike `keras.layers.UnitNormalization` the gradient is finite everywhere and the length is
    taken in float32 under mixed precision.

    Args:
        axis: int, the axis of the vector. Defaults to -1.
        **kwargs: `name`, `dtype`.

    Call arguments:
        inputs: `(batch, ..., dim)` float tensor.

    Returns:
        Tensor of the same shape, in the layer's compute dtype.

    Example:

    >>> import keras
    >>> [round(float(part), 1) for part in UnitLength()(keras.ops.array([[3.0, 4.0]]))[0]]
    [0.6, 0.8]
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = int(axis)

    def call(self, inputs):
        return unit_length(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}
