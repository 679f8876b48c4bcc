"""LiteRT: `.tflite` files, by Keras's export and TensorFlow's own converter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.inference.exporters.contract import image_signature

if TYPE_CHECKING:
    from kerasface.models import FaceModel


def write_litert(
    model: FaceModel, path: Path, precision: str, faces: np.ndarray | None
) -> list[Path]:
    """Writes a `.tflite` file; see `export_model`.

    In int8, weights have a scale a channel, activations one a tensor; the outputs are turned
    back into float32 inside.
    """
    import tensorflow as tf

    settings: dict[str, Any] = {}
    if precision != "float32":
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        settings["target_spec"] = {"supported_types": [tf.float16]}
    if precision == "int8":
        settings["representative_dataset"] = lambda: ([face[None]] for face in faces)
        # Without this an operation that has no int8 form would stay in float32 unseen.
        settings["target_spec"] = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]}
    signature = image_signature(model)
    model.export(str(path), format="litert", input_signature=signature, verbose=False, **settings)
    return [path]
