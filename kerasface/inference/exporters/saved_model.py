"""TensorFlow's SavedModel, for TensorFlow Serving and what reads it; no runtime of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.inference.exporters.contract import image_signature

if TYPE_CHECKING:
    from kerasface.models import FaceModel


def write_saved_model(
    model: FaceModel, path: Path, precision: str, faces: np.ndarray | None
) -> list[Path]:
    """Writes a folder with the signature `serving_default`; see `export_model`."""
    del precision, faces
    model.export(
        str(path), format="tf_saved_model", input_signature=image_signature(model), verbose=False
    )
    return [path]
