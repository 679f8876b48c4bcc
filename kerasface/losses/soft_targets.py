"""A student's logits against a teacher's: soft targets with a temperature."""

from __future__ import annotations

import keras
from keras import ops

from kerasface.export import registered


def soft_target_crossentropy(teacher_logits, student_logits, temperature=1.0):
    """Cross-entropy of the softened class distributions, times the temperature squared.

    `t^2 * H(softmax(z_T / t), softmax(z_S / t))`: the factor keeps the gradient's size about
    the same at every temperature, as the paper advises.

    Args:
        teacher_logits: `(batch, classes)` float; no gradient flows to them.
        student_logits: `(batch, classes)` float.
        temperature: `t`, more than 0; higher shows more of the teacher's small probabilities.

    Returns:
        `(batch,)` float32.

    Reference:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015), sec. 2.
    """
    teacher = ops.stop_gradient(ops.cast(teacher_logits, "float32")) / temperature
    student = ops.cast(student_logits, "float32") / temperature
    target = ops.softmax(teacher, axis=-1)
    return -(temperature**2) * ops.sum(target * ops.log_softmax(student, axis=-1), axis=-1)


@registered
class SoftTargetCrossentropy(keras.losses.Loss):
    """`soft_target_crossentropy` as a Keras loss, called with `(teacher, student)` logits.

    Args:
        temperature: more than 0, default 1.
        **kwargs: name, reduction and dtype of `keras.losses.Loss`.

    Raises:
        ValueError: the temperature is not positive.

    Example:
        >>> loss = SoftTargetCrossentropy(temperature=2.0)
        >>> float(loss([[0.0, 0.0]], [[0.0, 0.0]]))  # 4 * ln 2
        2.7725887298583984
    """

    def __init__(self, temperature: float = 1.0, name: str = "soft_targets", **kwargs):
        super().__init__(name=name, **kwargs)
        if not temperature > 0:
            raise ValueError(
                f"temperature must be more than 0. Received: temperature={temperature}"
            )
        self.temperature = float(temperature)

    def call(self, y_true, y_pred):
        return soft_target_crossentropy(y_true, y_pred, self.temperature)

    def get_config(self) -> dict:
        return {**super().get_config(), "temperature": self.temperature, "dtype": self.dtype}
