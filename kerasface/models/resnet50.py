"""ResNet-50, whole or with all its widths divided by 2, 4 or 8."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

Margins = tuple[tuple[int, int], tuple[int, int]]
GROUPS = ((3, 64), (4, 128), (6, 256), (3, 512))
EXPANSION = 4


def resnet50(
    input_shape: tuple[int, int, int] = (48, 48, 3),
    divisor: int = 1,
    small_input: bool = True,
    stem_stride: int = 1,
    input_normalization: bool = False,
    margins: Margins | None = None,
    dropout: float = 0.0,
    normalization: Callable[[], keras.layers.Layer] = layers.BatchNormalization,
    convolution: Callable[..., keras.layers.Layer] = layers.Conv2D,
    name: str = "resnet50",
) -> keras.Model:
    """ResNet-50 with every width divided by `divisor`.

    Args:
        input_shape: `(height, width, channels)`.
        divisor: 1, 2, 4 or 8; parameters fall with about its square (23.6, 5.9, 1.5 and
            0.4 million).
        small_input: a 3 x 3 stem of stride 1 without pooling, for faces of about 32 to 64
            pixels. False is the paper's stem (7 x 7 of stride 2, then pooling).
        stem_stride: stride of that small stem, 1 or 2: 2 costs a quarter.
        input_normalization: batch normalisation right after the input instead of the subtraction
            of a mean, default False.
        margins: `((top, bottom), (left, right))` pixels cut off the picture first, default none.
        dropout: share of pooled features dropped in training, default 0.
        normalization: makes each normalisation layer.
        convolution: makes each convolution, with the arguments of `keras.layers.Conv2D`.
        name: the model's name.

    Returns:
        A functional model, images `(batch, height, width, channels)` around -1..1 to features
        `(batch, 2048 / divisor)`. Its layers `group1` to `group4` are the outputs of the groups
        of blocks, `features` is the pooled one.

    Raises:
        ValueError: another divisor.

    Reference:
        He et al., "Deep residual learning for image recognition" (2016), table 1. The stride
        stands in the 3 x 3 convolution of a block, as in most later code.
    """
    if divisor not in (1, 2, 4, 8):
        raise ValueError(f"divisor must be 1, 2, 4 or 8. Received: divisor={divisor}")

    def convolve(x, filters, kernel, stride=1, activate=True):
        x = convolution(filters, kernel, stride, padding="same", use_bias=False)(x)
        x = normalization()(x)
        return layers.ReLU()(x) if activate else x

    image = x = keras.Input(input_shape, name="image")
    if margins is not None:
        x = layers.Cropping2D(margins)(x)
    if input_normalization:
        x = normalization()(x)
    if small_input:
        x = convolve(x, 64 // divisor, 3, stride=stem_stride)
    else:
        x = convolve(x, 64 // divisor, 7, stride=2)
        x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for group, (count, filters) in enumerate(GROUPS):
        width = filters // divisor
        for block in range(count):
            stride = 2 if group and not block else 1
            shortcut = x
            if not block:
                shortcut = convolve(x, width * EXPANSION, 1, stride, activate=False)
            x = convolve(x, width, 1)
            x = convolve(x, width, 3, stride)
            x = convolve(x, width * EXPANSION, 1, activate=False)
            last = f"group{group + 1}" if block == count - 1 else None
            x = layers.ReLU(name=last)(layers.Add()([x, shortcut]))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(image, x, name=name)
