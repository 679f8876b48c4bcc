"""LiteRT, once TensorFlow Lite: `.tflite` files by the package ai-edge-litert."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from kerasface.inference.runtimes.chunks import in_chunks


class LiteRTRunner:
    """A `.tflite` file with one signature, a batch of uint8 images to named float32 outputs.

    An interpreter belongs to one thread at a time, so calls from several wait for each other.

    Args:
        contents: the file's bytes, alone in a list.
        threads: that work on one call.
    """

    def __init__(self, contents: Sequence[bytes], threads: int):
        [self._content] = contents
        self._threads = threads
        self._lock = threading.Lock()
        self._interpreters: dict[int, tuple] = {}
        _, image, outputs = self._interpreter(1)
        self.input_shape = tuple(int(side) for side in image["shape_signature"][1:])
        if image["dtype"] is not np.uint8 or len(self.input_shape) != 3:
            raise ValueError(f"its input is {image['dtype'].__name__} of {self.input_shape}")
        self.outputs = {name: int(each["shape"][-1]) for name, each in outputs.items()}

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        with self._lock:
            return in_chunks(images, self._run)

    def _run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        interpreter, image, outputs = self._interpreter(len(images))
        interpreter.set_tensor(image["index"], images)
        interpreter.invoke()
        return {name: interpreter.get_tensor(each["index"]) for name, each in outputs.items()}

    def _interpreter(self, count: int) -> tuple:
        """An interpreter planned for so many images, its input and its outputs by name."""
        if count not in self._interpreters:
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_content=self._content, num_threads=self._threads)
            signature = interpreter.get_signature_runner()
            [image] = signature.get_input_details().values()
            outputs = signature.get_output_details()
            del signature  # nothing may be allocated while it holds the interpreter
            shape = (count, *image["shape_signature"][1:])
            interpreter.resize_tensor_input(image["index"], shape)
            interpreter.allocate_tensors()
            self._interpreters[count] = (interpreter, image, outputs)
        return self._interpreters[count]
