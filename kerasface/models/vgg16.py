"""VGG-16 in the form that fits a 48 x 48 face: the teacher's trunk."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

# Convolutions of each group and their channels, configuration D of the paper.
GROUPS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def vgg16(
    input_shape: tuple[int, int, int] = (48, 48, 3),
    width: float = 1.0,
    dropout: float = 0.0,
    normalization: Callable[[], keras.layers.Layer] = layers.BatchNormalization,
    convolution: Callable[..., keras.layers.Layer] = layers.Conv2D,
    name: str = "vgg16",
) -> keras.Model:
    """VGG-16's thirteen convolutions, without the last pooling and without its dense layers.

    At 48 x 48 the fifth group works on 3 x 3 maps, which are averaged instead of pooled to
    one pixel. Each convolution is followed by batch normalisation, which the paper predates.

    Args:
        input_shape: `(height, width, channels)`, sides at least 16 or None for any.
        width: factor of every number of channels; 1 has 14.7 million parameters, 0.5 has 3.7.
        dropout: share of pooled features dropped in training, default 0.
        normalization: makes each normalisation layer.
        convolution: makes each convolution, with the arguments of `keras.layers.Conv2D`.
        name: the model's name.

    Returns:
        A functional model, images `(batch, height, width, channels)` around -1..1 to features
        `(batch, 512 * width)`. Its layers `group1` to `group5` are the outputs of the groups of
        convolutions, `features` is the pooled one.

    Raises:
        ValueError: the width leaves no channel or the image is too small.

    Reference:
        Simonyan, Zisserman, "Very deep convolutional networks" (2015), table 1, D.
    """
    sides = [side for side in input_shape[:2] if side is not None]
    if int(64 * width) < 1 or min(sides, default=16) < 16:
        raise ValueError(
            "width must leave a channel and sides be 16 or more. "
            f"Received: width={width}, input_shape={input_shape}"
        )
    image = keras.Input(input_shape, name="image")
    x = image
    for group, (count, filters) in enumerate(GROUPS):
        if group:
            x = layers.MaxPooling2D()(x)
        for place in range(count):
            x = convolution(int(filters * width), 3, padding="same", use_bias=False)(x)
            last = f"group{group + 1}" if place == count - 1 else None
            x = layers.ReLU(name=last)(normalization()(x))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(image, x, name=name)
