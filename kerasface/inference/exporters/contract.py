"""What every exported file takes and gives."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from kerasface.models import FaceModel

# Name of the one input; outputs have their tasks' names.
IMAGES = "images"


def image_signature(model: FaceModel) -> list[keras.InputSpec]:
    """The input of an exported file: a batch of any size of uint8 pixels."""
    import keras

    shape = (None, *model.trunk.input_shape[1:])
    return [keras.InputSpec(shape=shape, dtype="uint8", name=IMAGES)]


def check_exportable(model: FaceModel) -> None:
    """Refuses a model that would come out wrong.

    Raises:
        ValueError: it is on another backend than TensorFlow, takes pictures of any size, holds
            layers that compute in less than float32, or has a task of the input's name.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "models are exported on the TensorFlow backend: set KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )
    if None in model.trunk.input_shape[1:]:
        raise ValueError(
            f"an exported model reads pictures of one size. Received: {model.trunk.input_shape}"
        )
    if model.trunk.compute_dtype != "float32":
        raise ValueError(
            "build the model again under the policy float32 and load its weights. "
            f"Received: a trunk that computes in {model.trunk.compute_dtype}"
        )
    if any(task.name == IMAGES for task in model.tasks):
        raise ValueError(f"'{IMAGES}' is the input's name. Received: a task of that name")


def need(package: str, distribution: str, extra: str) -> None:
    """Checks that a package is there.

    Raises:
        ImportError: it is not; one line that names the extra.
    """
    if find_spec(package) is None:
        raise ImportError(
            f"writing {extra} files needs {distribution}: pip install 'kerasface[{extra}]'"
        )
