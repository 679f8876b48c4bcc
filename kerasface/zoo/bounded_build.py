"""Building a network that a stranger describes, and none larger than its weights file holds.

A line of JSON can ask for a layer of any width. What a network may have is known before it is
built: its weights file was hashed, and stores every number that it declares.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import layers

from kerasface.zoo.errors import ManifestError
from kerasface.zoo.weights import Holding

# Values of one layer's output for all pictures of a probe: a gigabyte in float32. VGG-16 at
# 224 x 224 has 13 million for four pictures.
MOST_VALUES = 2**28
_patching = threading.Lock()


@contextmanager
def within(holding: Holding, where: str) -> Iterator[None]:
    """While it is open, this thread's layers get no more variables, nor larger ones, than a file.

    Each is counted before memory is taken for it. One network is built at a time.

    Args:
        holding: what the weights file holds.
        where: the configuration's path, for the error.

    Raises:
        ManifestError: what is built in the block asks for more.
    """
    thread, original = threading.get_ident(), layers.Layer.add_weight
    numbers = arrays = 0

    def add_weight(layer, *args, **kwargs):
        nonlocal numbers, arrays
        if threading.get_ident() == thread:
            shape = args[0] if args else kwargs.get("shape") or ()
            numbers += math.prod(shape) if isinstance(shape, (tuple, list)) else shape
            arrays += 1
            if numbers > holding.parameters or arrays > holding.arrays:
                raise ValueError("more variables than the weights file has")
        return original(layer, *args, **kwargs)

    with _patching:
        layers.Layer.add_weight = add_weight
        try:
            yield
        except Exception:
            # Keras rewrites what is raised inside a layer, so it is told by the counts.
            if numbers > holding.parameters or arrays > holding.arrays:
                raise ManifestError(
                    f"{where} has other parameters than its manifest: more than the "
                    f"{holding.parameters} in {holding.arrays} arrays of its weights file"
                ) from None
            raise
        finally:
            layers.Layer.add_weight = original


def check_activations(trunk: Any, count: int, where: str) -> None:
    """Sees that a pass of the probe needs memory that a machine has, before there is one.

    Args:
        trunk: a functional model.
        count: pictures of the probe.
        where: the configuration's path, for the error.

    Raises:
        ManifestError: the output of one layer would have more than 2^28 values.
    """
    for layer in trunk.layers:
        for output in keras.tree.flatten(layer.output):
            values = count * math.prod(side or 1 for side in output.shape[1:])
            if values > MOST_VALUES:
                raise ManifestError(
                    f"{where}: layer '{layer.name}' gives {values} values for {count} pictures, "
                    f"allowed are {MOST_VALUES}"
                )
