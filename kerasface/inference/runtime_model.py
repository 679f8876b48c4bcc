"""An exported network with the answers people want of it, without Keras and TensorFlow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.inference.confidence import temperatures_of
from kerasface.inference.runtimes import RUNTIMES, ExportedFileError, Runner, open_runner
from kerasface.tasks import from_config

if TYPE_CHECKING:
    from kerasface.tasks import Task


class RuntimeModel:
    """A network in another runtime: what `kerasface.zoo.load(..., runtime="litert")` returns.

    It has what reading pictures needs of a `FaceModel`: `tasks`, `task`, `analyze`, and calls with
    pixels. It cannot be trained or saved.

    Args:
        runner: the opened network.
        tasks: whose outputs the network gives, by name.
        runtime: name of the runtime, as in `RUNTIMES`.
        precision: "float32", "float16", "int8", or None where it is not known.
        manifest: of the entry the network is from, or None.

    Call arguments:
        images: `(batch, height, width, channels)` uint8, RGB 0..255, of the network's size.

    Returns:
        A dict by task name, in the tasks' order, of float32 `(batch, output_size)`.

    Raises:
        ExportedFileError: the network's outputs are not those of the tasks.
    """

    def __init__(
        self,
        runner: Runner,
        tasks: Sequence[Task],
        runtime: str,
        precision: str | None = None,
        manifest: Any = None,
    ):
        self.tasks = tuple(tasks)
        self.runtime, self.precision, self.manifest = runtime, precision, manifest
        self._runner = runner
        wanted = {task.name: task.output_size for task in self.tasks}
        if wanted != runner.outputs:
            raise ExportedFileError(
                f"the file's outputs are {dict(runner.outputs)}, the tasks' are {wanted}"
            )

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike,
        spec: Mapping[str, Any] | str | os.PathLike,
        runtime: str | None = None,
        threads: int | None = None,
    ) -> RuntimeModel:
        """A model from a file that `kerasface export` wrote.

        No hash is checked here: open only files you made or trust. Of an entry's own files
        `kerasface.zoo.load` checks them.

        Args:
            path: `.tflite`, `.onnx`, or `.xml` with the `.bin` of the same name beside it.
            spec: the entry's `config.json`, or what `FaceModel.get_spec` returned.
            runtime: default by the file's suffix.
            threads: as `kerasface.zoo.load`.

        Raises:
            ExportedFileError: it is no such file, or another network's.
            FileNotFoundError: it is not there.
            ImportError: the runtime is not installed.
        """
        path = Path(path)
        if runtime is None:
            suffixes = {each.suffix: name for name, each in RUNTIMES.items()}
            runtime = suffixes.get(path.suffix)
            if runtime is None:
                raise ValueError(f"a file ends in one of {list(suffixes)}. Received: {path}")
        files = [path, path.with_suffix(".bin")] if runtime == "openvino" else [path]
        if not isinstance(spec, Mapping):
            spec = json.loads(Path(spec).read_bytes())
        tasks = [from_config(config) for config in spec["tasks"]]
        try:
            runner = open_runner(runtime, [file.read_bytes() for file in files], threads)
            return cls(runner, tasks, runtime)
        except ExportedFileError as error:
            raise ExportedFileError(f"{path}: {error}") from None

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """`(None, height, width, channels)`, as of a Keras model."""
        return (None, *self._runner.input_shape)

    @property
    def temperatures(self) -> dict[str, float]:
        """Fitted temperature by classification task, {} where the entry has none.

        For `kerasface.inference.calibrated`; outputs of the model itself are not scaled.
        """
        return temperatures_of(self.manifest)

    def task(self, name: str) -> Task:
        """The task of that name.

        Raises:
            KeyError: there is none; near ones are listed.
        """
        known = {task.name: task for task in self.tasks}
        if name not in known:
            near = get_close_matches(str(name), known) or list(known)
            raise KeyError(f"no such task; near: {', '.join(near)}. Received: {name!r}")
        return known[name]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != self._runner.input_shape:
            raise ValueError(
                f"images are uint8 (batch, {', '.join(map(str, self._runner.input_shape))}). "
                f"Received: {images.dtype} of shape {images.shape}"
            )
        if not len(images):
            return {task.name: np.zeros((0, task.output_size), "float32") for task in self.tasks}
        outputs = self._runner(np.ascontiguousarray(images))
        return {task.name: outputs[task.name] for task in self.tasks}

    def predict_on_batch(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """As calling it; the name that Keras models have for it."""
        return self(images)

    def predict(self, images: np.ndarray, batch_size: int = 64, verbose: int = 0):
        """As calling it, `batch_size` images at a time, so that memory stays small.

        Args:
            images: `(rows, height, width, channels)` uint8.
            batch_size: most images at once.
            verbose: taken so that scripts can pass what they pass to Keras; nothing is printed.

        Returns:
            By task name `(rows, output_size)` float32.
        """
        del verbose
        starts = range(0, max(1, len(images)), batch_size)
        parts = [self(images[start : start + batch_size]) for start in starts]
        return {
            task.name: np.concatenate([part[task.name] for part in parts]) for task in self.tasks
        }

    def analyze(
        self,
        images: Any,
        tasks: Sequence[str] | str | None = None,
        detector: Any = None,
        batch_size: int = 64,
    ) -> list[dict]:
        """Reads every face of one or more pictures; see `kerasface.inference.analyze`."""
        from kerasface.inference.analysis import analyze

        return analyze(self, images, tasks=tasks, detector=detector, batch_size=batch_size)

    def __repr__(self) -> str:
        of = f" of {self.manifest.reference}" if self.manifest is not None else ""
        return f"<RuntimeModel {self.runtime} {self.precision or ''}{of}>"
