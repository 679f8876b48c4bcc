"""Augmentation on the device, inside the model, as Keras layers: any backend, no input pipeline."""

from __future__ import annotations

import keras
from keras import layers, ops

from kerasface.data.random_warp import RandomWarp
from kerasface.export import registered

WHITE = 255.0
# Weights of red, green and blue in a picture's lightness (ITU-R BT.601), as in `Augmentation`.
LIGHTNESS = (0.299, 0.587, 0.114)
# Squares of an erased rectangle's sides, as shares of the picture's: 10 to 25 % of its area.
ERASED = (0.10, 0.25)
MIDDLE_GREY = 127.5


@registered
class RandomGrey(layers.Layer):
    """Takes the colour out of some pictures, in training only.

    Every picture is grey with the given probability on its own, all channels then holding its
    lightness. A network that sees both cannot tell grey sets from coloured ones by colour.

    Args:
        probability: 0..1, default 0.5.
        seed: int or None.
        **kwargs: name and dtype of `keras.layers.Layer`.

    Call arguments:
        images: `(batch, height, width, 3)` uint8 or float.
        training: bool or None; None and False give the pictures back.

    Returns:
        The same shape, in the layer's compute dtype.

    Raises:
        ValueError: the probability is outside 0..1.

    Example:
        >>> import numpy as np
        >>> grey = RandomGrey(1.0)(np.full((1, 2, 2, 3), [255, 0, 0], "uint8"), training=True)
        >>> [round(float(value), 3) for value in grey[0, 0, 0]]
        [76.245, 76.245, 76.245]
    """

    def __init__(self, probability: float = 0.5, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must be 0..1. Received: probability={probability}")
        self.probability, self.seed = float(probability), seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=None):
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        lightness = ops.sum(images * ops.cast(LIGHTNESS, images.dtype), axis=-1, keepdims=True)
        draws = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=self.generator)
        return ops.where(draws < self.probability, lightness, images)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "probability": self.probability, "seed": self.seed}


@registered
class DeviceAugmentation(layers.Layer):
    """What `Augmentation` does to pictures, as a stack of Keras layers for `FaceModel`.

    Each change is drawn anew for each picture, on the device, in training only. Labels stay
    where they are: not for landmarks, which move with the picture; `mix(augmentation=...)`
    moves them.

    Args:
        flip: mirror half of the pictures, default True.
        shift: largest move along each axis, share of the picture's side.
        scale: largest change of size, share.
        rotate: largest turn in degrees.
        contrast: largest change of contrast, share.
        brightness: largest change of brightness, share of 255.
        grey: probability that a picture loses its colour.
        erase: probability that a rectangle of 10 to 25 % of the area becomes grey.
        seed: int or None; each layer takes a seed of its own from it.
        **kwargs: name of `keras.layers.Layer`. Works in float32 whatever the policy: bfloat16
            would round pixels.

    Call arguments:
        images: `(batch, height, width, 3)` uint8 or float, 0..255.
        training: bool or None.

    Returns:
        The same shape, float32, 0..255.

    Raises:
        ValueError: a share or probability outside 0..1, or a turn outside 0..180.

    Example:

        model = FaceModel(trunk, tasks, augmentation=DeviceAugmentation(erase=0.0))
    """

    def __init__(
        self,
        flip: bool = True,
        shift: float = 0.08,
        scale: float = 0.1,
        rotate: float = 8.0,
        contrast: float = 0.25,
        brightness: float = 0.1,
        grey: float = 0.5,
        erase: float = 0.25,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.settings = {
            "flip": bool(flip),
            "shift": float(shift),
            "scale": float(scale),
            "rotate": float(rotate),
            "contrast": float(contrast),
            "brightness": float(brightness),
            "grey": float(grey),
            "erase": float(erase),
        }
        for name, value in self.settings.items():
            if not 0 <= value <= (180 if name == "rotate" else 1):
                raise ValueError(f"{name} is out of its range. Received: {name}={value}")
        self.seed = seed
        self.stack = self._make_stack(**self.settings)

    def _make_stack(self, flip, shift, scale, rotate, contrast, brightness, grey, erase) -> list:
        # Pairs, as Keras takes one number for a range from 0 (erasing) or upwards only (contrast).
        wanted = (
            (flip, layers.RandomFlip, {"mode": "horizontal"}),
            (
                shift or scale or rotate,
                RandomWarp,
                {"shift": shift, "scale": scale, "rotate": rotate},
            ),
            (grey, RandomGrey, {"probability": grey}),
            (contrast, layers.RandomContrast, {"factor": (contrast, contrast)}),
            (brightness, layers.RandomBrightness, {"factor": (-brightness, brightness)}),
            (
                erase,
                layers.RandomErasing,
                {"factor": (erase, erase), "scale": ERASED, "fill_value": MIDDLE_GREY},
            ),
        )
        return [
            kind(**config, seed=None if self.seed is None else self.seed + number, dtype="float32")
            for number, (amount, kind, config) in enumerate(wanted)
            if amount
        ]

    def build(self, input_shape):
        for layer in self.stack:
            layer.build(input_shape)

    def call(self, images, training=None):
        images = ops.cast(images, "float32")
        if not training:
            return images
        for layer in self.stack:
            images = layer(images, training=True)
        return ops.clip(images, 0.0, WHITE)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        config = super().get_config()
        del config["dtype"]
        return {**config, **self.settings, "seed": self.seed}
