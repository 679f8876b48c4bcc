"""Running exported networks without Keras: one small table, one file a runtime.

Each runner is made of a file's bytes, so that what was hashed is what is parsed, and takes
uint8 pixels to named outputs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from kerasface.inference.runtimes.litert import LiteRTRunner
from kerasface.inference.runtimes.onnx import OnnxRunner
from kerasface.inference.runtimes.openvino import OpenVinoRunner

__all__ = [
    "RUNTIMES",
    "ExportedFileError",
    "Runner",
    "Runtime",
    "check_runtime",
    "is_installed",
    "open_runner",
]

# More threads than this do not make a network of some milliseconds faster.
MOST_THREADS = 4


class ExportedFileError(ValueError):
    """A file is not what the runtime, or the tasks it is to answer, need; one line."""


class Runner(Protocol):
    """An opened network: `(n, *input_shape)` uint8 to `(n, size)` float32 by output name."""

    input_shape: tuple[int, int, int]
    outputs: dict[str, int]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Runtime:
    """A way to run an exported file.

    Attributes:
        package: what is imported.
        distribution: what is installed.
        suffix: of the file that is opened.
        runner: makes a `Runner` of the files' bytes and a number of threads.
    """

    package: str
    distribution: str
    suffix: str
    runner: Callable[[Sequence[bytes], int], Runner]


RUNTIMES = {
    "litert": Runtime("ai_edge_litert", "ai-edge-litert", ".tflite", LiteRTRunner),
    "onnx": Runtime("onnxruntime", "onnxruntime", ".onnx", OnnxRunner),
    "openvino": Runtime("openvino", "openvino", ".xml", OpenVinoRunner),
}


def check_runtime(name: str) -> Runtime:
    """The runtime of that name, installed.

    Raises:
        ValueError: there is none of that name; near ones are listed.
        ImportError: its package is missing; one line that names the extra.
    """
    if name not in RUNTIMES:
        known = ("keras", *RUNTIMES)
        near = get_close_matches(str(name), known) or known
        raise ValueError(f"no runtime of that name; near: {', '.join(near)}. Received: {name!r}")
    runtime = RUNTIMES[name]
    if not is_installed(name):
        raise ImportError(
            f"the runtime '{name}' needs {runtime.distribution}: pip install 'kerasface[{name}]', "
            f"or where TensorFlow is not wanted: pip install {runtime.distribution}"
        )
    return runtime


def is_installed(name: str) -> bool:
    """Whether the package of a runtime of `RUNTIMES` is there."""
    return find_spec(RUNTIMES[name].package) is not None


def open_runner(name: str, contents: Sequence[bytes], threads: int | None = None) -> Runner:
    """Opens an exported network.

    Args:
        name: a key of `RUNTIMES`.
        contents: bytes of the file, of all files where there are several (OpenVINO: the XML,
            then the weights).
        threads: that work on one call, at least 1. Default: the cores this process may use, at
            most 4.

    Raises:
        ExportedFileError: the runtime cannot read it.
        ImportError: the runtime is not installed.
        ValueError: an unknown runtime, or fewer than one thread.
    """
    runtime = check_runtime(name)
    if threads is None:
        threads = min(MOST_THREADS, usable_cores())
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ValueError(f"threads must be a whole number above 0. Received: threads={threads!r}")
    try:
        return runtime.runner(contents, int(threads))
    except ImportError:
        raise
    # What a runtime raises at a file it cannot read is its own affair; some have classes for it.
    except Exception as error:
        # Some say first where in their own source they are, and last what is wrong.
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ExportedFileError(f"{runtime.distribution} cannot read it: {reason}") from None


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
