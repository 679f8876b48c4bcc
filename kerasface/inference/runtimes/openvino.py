"""OpenVINO's XML and weights by the package openvino, on the processor."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from kerasface.inference.runtimes.chunks import in_chunks


def cpu_settings(threads: int) -> dict[str, object]:
    """How OpenVINO compiles for the processor here: one call at a time, on so many threads."""
    return {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }


class OpenVinoRunner:
    """An OpenVINO model, a batch of uint8 images to named float32 outputs.

    Computed in float32: left to itself OpenVINO takes bfloat16 where the processor has it, and
    its answers then differ from machine to machine in the third digit. Calls from several
    threads wait for each other.

    Args:
        contents: bytes of the XML, then of the weights.
        threads: that work on one call.
    """

    def __init__(self, contents: Sequence[bytes], threads: int):
        import openvino

        structure, weights = contents
        self._core = openvino.Core()
        self._model = self._core.read_model(model=structure, weights=weights)
        [image] = self._model.inputs
        shape = image.partial_shape
        if image.element_type != openvino.Type.u8 or len(shape) != 4:
            raise ValueError(f"its input is {image.element_type} of {shape}")
        self.input_shape = tuple(side.get_length() for side in list(shape)[1:])
        self._settings = cpu_settings(threads)
        self._lock = threading.Lock()
        self._requests: dict[int, object] = {}
        self.outputs = {
            each.any_name: list(each.partial_shape)[-1].get_length() for each in self._model.outputs
        }
        self._request(1)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        with self._lock:
            return in_chunks(images, self._run)

    def _run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        request = self._request(len(images))
        request.infer([images], share_inputs=True)
        return {name: request.get_tensor(name).data.copy() for name in self.outputs}

    def _request(self, count: int):
        """The model compiled for so many images: fixed shapes run a quarter faster."""
        if count not in self._requests:
            sized = self._model.clone()
            sized.reshape([count, *self.input_shape])
            compiled = self._core.compile_model(sized, "CPU", self._settings)
            self._requests[count] = compiled.create_infer_request()
        return self._requests[count]
