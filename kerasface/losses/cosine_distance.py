"""A student's embedding against a teacher's: the angle between them."""

from __future__ import annotations

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.distances import unit_length


def cosine_distance(teacher, student):
    """`1 - cos(t, s)` a row, from 0 (same direction) to 2 (opposite); 1 for a zero vector.

    Args:
        teacher: `(batch, dim)` float, of any length; no gradient flows to it.
        student: `(batch, dim)` float, of any length.

    Returns:
        `(batch,)` float32.
    """
    teacher = ops.stop_gradient(ops.cast(teacher, "float32"))
    student = ops.cast(student, "float32")
    return 1.0 - ops.sum(unit_length(teacher) * unit_length(student), axis=-1)


@registered
class CosineDistance(keras.losses.Loss):
    """`cosine_distance` as a Keras loss, called with `(teacher, student)` embeddings.

    Unlike `keras.losses.CosineSimilarity` it is 0 for a perfect answer and its gradient is
    finite for a zero vector.

    Args:
        **kwargs: name, reduction and dtype of `keras.losses.Loss`.

    Example:
        >>> loss = CosineDistance()
        >>> float(loss([[1.0, 0.0]], [[0.0, 3.0]]))
        1.0

    Reference:
        Vielzeuf et al., "Towards a general model of knowledge for facial analysis by multi-source
        transfer learning" (2019), eq. 4. Printed there is the cosine itself as the loss, whose
        minimum is the opposite direction; what is meant, and is here, is one minus it.
    """

    def __init__(self, name: str = "cosine_distance", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return cosine_distance(y_true, y_pred)

    def get_config(self) -> dict:
        return {**super().get_config(), "dtype": self.dtype}
