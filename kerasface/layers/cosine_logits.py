"""Logits that are cosines: how near a vector points to each class's own direction."""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.distances import unit_length


@registered
class CosineLogits(keras.layers.Layer):
    """`scale * cos(x, w_c)` for each class c: lengths of vectors and of weights do not count.

    Args:
        classes: how many, at least 2.
        scale: what the cosines are multiplied by, more than 0, default 32. The softmax of cosines
            themselves could never be sure.
        **kwargs: `name`, `dtype`. Cosines are always taken in float32.

    Call arguments:
        inputs: `(batch, dim)` float.

    Returns:
        `(batch, classes)` float32.

    Raises:
        ValueError: fewer than two classes or a scale that is not positive.

    Example:

    >>> import keras
    >>> layer = CosineLogits(2, scale=10.0)
    >>> layer.build((None, 2))
    >>> layer.set_weights([keras.ops.convert_to_numpy([[3.0, 0.0], [0.0, 1.0]])])
    >>> [round(float(each), 1) for each in layer(keras.ops.array([[6.0, 8.0]]))[0]]
    [6.0, 8.0]

    Reference:
        Wang et al., "CosFace: large margin cosine loss for deep face recognition" (2018), eq. 3,
        without its margin, which belongs to the loss (`MarginSoftmax`).
    """

    def __init__(self, classes: int, scale: float = 32.0, **kwargs):
        super().__init__(**kwargs)
        if classes < 2 or not scale > 0:
            raise ValueError(
                "two classes or more are needed, and a positive scale. "
                f"Received: classes={classes}, scale={scale}"
            )
        self.classes, self.scale = int(classes), float(scale)

    def build(self, input_shape):
        shape = (input_shape[-1], self.classes)
        self.kernel = self.add_weight(shape, name="kernel", initializer="glorot_uniform")
        self.built = True

    def call(self, inputs):
        vectors = unit_length(ops.cast(inputs, "float32"))
        directions = unit_length(ops.cast(self.kernel, "float32"), axis=0)
        return self.scale * ops.matmul(vectors, directions)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.classes)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "scale": self.scale}
