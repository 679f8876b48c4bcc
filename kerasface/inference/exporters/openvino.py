"""OpenVINO: an XML of the structure and a `.bin` of the weights, by Keras's export."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.inference.exporters.contract import image_signature, need

if TYPE_CHECKING:
    from kerasface.models import FaceModel


def write_openvino(
    model: FaceModel, path: Path, precision: str, faces: np.ndarray | None
) -> list[Path]:
    """Writes an `.xml` and the `.bin` beside it; see `export_model`."""
    del faces
    need("openvino", "openvino", "openvino")
    import openvino

    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "model.xml"
        model.export(
            str(whole), format="openvino", input_signature=image_signature(model), verbose=False
        )
        network = openvino.Core().read_model(whole)
        # A tensor may have the name of its operation beside its task's; readers take any.
        tasks = {task.name for task in model.tasks}
        for output in network.outputs:
            [name] = output.get_names() & tasks
            output.get_tensor().set_names({name})
        openvino.save_model(network, path, compress_to_fp16=precision == "float16")
        del network  # it maps the weights, which go with the folder
    return [path, path.with_suffix(".bin")]
