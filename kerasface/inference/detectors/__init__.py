"""Finders of faces from kept libraries, each a function of a picture that gives `Face` objects.

`DETECTORS` is the whole list. Each is an extra; `kerasface.inference.find_faces` takes any other
function of a picture too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from kerasface.inference.detectors.opencv import INSTALL

# By name: module in this folder, class.
DETECTORS = {
    "mtcnn": ("mtcnn", "MtcnnDetector"),
    "haar": ("haar", "HaarDetector"),
    "yunet": ("yunet", "YuNetDetector"),
}
AUTO = "auto"
# What "auto" takes: the first that is installed, by the packages that it needs.
_PREFERRED = {"mtcnn": ("mtcnn", "tensorflow"), "haar": ("cv2",)}
# Their networks are not in the package they run in: "yunet:PATH".
NEED_FILE = ("yunet",)
NAMES = ", ".join((AUTO, *(f"{name}:FILE" if name in NEED_FILE else name for name in DETECTORS)))


def detector_named(name: str) -> Callable[..., Any]:
    """The detector of a name, one object a process.

    Args:
        name: a key of `DETECTORS`; "yunet:PATH" with the file of its network; "auto" for `mtcnn`
            where it is installed, which sees more faces and their points, else `haar`.

    Raises:
        ValueError: an unknown name, or a file is missing or not wanted.
        ImportError: its package is not installed.

    Example:
        >>> detector_named("yunet")
        Traceback (most recent call last):
        ValueError: 'yunet' needs the file of its network: 'yunet:PATH'. Received: 'yunet'
    """
    if name == AUTO:
        name = installed_detector()
    kind, separator, path = name.partition(":")
    if kind not in DETECTORS or (path and kind not in NEED_FILE) or (separator and not path):
        raise ValueError(f"detector must be one of {NAMES}, none or a function. Received: {name!r}")
    if kind in NEED_FILE and not path:
        raise ValueError(
            f"{kind!r} needs the file of its network: '{kind}:PATH'. Received: {name!r}"
        )
    return _made(kind, path)


def installed_detector() -> str:
    """The name of the detector that "auto" stands for here.

    Raises:
        ImportError: none is installed; the line names the extras.
    """
    for name, packages in _PREFERRED.items():
        if all(find_spec(package) is not None for package in packages):
            return name
    raise ImportError(
        "finding faces needs the `detect` extra (MTCNN, on TensorFlow) or the `opencv` extra: "
        f"{INSTALL}. Pictures that are face crops need detector='none'"
    )


@cache  # MTCNN's weights take 0.2 s to read
def _made(kind: str, path: str) -> Callable[..., Any]:
    module, name = DETECTORS[kind]
    cls = getattr(import_module(f"{__name__}.{module}"), name)
    return cls(path) if path else cls()
