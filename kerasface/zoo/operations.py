"""Multiply-accumulates of one forward pass, counted from the shapes that layers really see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import keras
import numpy as np
from keras import layers

from kerasface.layers.cosine_logits import CosineLogits

Shape = tuple[int, ...]
_patching = threading.Lock()


def _dense(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """Every output row takes the whole kernel: rows * inputs * units."""
    return prod(output[:-1]) * prod(layer.kernel.shape)


def _convolution(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """Every output place takes the whole kernel, which is `(*size, inputs / groups, filters)`."""
    return prod(output) // layer.filters * prod(layer.kernel.shape)


def _transposed(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """Every input place takes the whole kernel `(*size, filters, channels)`."""
    return prod(inputs[0]) // layer.kernel.shape[-1] * prod(layer.kernel.shape)


def _depthwise(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """Every output place takes the kernel `(*size, channels, multiplier)` once."""
    channels = prod(layer.kernel.shape[-2:])
    return prod(output) // channels * prod(layer.kernel.shape)


def _separable(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """The depthwise kernel, then the pointwise one, at every output place."""
    kernels = prod(layer.depthwise_kernel.shape) + prod(layer.pointwise_kernel.shape)
    return prod(output) // layer.filters * kernels


def _einsum(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """The product of the sizes of all letters of the equation."""
    terms, result = layer.equation.replace(" ", "").split("->")
    sizes: dict[str, int] = {}
    shapes = (inputs[0], tuple(layer.kernel.shape), output)
    for letters, shape in zip((*terms.split(","), result), shapes, strict=True):
        before, dots, after = letters.partition("...")
        for place, letter in enumerate(before):
            sizes[letter] = shape[place]
        for place, letter in enumerate(reversed(after), start=1):
            sizes[letter] = shape[-place]
        if dots:
            sizes["..."] = prod(shape[len(before) : len(shape) - len(after)])
    return prod(sizes.values())


def _attention(layer: Any, inputs: list[Shape], output: Shape) -> int:
    """Queries by keys, then by values; the projections are layers of their own."""
    queries, keys = prod(inputs[0][1:-1]), prod(inputs[1][1:-1])
    return inputs[0][0] * layer.num_heads * queries * keys * (layer.key_dim + layer.value_dim)


RULES: tuple[tuple[tuple[type, ...], Callable[[Any, list[Shape], Shape], int]], ...] = (
    ((layers.DepthwiseConv1D, layers.DepthwiseConv2D), _depthwise),
    ((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    ((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), _transposed),
    ((layers.Conv1D, layers.Conv2D, layers.Conv3D), _convolution),
    ((layers.Dense, CosineLogits), _dense),
    ((layers.EinsumDense,), _einsum),
    ((layers.MultiHeadAttention,), _attention),
)


@contextmanager
def _recorded(calls: list[tuple[Any, list[Shape], Shape]]) -> Iterator[None]:
    """While it is open, every layer call of this thread is written down.

    A functional trunk, a subclassed one, a Sequential head and a layer used twice all pass
    through `Layer.__call__`, so this sees what runs and not what a graph says may run.
    """
    thread = threading.get_ident()
    original = layers.Layer.__call__

    def call(layer, *args, **kwargs):
        output = original(layer, *args, **kwargs)
        if threading.get_ident() == thread and hasattr(output, "shape"):
            tensors = [each for each in (*args, *kwargs.values()) if hasattr(each, "shape")]
            calls.append((layer, [tuple(each.shape) for each in tensors], tuple(output.shape)))
        return output

    with _patching:
        layers.Layer.__call__ = call
        try:
            yield
        finally:
            layers.Layer.__call__ = original


def count_operations(model: keras.Model, input_shape: Shape) -> int:
    """Counts the multiply-accumulates of one forward pass outside of training.

    Convolutions, dense layers and attention are counted; biases, activations, normalisation
    and pooling are not, as is usual. One multiply-accumulate is two floating-point operations.

    Args:
        model: any Keras model of one image input; it runs once, on zeros.
        input_shape: `(height, width, channels)`.

    Returns:
        Multiply-accumulates for one image.

    Raises:
        TypeError: the model holds a matrix in a layer for which there is no rule, so that the
            count would be too low.

    Example:
        >>> model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)])
        >>> count_operations(model, (4, 4, 3))  # 2 * 2 places * 3 * 3 * 3 inputs * 2 filters
        216
    """
    calls: list[tuple[Any, list[Shape], Shape]] = []
    with _recorded(calls):
        model(np.zeros((1, *input_shape), "float32"), training=False)
    total, counted = 0, set()
    for layer, inputs, output in calls:
        rule = next((rule for kinds, rule in RULES if isinstance(layer, kinds)), None)
        if rule is not None:
            total += rule(layer, inputs, output)
            counted.update(id(weight) for weight in layer.weights)
    for weight in model.weights:
        if len(weight.shape) > 1 and id(weight) not in counted:
            raise TypeError(f"no rule counts the operations of {weight.path}")
    return int(total)
