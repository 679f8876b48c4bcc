"""The layers of a trunk as they train fastest."""

from __future__ import annotations

from collections.abc import Callable

import keras

from kerasface.models import FaceModel
from kerasface.training.devices import Devices
from kerasface.training.fused_normalization import training_normalization


def training_layers(devices: Devices | None = None, **config) -> dict[str, Callable]:
    """What `FaceModel.from_spec` and `build_trunk` are given while a network trains.

    The normalisation is `training_normalization`; on TensorFlow without a GPU the convolution is
    `kerasface.training.convolution.Conv2D`, elsewhere Keras's own. The variables, their order and
    what the network answers are those of a network without them, so its weights can be set into
    one.

    Args:
        devices: of the training, default one.
        **config: of the normalisation, such as `momentum`.

    Returns:
        `normalization` and `convolution`, by the names of the trunks' arguments.

    Example:

        network = FaceModel.from_spec(spec, **training_layers(devices, momentum=0.9))
    """
    layers = {
        "normalization": training_normalization(devices, **config),
        "convolution": keras.layers.Conv2D,
    }
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            from kerasface.training.convolution import Conv2D

            layers["convolution"] = Conv2D
    return layers


def training_form(model: FaceModel, devices: Devices | None = None, **config) -> FaceModel:
    """The same network, weights included, with `training_layers`.

    In bfloat16 on a CPU it also answers faster than with Keras's own layers, as normalisation is
    one kernel: for a teacher that labels many pictures.

    Args:
        model: made by `FaceModel.from_spec`, or by the zoo from its description.
        devices: of the training, default one.
        **config: of the normalisation, such as `momentum`.

    Raises:
        ValueError: the model cannot be described, see `FaceModel.get_spec`.
    """
    made = FaceModel.from_spec(model.get_spec(), **training_layers(devices, **config))
    made.set_weights(model.get_weights())
    return made
