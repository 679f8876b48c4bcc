"""Trunks by name: our own, and any of keras.applications."""

from __future__ import annotations

from difflib import get_close_matches

import keras

from kerasface.models.resnet18 import resnet18
from kerasface.models.resnet50 import resnet50
from kerasface.models.small_resnet import small_resnet
from kerasface.models.vgg16 import vgg16

TRUNKS = {
    "small_resnet": small_resnet,
    "vgg16": vgg16,
    "resnet18": resnet18,
    "resnet50": resnet50,
}
APPLICATIONS = "applications/"


def build_trunk(name: str, **config) -> keras.Model:
    """A new trunk, images to features.

    Args:
        name: a key of `TRUNKS`, or "applications/" and a function of `keras.applications`
            ("applications/MobileNetV3Small").
        **config: arguments of that function. For applications `include_top=False`,
            `pooling="avg"` and `weights=None` stand unless given.

    Returns:
        A Keras model, images `(batch, height, width, channels)` to `(batch, dim)`.

    Raises:
        ValueError: an unknown name; near names are listed.

    Example:
        >>> build_trunk("small_resnet", widths=(8, 16, 16)).output_shape
        (None, 16)
    """
    if name.startswith(APPLICATIONS):
        builder = getattr(keras.applications, name.removeprefix(APPLICATIONS), None)
        if callable(builder):
            return builder(**{"include_top": False, "pooling": "avg", "weights": None, **config})
    elif name in TRUNKS:
        return TRUNKS[name](**config)
    near = get_close_matches(name, TRUNKS, cutoff=0.3) or sorted(TRUNKS)
    raise ValueError(
        f"no trunk of that name; near: {', '.join(near)}, or '{APPLICATIONS}<Name>'. "
        f"Received: name={name!r}"
    )
