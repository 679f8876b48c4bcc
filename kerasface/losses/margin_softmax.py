"""Softmax that is right only with room to spare: the own class's logit less a margin."""

from __future__ import annotations

import keras
from keras import ops

from kerasface.export import registered


def margin_softmax(labels, logits, margin):
    """Cross-entropy after the label's own logit was lowered: `H(softmax(z - margin e_y), y)`.

    Args:
        labels: `(batch,)` integers.
        logits: `(batch, classes)` float, such as scaled cosines.
        margin: in the unit of the logits: CosFace's `s m`.

    Returns:
        `(batch,)` float32.

    Reference:
        Wang et al., "CosFace: large margin cosine loss for deep face recognition" (2018), eq. 4.
    """
    logits = ops.cast(logits, "float32")
    own = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), ops.shape(logits)[-1])
    return -ops.sum(own * ops.log_softmax(logits - margin * own, axis=-1), axis=-1)


@registered
class MarginSoftmax(keras.losses.Loss):
    """`margin_softmax` as a Keras loss, of the logits of `CosineLogits`.

    Args:
        margin: of the cosine, at least 0, default 0.35.
        scale: that of the logits, more than 0, default 32.
        **kwargs: name, reduction and dtype of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integers.
        y_pred: `(batch, classes)` cosines times `scale`.

    Raises:
        ValueError: a margin below 0 or a scale that is not positive.

    Example:
        >>> loss = MarginSoftmax(margin=0.5, scale=2.0)
        >>> round(float(loss([0], [[1.0, 0.0]])), 4)  # 1 - 0.5 * 2 = 0, so ln 2
        0.6931
    """

    def __init__(
        self, margin: float = 0.35, scale: float = 32.0, name: str = "margin_softmax", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        if not margin >= 0 or not scale > 0:
            raise ValueError(
                "the margin must be at least 0 and the scale more than 0. "
                f"Received: margin={margin}, scale={scale}"
            )
        self.margin, self.scale = float(margin), float(scale)

    def call(self, y_true, y_pred):
        return margin_softmax(y_true, y_pred, self.margin * self.scale)

    def get_config(self) -> dict:
        config = {"margin": self.margin, "scale": self.scale, "dtype": self.dtype}
        return {**super().get_config(), **config}
