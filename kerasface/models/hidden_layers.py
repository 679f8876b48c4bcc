"""Layers inside a model, read in the same call as its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

import keras

from kerasface.models.face_model import FaceModel


def with_hidden(model: FaceModel, names: Sequence[str]) -> Callable:
    """A function of pictures to a model's outputs and to layers of its trunk, in one pass.

    The layers are the model's own: training through this function trains the model, and it holds
    no weight that the model does not. Our trunks name the outputs of their groups of blocks
    `group1`, `group2`, ... and their pooled features `features`.

    Args:
        model: a `FaceModel` whose trunk is a functional Keras model.
        names: layers of the trunk.

    Returns:
        `ask(images, training=False, fork=None)`, which gives `(outputs, hidden)`: the model's own
        dict by task name, and a dict by layer name of `(batch, ...)`.

    Raises:
        ValueError: the trunk is no functional model, or has no layer of a name; near names are
            listed.

    Example:
        >>> from kerasface.models import build_trunk
        >>> from kerasface.tasks import Classification
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 16))
        >>> model = FaceModel(trunk, [Classification("gender", ("male", "female"))])
        >>> ask = with_hidden(model, ["group2", "features"])
        >>> outputs, hidden = ask(keras.ops.zeros((2, 48, 48, 3)))
        >>> tuple(outputs["gender"].shape), tuple(hidden["group2"].shape)
        ((2, 2), (2, 12, 12, 8))
    """
    names = tuple(dict.fromkeys(names))
    inside = [hidden_output(model, name) for name in names]
    tapped = keras.Model(model.trunk.inputs, [model.trunk.output, *inside], name="tapped")

    def ask(images, training=False, fork=None):
        found = tapped(model.trunk_input(images, training), training=training)
        # Keras gives a list of one output as that output.
        features, *layers = found if names else [found]
        outputs = model.answers(model.pooled(features), training, fork)
        return outputs, dict(zip(names, layers, strict=True))

    return ask


def up_to_hidden(model: FaceModel, name: str) -> tuple[Callable, keras.Model]:
    """A model's lower part: a function of pictures to one layer, and the layers it is made of.

    Args:
        model: as `with_hidden`.
        name: a layer of the trunk.

    Returns:
        `ask(images, training=False)`, which gives `(batch, ...)`, and the functional model inside
        it, whose weights are the trunk's own.

    Raises:
        ValueError: as `with_hidden`.
    """
    found = hidden_output(model, name)
    lower = keras.Model(model.trunk.inputs, found, name="lower")

    def ask(images, training=False):
        return lower(model.trunk_input(images, training), training=training)

    return ask, lower


def hidden_output(model: FaceModel, name: str) -> keras.KerasTensor:
    """The symbolic output of a trunk's layer; its `shape` has None for the batch.

    Raises:
        ValueError: as `with_hidden`.
    """
    trunk = model.trunk
    if not isinstance(trunk, keras.Model) or not getattr(trunk, "inputs", None):
        raise ValueError(
            "layers are read inside trunks that are functional Keras models. "
            f"Received: trunk={trunk.name!r} of type {type(trunk).__name__}"
        )
    known = [layer.name for layer in trunk.layers]
    if name not in known:
        groups = [each for each in known if each.startswith(("group", "features"))]
        near = get_close_matches(str(name), known) or groups or known[-5:]
        raise ValueError(
            f"the trunk {trunk.name!r} has no such layer; near: {', '.join(near)}. "
            f"Received: {name!r}"
        )
    return trunk.get_layer(name).output
