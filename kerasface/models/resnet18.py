"""ResNet-18's form with fewer channels, for 48 x 48 faces: the trunk that many networks become."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from kerasface.models.small_resnet import small_resnet

GROUPS = 4
BLOCKS = 2


def resnet18(
    input_shape: tuple[int, int, int] = (48, 48, 3),
    width: int = 28,
    embedding: int | None = None,
    dropout: float = 0.0,
    flatten: bool = False,
    normalization: Callable[[], keras.layers.Layer] = layers.BatchNormalization,
    convolution: Callable[..., keras.layers.Layer] = layers.Conv2D,
    name: str = "resnet18",
) -> keras.Model:
    """Four groups of two basic blocks of `width`, 2, 4 and 8 times `width` channels.

    At the default width 2.15 million parameters, at 64 ResNet-18's own 11.2. The stem is 3 x 3 of
    stride 2 without pooling: a face of 48 pixels has no detail to spare.

    Args:
        input_shape: `(height, width, channels)`.
        width: channels of the stem and of the first group, at least 1.
        embedding: length of one more linear layer behind the features, named
            `embedding`; default None, no such layer.
        dropout: share of the features dropped in training, default 0.
        flatten: as of `small_resnet`: the embedding then reads the places of the last maps, for
            faces that are aligned.
        normalization: makes each normalisation layer.
        convolution: makes each convolution, with the arguments of `keras.layers.Conv2D`.
        name: the model's name.

    Returns:
        A functional model, images `(batch, height, width, channels)` around -1..1 to
        `(batch, 8 * width)`, or `(batch, embedding)`.

    Raises:
        ValueError: a width or an embedding below 1.

    Reference:
        He et al., "Deep residual learning for image recognition" (2016), table 1, 18 layers.
        Vielzeuf et al. (2019), section 3.3, whose student of this form has 2.2 million
        parameters; they do not say with which widths.
    """
    if width < 1 or (embedding is not None and embedding < 1):
        raise ValueError(
            f"width and embedding must be 1 or more. Received: width={width}, embedding={embedding}"
        )
    widths = [width * 2**group for group in range(GROUPS)]
    trunk = small_resnet(
        input_shape,
        widths,
        (BLOCKS,) * GROUPS,
        stem=width,
        dropout=dropout,
        flatten=flatten,
        normalization=normalization,
        convolution=convolution,
        name=name,
    )
    if embedding is None:
        return trunk
    vector = layers.Dense(embedding, name="embedding")(trunk.output)
    return keras.Model(trunk.input, vector, name=name)
