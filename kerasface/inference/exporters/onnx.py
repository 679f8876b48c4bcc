"""ONNX: by Keras's export (tf2onnx), int8 by onnxruntime's static quantisation."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.inference.exporters.contract import IMAGES, image_signature, need

if TYPE_CHECKING:
    from kerasface.models import FaceModel

BATCH = 32  # faces that are measured at once


def write_onnx(
    model: FaceModel, path: Path, precision: str, faces: np.ndarray | None
) -> list[Path]:
    """Writes an `.onnx` file; see `export_model`.

    In int8, kernels have a scale a channel and 7 bits, activations 8 bits without a sign:
    processors without VNNI instructions add pairs of products in 16 bits, which 8-bit weights
    overflow. Signed activations would take three times as long. Heads stay in float32: they are a
    hundredth of the work, and rounding their logits cost the first student 0.4 points on FER2013.
    """
    need("tf2onnx", "tf2onnx", "onnx")
    need("onnx", "onnx", "onnx")
    if precision == "float32":
        _write_float(model, path)
        return [path]
    need("onnxruntime", "onnxruntime", "onnx")
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "float32.onnx"
        _write_float(model, whole)
        _quantize(whole, path, faces)
    return [path]


def _write_float(model: FaceModel, path: Path) -> None:
    import onnx

    with warnings.catch_warnings():
        # Keras looks for a name that NumPy gave up, and NumPy says so.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(
            str(path), format="onnx", input_signature=image_signature(model), verbose=False
        )
    written = onnx.load(path)
    inputs = [value.name for value in written.graph.input]
    if inputs != [IMAGES]:
        path.unlink()
        raise ValueError(
            "tf2onnx cannot write this trunk: it makes inputs of constants. LiteRT and OpenVINO "
            f"can. Received: {', '.join(name for name in inputs if name != IMAGES)}"
        )
    for value in (*written.graph.input, *written.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(written)
    onnx.save(written, path)


def _quantize(source: Path, target: Path, faces: np.ndarray) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Faces(CalibrationDataReader):
        def __init__(self):
            self.batches: Iterator[np.ndarray] = iter(
                faces[start : start + BATCH] for start in range(0, len(faces), BATCH)
            )

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {IMAGES: batch}

    prepared = source.with_name("prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    nodes = onnx.load(prepared).graph.node
    heads = [node.name for node in nodes if node.op_type in ("MatMul", "Gemm")]
    quantize_static(
        prepared,
        target,
        Faces(),
        quant_format=QuantFormat.QDQ,
        nodes_to_exclude=heads,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
