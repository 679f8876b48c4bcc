"""A tiny network in every format, written once a session; what is not installed is skipped."""

from importlib.util import find_spec

import numpy as np
import pytest

from kerasface.inference.exporters import FORMATS, export_model
from kerasface.inference.runtimes import RUNTIMES

# What writing a format needs beside TensorFlow.
WRITERS = {
    "litert": (),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "openvino": ("openvino", "onnx", "tf2onnx", "onnxruntime"),
}
FILES = [(name, precision) for name in RUNTIMES for precision in FORMATS[name].precisions]
IDS = [f"{name}-{precision}" for name, precision in FILES]


def need(runtime):
    """Skips, and says so, where a runtime or what writes its files is not installed."""
    for package in (RUNTIMES[runtime].package, *WRITERS[runtime]):
        if find_spec(package) is None:
            pytest.skip(f"NOT TESTED: {package} is not installed (extra '{runtime}')")


def calibration(model, count=32):
    """Random pictures `(count, height, width, channels)` uint8 for int8."""
    shape = (count, *model.trunk.input_shape[1:])
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


class ExportedFiles:
    """Files of one model by runtime and precision, each written when it is first asked for."""

    def __init__(self, model, folder):
        self.model, self.folder, self.written = model, folder, {}

    def __call__(self, runtime, precision):
        need(runtime)
        key = runtime, precision
        if key not in self.written:
            path = self.folder / f"{runtime}-{precision}{FORMATS[runtime].suffix}"
            faces = calibration(self.model) if precision == "int8" else None
            self.written[key] = export_model(self.model, path, runtime, precision, faces)[0]
        return self.written[key]
