"""Gradient reversal with a strength that can change while training runs."""

import keras

from kerasface.export import registered
from kerasface.ops.reversal import reverse_gradient


@registered
class GradientReversal(keras.layers.Layer):
    """Identity whose gradient is multiplied by `-strength`.

    Placed before a domain discriminator it trains the layers after it to tell domains apart and
    the layers before it to prevent that. `layer.strength` is a variable, not trained and saved
    with the weights; a schedule sets it with `layer.strength.assign(value)`.

    Args:
        strength: float >= 0, value of the variable at the start. Defaults to 1. With 0 nothing
            flows back to the layers before.
        **kwargs: `name`, `dtype`.

    Call arguments:
        inputs: float tensor of any shape.

    Returns:
        The same values, in the layer's compute dtype.

    Raises:
        ValueError: if `strength` is negative or not finite.

    Example:

    >>> import keras
    >>> layer = GradientReversal(strength=0.0)
    >>> features = layer(keras.ops.ones((2, 3)))
    >>> _ = layer.strength.assign(0.5)
    >>> float(layer.strength)
    0.5

    Reference:
        Ganin et al., "Domain-adversarial training of neural networks" (2016), section 4.2.
    """

    def __init__(self, strength=1.0, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= strength < float("inf"):
            raise ValueError(f"`strength` must be at least 0. Received: strength={strength}")
        self.initial_strength = float(strength)
        # float32 under every policy: a schedule's small steps would be lost in half precision.
        self.strength = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.initial_strength),
            dtype="float32",
            trainable=False,
            name="strength",
        )
        self.built = True

    def call(self, inputs):
        return reverse_gradient(inputs, self.strength)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "strength": self.initial_strength}
