"""A small residual network for 48 x 48 faces: the student's trunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers


def small_resnet(
    input_shape: tuple[int, int, int] = (48, 48, 3),
    widths: Sequence[int] = (64, 128, 224),
    blocks: Sequence[int] = (1, 1, 2),
    stem: int = 32,
    margins: tuple[tuple[int, int], tuple[int, int]] | None = None,
    dropout: float = 0.0,
    flatten: bool = False,
    normalization: Callable[[], keras.layers.Layer] = layers.BatchNormalization,
    convolution: Callable[..., keras.layers.Layer] = layers.Conv2D,
    name: str = "small_resnet",
) -> keras.Model:
    """Residual trunk of 1.94 million parameters at the default widths.

    A 3 x 3 stem of stride 2, then groups of residual blocks (two 3 x 3 convolutions each);
    every group after the first halves the map. No pooling in the stem: a face of 48 pixels
    has no detail to spare.

    Args:
        input_shape: `(height, width, channels)`.
        widths: channels of each group.
        blocks: residual blocks of each group.
        stem: channels of the stem.
        margins: `((top, bottom), (left, right))` pixels cut off the picture first, default none.
        dropout: share of the features dropped in training, default 0.
        flatten: keep the places of the last maps instead of their mean: for points, which are
            places. `input_shape` then fixes the number of features. Default False.
        normalization: makes each normalisation layer. A layer with the variables of
            `keras.layers.BatchNormalization` keeps weights interchangeable.
        convolution: makes each convolution, with the arguments of `keras.layers.Conv2D`.
        name: the model's name.

    Returns:
        A functional model, images `(batch, height, width, channels)` around -1..1 to pooled
        features `(batch, widths[-1])`, or `(batch, last height * width * widths[-1])`. Its layers
        `group1`, ... are the outputs of the groups of blocks, `features` is the pooled one.

    Raises:
        ValueError: `widths` and `blocks` differ in length, or pictures of any size are to be
            flattened.

    Reference:
        He et al., "Deep residual learning for image recognition" (2016), with the basic
        block; the stem and widths are ours.
    """
    if len(widths) != len(blocks):
        raise ValueError(
            "widths and blocks must be of one length. "
            f"Received: widths={tuple(widths)}, blocks={tuple(blocks)}"
        )

    if flatten and None in input_shape[:2]:
        raise ValueError(
            "flattened features are of pictures of one size. "
            f"Received: flatten=True, input_shape={tuple(input_shape)}"
        )

    def convolve(x, filters, kernel, stride=1, activate=True):
        x = convolution(filters, kernel, stride, padding="same", use_bias=False)(x)
        x = normalization()(x)
        return layers.ReLU()(x) if activate else x

    image = x = keras.Input(input_shape, name="image")
    if margins is not None:
        x = layers.Cropping2D(margins)(x)
    x = convolve(x, stem, 3, stride=2)
    for group, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            stride = 2 if group and not block else 1
            shortcut = x
            if stride > 1 or x.shape[-1] != width:
                shortcut = convolve(x, width, 1, stride, activate=False)
            x = convolve(x, width, 3, stride)
            x = convolve(x, width, 3, activate=False)
            last = f"group{group + 1}" if block == count - 1 else None
            x = layers.ReLU(name=last)(layers.Add()([x, shortcut]))
    pool = layers.Flatten if flatten else layers.GlobalAveragePooling2D
    x = pool(name="features")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(image, x, name=name)
