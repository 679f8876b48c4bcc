"""A model as a file of another runtime: one small table, one file a format."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.inference.exporters.calibration import calibration_faces
from kerasface.inference.exporters.contract import check_exportable
from kerasface.inference.exporters.litert import write_litert
from kerasface.inference.exporters.onnx import write_onnx
from kerasface.inference.exporters.openvino import write_openvino
from kerasface.inference.exporters.saved_model import write_saved_model

if TYPE_CHECKING:
    from kerasface.models import FaceModel

__all__ = ["FORMATS", "Format", "calibration_faces", "check_format", "export_model"]


@dataclass(frozen=True)
class Format:
    """A format that a model can be written in.

    Attributes:
        suffix: of the file; a folder has none.
        precisions: in which weights and sums can be held.
        write: writes a model to a path in a precision, int8 with faces to calibrate on, and
            gives the files written, the one to be opened first.
    """

    suffix: str
    precisions: tuple[str, ...]
    write: Callable[[FaceModel, Path, str, np.ndarray | None], list[Path]]


FORMATS = {
    "litert": Format(".tflite", ("float32", "float16", "int8"), write_litert),
    "onnx": Format(".onnx", ("float32", "int8"), write_onnx),
    "openvino": Format(".xml", ("float32", "float16", "int8"), write_openvino),
    "saved_model": Format("", ("float32",), write_saved_model),
}


def check_format(name: str, precision: str) -> Format:
    """The format of that name, if it can hold that precision.

    Raises:
        ValueError: an unknown format, or a precision that it has not; what there is is listed.
    """
    if name not in FORMATS:
        near = get_close_matches(str(name), FORMATS) or list(FORMATS)
        raise ValueError(f"no format of that name; near: {', '.join(near)}. Received: {name!r}")
    if precision not in FORMATS[name].precisions:
        raise ValueError(
            f"{name} is written in {', '.join(FORMATS[name].precisions)}. Received: {precision!r}"
        )
    return FORMATS[name]


def export_model(
    model: FaceModel,
    path: str | os.PathLike,
    format: str,
    precision: str = "float32",
    faces: np.ndarray | None = None,
) -> list[Path]:
    """Writes a model as a file of another runtime.

    The file takes `images`, uint8 RGB pixels 0..255 `(batch, height, width, channels)` with any
    batch, rescales them itself, and gives one float32 output a task under the task's name. Its
    answers are the model's outside of training.

    - `float16` holds the weights in half precision; sums are in float32.
    - `int8` holds weights and activations in 8 bits; their ranges are measured on `faces`.

    Args:
        model: a `FaceModel` on the TensorFlow backend, built in float32.
        path: of the file, with the format's suffix; OpenVINO writes a `.bin` beside it, and
            `saved_model` a folder.
        format: a key of `FORMATS`.
        precision: one of the format's.
        faces: `(n, height, width, channels)` uint8 crops such as the model will see, for int8
            only; see `calibration_faces`.

    Returns:
        The files written, the one to be opened first.

    Raises:
        ValueError: an unknown format or precision, a path with another suffix, faces missing or
            of another size, or a model that cannot be exported.
        ImportError: what writes the format is not installed; one line that names the extra.

    Example:
        >>> export_model(model, "student.tflite", "litert", "float16")  # doctest: +SKIP
        [PosixPath('student.tflite')]
    """
    found = check_format(format, precision)
    path = Path(path)
    if found.suffix and path.suffix != found.suffix:  # a folder may have any name
        raise ValueError(f"{format} files end in '{found.suffix}'. Received: {path}")
    check_exportable(model)
    if precision == "int8":
        wanted = tuple(model.trunk.input_shape[1:])
        if faces is None or not len(faces) or faces.dtype != np.uint8 or faces.shape[1:] != wanted:
            shown = None if faces is None else f"{faces.dtype} of shape {faces.shape}"
            raise ValueError(f"int8 needs faces, uint8 (n, *{wanted}). Received: {shown}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return found.write(model, path, precision, faces)
