"""ONNX files by the package onnxruntime, on the processor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ERRORS_ONLY = 3  # of onnxruntime's severities


class OnnxRunner:
    """An `.onnx` file, a batch of uint8 images to named float32 outputs.

    It is read from memory, so data that lies outside the file is refused. Several threads may
    call it at once.

    Args:
        contents: the file's bytes, alone in a list.
        threads: that work on one call.
    """

    def __init__(self, contents: Sequence[bytes], threads: int):
        import onnxruntime

        [content] = contents
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        [image] = self._session.get_inputs()
        self._image = image.name
        if image.type != "tensor(uint8)" or len(image.shape) != 4:
            raise ValueError(f"its input is {image.type} of {image.shape}")
        self.input_shape = tuple(image.shape[1:])
        self.outputs = {each.name: each.shape[-1] for each in self._session.get_outputs()}

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        answers = self._session.run(None, {self._image: images})
        return dict(zip(self.outputs, answers, strict=True))
