"""Starting Keras from a command without the lines its backend prints while it loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hides what TensorFlow's C++ part writes to stderr while it is imported.

    Its first lines come before it reads its own log level, so they are kept away by pointing file
    descriptor 2 elsewhere. Python errors come out as ever. Whoever sets `TF_CPP_MIN_LOG_LEVEL`
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
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
