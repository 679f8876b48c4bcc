"""Momentum whose steps are orthogonal matrices: fits small networks in about half the images."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.orthogonalize import orthogonalize

# Root mean square of a step in units of the learning rate; as large as AdamW's own steps
# typically are, so that both share a rate and a weight decay (Liu et al. 2025, section 2.2).
STEP_RMS = 0.2
# A kernel over fewer channels reads the picture itself and is no hidden layer.
FEWEST_CHANNELS = 8


@registered
class Muon(keras.optimizers.Optimizer):
    """Nesterov momentum made orthogonal for kernels of hidden layers, AdamW for the rest.

    For a kernel `W` with gradient `g`: `m <- momentum m + g`, then
    `W <- W - rate * 0.2 sqrt(max(rows, columns)) * orthogonalize(g + momentum m)`. A
    convolution's kernel `(height, width, in, out)` is the matrix `(height width in, out)`.
    Vectors, kernels over fewer than eight channels (the first layer) and what `exclude` names
    are stepped by Adam with the same rate. Weight decay is decoupled, as in AdamW.

    `keras.optimizers.Muon` steps dense kernels only, and so is AdamW on a convolutional trunk.

    Args:
        learning_rate: float or schedule, default 0.004.
        weight_decay: share of a weight taken off a step, in units of the rate; default 0.02.
        momentum: in 0..1, default 0.95.
        beta_1: decay of Adam's first moment, default 0.9.
        beta_2: decay of Adam's second moment, default 0.999.
        epsilon: added to Adam's root, default 1e-7.
        exclude: parts of variables' paths that Adam steps: by default the heads, whose rows are
            classes and not hidden features.
        iteration_dtype: of the orthogonalisation, default "bfloat16".
        **kwargs: of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: momentum or a beta outside 0..1.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> model.compile(Muon(0.01), "mse")

    Reference:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); scale of
        the step and shared weight decay: Liu et al., "Muon is scalable for LLM training" (2025).
        Not theirs: which variables are left to Adam.
    """

    def __init__(
        self,
        learning_rate=0.004,
        weight_decay: float | None = 0.02,
        momentum: float = 0.95,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        exclude: Sequence[str] = ("heads",),
        iteration_dtype: str = "bfloat16",
        name: str = "muon",
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, name=name, **kwargs
        )
        for what, value in (("momentum", momentum), ("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= value < 1:
                raise ValueError(f"{what} must be at least 0 and below 1. Received: {what}={value}")
        self.momentum, self.beta_1, self.beta_2 = float(momentum), float(beta_1), float(beta_2)
        self.epsilon = float(epsilon)
        self.exclude = tuple(exclude)
        self.iteration_dtype = iteration_dtype

    def is_orthogonal(self, variable) -> bool:
        """Whether this variable's steps are made orthogonal."""
        return (
            len(variable.shape) in (2, 4)
            and variable.shape[-2] >= FEWEST_CHANNELS
            and not any(part in variable.path for part in self.exclude)
        )

    def build(self, variables):
        """Makes a momentum for each variable, and Adam's second moment where it is used."""
        if self.built:
            return
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(v, name="momentum") for v in variables]
        self.velocities = [
            None if self.is_orthogonal(v) else self.add_variable_from_reference(v, name="velocity")
            for v in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        first, second = self.momentums[place], self.velocities[place]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        if second is None:
            self.assign(first, self.momentum * first + gradient)
            step = self.orthogonal_step(gradient + self.momentum * first)
        else:
            self.assign_add(first, (gradient - first) * (1.0 - self.beta_1))
            self.assign_add(second, (ops.square(gradient) - second) * (1.0 - self.beta_2))
            count = ops.cast(self.iterations + 1, variable.dtype)
            mean = first / (1.0 - ops.power(self.beta_1, count))
            square = second / (1.0 - ops.power(self.beta_2, count))
            step = mean / (ops.sqrt(square) + self.epsilon)
        self.assign_sub(variable, rate * step)

    def orthogonal_step(self, direction):
        """The step of a kernel of this direction, before the rate; of the kernel's shape."""
        shape = direction.shape
        matrix = ops.reshape(direction, (-1, shape[-1]))
        longest = max(matrix.shape)
        step = orthogonalize(matrix, dtype=self.iteration_dtype)
        return ops.reshape(step * (STEP_RMS * longest**0.5), shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "exclude": list(self.exclude),
            "iteration_dtype": self.iteration_dtype,
        }
