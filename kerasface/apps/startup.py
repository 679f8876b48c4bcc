"""Starting Keras from a command without the lines its backend prints while it loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hides what C++ code writes to stderr: TensorFlow when imported, runtimes when they start.

    TensorFlow's first lines come before it reads its own log level, so they are kept away by
    pointing file descriptor 2 elsewhere. What Python writes to `sys.stderr`, such as bars of
    downloads, warnings and errors, comes out as ever. Whoever sets `TF_CPP_MIN_LOG_LEVEL`
    wants to see the lines, and then nothing is hidden.

    Example:
        >>> with quiet_start():
        ...     import keras
    """
    if LEVEL in os.environ:
        yield
        return
    os.environ[LEVEL] = "3"
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    python = sys.stderr
    if _writes_to_descriptor_2(python):
        sys.stderr = open(  # noqa: SIM115 - closed below
            kept, "w", buffering=1, encoding=python.encoding, errors=python.errors, closefd=False
        )
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        if sys.stderr is not python:
            sys.stderr.close()
            sys.stderr = python
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _writes_to_descriptor_2(stream) -> bool:
    try:
        return stream.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False
