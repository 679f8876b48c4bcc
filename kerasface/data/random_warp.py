"""Pictures moved, turned and resized by one resampling in Keras operations, on any backend.

Keras's own RandomTranslation, RandomZoom and RandomRotation resample one after another and cannot
be compiled (`supports_jit` is false), so a JAX model that held one would train uncompiled.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from kerasface.export import registered


def warp(images, size, angle, move):
    """Each picture about its centre: enlarged, turned, then moved; mirrored past its border.

    Args:
        images: `(batch, height, width, channels)` float.
        size: `(batch,)` factors; above 1 the content grows.
        angle: `(batch,)` radians; what was to the right of the centre turns downwards.
        move: `(batch, 2)` shares of width and height, to the right and down.

    Returns:
        The same shape and dtype; between pixels the four nearest are weighted linearly.
    """
    batch, height, width, channels = ops.shape(images)
    # Of each output pixel, as shares from the centre: where in the input it comes from.
    x = _middles(width)[None, None, :] - move[:, 0, None, None]
    y = _middles(height)[None, :, None] - move[:, 1, None, None]
    cos, sin = (ops.cos(angle) / size)[:, None, None], (ops.sin(angle) / size)[:, None, None]
    column = (cos * x + sin * y + 0.5) * ops.cast(width, "float32") - 0.5
    row = (cos * y - sin * x + 0.5) * ops.cast(height, "float32") - 0.5
    left, top = ops.floor(column), ops.floor(row)
    right_share = ops.cast(column - left, images.dtype)[..., None]
    lower_share = ops.cast(row - top, images.dtype)[..., None]
    left, top = ops.cast(left, "int32"), ops.cast(top, "int32")
    pixels = ops.reshape(images, (batch * height * width, channels))
    first = (ops.arange(batch, dtype="int32") * (height * width))[:, None, None]

    def at(rows, columns):
        inside = _mirrored(rows, height) * width + _mirrored(columns, width)
        return ops.take(pixels, first + inside, axis=0)

    upper = at(top, left) * (1.0 - right_share) + at(top, left + 1) * right_share
    lower = at(top + 1, left) * (1.0 - right_share) + at(top + 1, left + 1) * right_share
    return upper * (1.0 - lower_share) + lower * lower_share


def _middles(length):
    """Pixels' middles as shares of the side, from the centre."""
    return (ops.arange(length, dtype="float32") + 0.5) / ops.cast(length, "float32") - 0.5


def _mirrored(index, length):
    """Pixel numbers brought inside by reflection, the edge pixel repeated."""
    index = ops.mod(index, 2 * length)
    return ops.where(index < length, index, 2 * length - 1 - index)


@registered
class RandomWarp(layers.Layer):
    """`warp` by amounts drawn anew for each picture, in training only.

    Args:
        shift: largest move along each axis, share of the picture's side, 0..1.
        scale: largest change of size, share below 1: 0.1 draws from 0.9 to 1.1.
        rotate: largest turn in degrees, 0..180.
        seed: int or None.
        **kwargs: name and dtype of `keras.layers.Layer`.

    Call arguments:
        images: `(batch, height, width, channels)` uint8 or float.
        training: bool or None; None and False give the pictures back.

    Returns:
        The same shape, in the layer's compute dtype.

    Raises:
        ValueError: an amount out of its range.

    Example:
        >>> import numpy as np
        >>> picture = np.full((1, 8, 8, 3), 7, "uint8")
        >>> float(keras.ops.min(RandomWarp(rotate=45.0)(picture, training=True)))  # no dark corner
        7.0
    """

    def __init__(
        self,
        shift: float = 0.0,
        scale: float = 0.0,
        rotate: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not (0 <= shift <= 1 and 0 <= scale < 1 and 0 <= rotate <= 180):
            raise ValueError(
                "shift must be 0..1, scale 0 or more and below 1, rotate 0..180. "
                f"Received: shift={shift}, scale={scale}, rotate={rotate}"
            )
        self.shift, self.scale, self.rotate = float(shift), float(scale), float(rotate)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=None):
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        draws = keras.random.uniform(
            (ops.shape(images)[0], 4), -1.0, 1.0, dtype="float32", seed=self.generator
        )
        return warp(
            images,
            1.0 + draws[:, 0] * self.scale,
            draws[:, 1] * math.radians(self.rotate),
            draws[:, 2:] * self.shift,
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "shift": self.shift,
            "scale": self.scale,
            "rotate": self.rotate,
            "seed": self.seed,
        }
