"""What one of several hosts does by itself while the others wait or go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


@contextmanager
def by_this_process_alone() -> Iterator[None]:
    """Variables that are made inside are this process's own, not of all hosts.

    On several hosts a variable is made and set by all together, and one that does so alone waits
    for ever or meets another's value. Keras makes some where it is not expected: when it saves.
    """
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def answer_of_first(action: Callable[[], Any], is_first: bool) -> Any:
    """Does something on the first of several hosts, on JAX; every host gets its answer.

    Args:
        action: on the first host alone; what it gives must be JSON-safe, and comes back as JSON
            has it (a tuple as a list).
        is_first: whether this is the first host.

    Raises:
        RuntimeError: on the others, where the action failed; the first raises what it raised.
    """
    answer, error = None, None
    if is_first:
        try:
            with by_this_process_alone():
                answer = action()
            json.dumps(answer)
        except Exception as raised:  # the others must not wait for what never comes
            error = raised
    line = None if error is None else f"{type(error).__name__}: {error}"
    said = _said_by_first([None if error else answer, line])
    if error is not None:
        raise error
    if said[1] is not None:
        raise RuntimeError(f"host 0 stopped, and so do the others. Received: {said[1]}")
    return said[0]


def _said_by_first(words: Any) -> Any:
    """What the first process gave, on all of them; each waits for the others."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    own = np.frombuffer(json.dumps(words).encode(), "uint8")
    length = int(broadcast_one_to_all(np.int32(len(own))))
    # All must bring an array of one shape, whatever they would have said.
    shaped = np.resize(own, length).astype("int32")
    return json.loads(bytes(np.asarray(broadcast_one_to_all(shaped)).astype("uint8")))


class Alone(keras.callbacks.Callback):
    """Callbacks of one of several hosts: what they make is this process's own.

    Args:
        callbacks: in their order.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]):
        super().__init__()
        self.callbacks = tuple(callbacks)

    def set_params(self, params):
        super().set_params(params)
        self._each("set_params", params)

    def set_model(self, model):
        super().set_model(model)
        self._each("set_model", model)

    def on_train_begin(self, logs=None):
        self._each("on_train_begin", logs)

    def on_train_end(self, logs=None):
        self._each("on_train_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._each("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._each("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._each("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._each("on_train_batch_end", batch, logs)

    def _each(self, hook: str, *arguments) -> None:
        with by_this_process_alone():
            for callback in self.callbacks:
                getattr(callback, hook)(*arguments)
