"""OpenVINO: an XML of the structure and a `.bin` of the weights, by Keras's export."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.inference.exporters.contract import image_signature, need
from kerasface.inference.exporters.onnx import write_onnx

if TYPE_CHECKING:
    from kerasface.models import FaceModel


def write_openvino(
    model: FaceModel, path: Path, precision: str, faces: np.ndarray | None
) -> list[Path]:
    """Writes an `.xml` and the `.bin` beside it; see `export_model`.

    In int8 it is the ONNX file of that precision, converted, and needs what writes that.
    """
    need("openvino", "openvino", "openvino")
    import openvino

    with tempfile.TemporaryDirectory() as scratch:
        if precision == "int8":
            [source] = write_onnx(model, Path(scratch) / "model.onnx", precision, faces)
        else:
            source = Path(scratch) / "model.xml"
            model.export(
                str(source),
                format="openvino",
                input_signature=image_signature(model),
                verbose=False,
            )
        network = openvino.Core().read_model(source)
        # A tensor may have the name of its operation beside its task's; readers take any.
        tasks = {task.name for task in model.tasks}
        for output in network.outputs:
            [name] = output.get_names() & tasks
            output.get_tensor().set_names({name})
        openvino.save_model(network, path, compress_to_fp16=precision == "float16")
        del network  # it maps the weights, which go with the folder
    return [path, path.with_suffix(".bin")]
