"""The adversary's head: which data set does this face come from?"""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.layers.gradient_reversal import GradientReversal
from kerasface.layers.unit_length import UnitLength

# The features change as long as the trunk learns, so their mean follows within some ten steps; a
# feature that hardly varies is not blown up.
MOMENTUM, EPSILON = 0.9, 1e-4


@registered
class DomainDiscriminator(keras.layers.Layer):
    """Gradient reversal, then a small network that tells domains apart.

    Its own layers learn to recognise the domain; through the reversal the trunk learns to hide
    it. With a softmax cross-entropy take the output as logits of the domains. With a triplet
    loss on the domain, as in the paper, take it as an embedding.

    Args:
        size: int >= 1, number of outputs: domains, or dimensions of the embedding.
        hidden: sequence of ints, widths of the hidden layers. Defaults to `(128,)`.
        strength: float >= 0, strength of the reversal at the start; `layer.reversal.strength` is
            the variable. Defaults to 1.
        output: `"logits"`, or `"embedding"` for outputs of unit length. Defaults to `"logits"`.
        dropout: float in [0, 1), after each hidden layer. Defaults to 0.
        normalize: bool, bring each feature to mean 0 and standard deviation 1 first, in training
            over the global batch. What tells domains apart is often small beside what all features
            have in common; without this the discriminator learns it more slowly than the trunk can
            change it, and a confused discriminator is no proof of features without a domain.
            Defaults to False.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        features: `(batch, dim)` float tensor from the trunk.
        training: bool or None, for dropout.

    Returns:
        `(batch, size)` float32.

    Raises:
        ValueError: for a size or width below 1 or another `output`.

    Example:

    >>> import keras
    >>> adversary = DomainDiscriminator(3, hidden=(16,))
    >>> tuple(adversary(keras.ops.ones((2, 8))).shape)
    (2, 3)

    Reference:
        "Distill-2MD-MTL" (2019), section 3.1 and figure 3: a triplet loss, subtracted from the
        sum of the task losses. Reversal gives the trunk that gradient and the discriminator the
        opposite one in a single backward pass.
    """

    def __init__(
        self,
        size,
        hidden=(128,),
        strength=1.0,
        output="logits",
        dropout=0.0,
        normalize=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if size < 1 or any(width < 1 for width in hidden):
            raise ValueError(
                f"Sizes must be at least 1. Received: size={size}, hidden={tuple(hidden)}"
            )
        if output not in ("logits", "embedding"):
            raise ValueError(
                f'`output` must be "logits" or "embedding". Received: output={output!r}'
            )
        self.size, self.hidden = int(size), tuple(int(width) for width in hidden)
        self.output_kind, self.dropout = output, float(dropout)
        policy = self.dtype_policy
        self.reversal = GradientReversal(strength, name="reversal", dtype=policy)
        self.normalization = None
        if normalize:
            self.normalization = keras.layers.BatchNormalization(
                center=False,
                scale=False,
                momentum=MOMENTUM,
                epsilon=EPSILON,
                # Over the rows of all devices; on JAX a step sees them anyway.
                synchronized=keras.backend.backend() == "tensorflow",
                name="normalization",
                dtype=policy,
            )
        self.hidden_layers = []
        for index, width in enumerate(self.hidden):
            name = f"hidden_{index}"
            dense = keras.layers.Dense(width, activation="relu", name=name, dtype=policy)
            self.hidden_layers.append(dense)
            if self.dropout:
                self.hidden_layers.append(keras.layers.Dropout(self.dropout, dtype=policy))
        self.last = keras.layers.Dense(self.size, name="last", dtype=policy)
        self.unit = UnitLength(name="unit", dtype="float32") if output == "embedding" else None

    def build(self, input_shape):
        self.reversal.build(input_shape)
        if self.normalization is not None:
            self.normalization.build(input_shape)
        for layer in (*self.hidden_layers, self.last):
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, features, training=None):
        x = self.reversal(features)
        if self.normalization is not None:
            x = self.normalization(x)
        for layer in self.hidden_layers:
            # Keras hands `training` down to the dropout.
            x = layer(x)
        x = ops.cast(self.last(x), "float32")
        return x if self.unit is None else self.unit(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.size)

    def compute_output_spec(self, features, training=None):
        # From the shape alone Keras would take the dtype of the policy and not float32.
        return keras.KerasTensor(self.compute_output_shape(features.shape), "float32")

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "hidden": list(self.hidden),
            "strength": self.reversal.initial_strength,
            "output": self.output_kind,
            "dropout": self.dropout,
            "normalize": self.normalization is not None,
        }
