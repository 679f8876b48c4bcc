"""A Keras model as plain values, so that a callable that holds one can be sent to workers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

# Whoever unpacks has all our own classes under their registered names.
import kerasface.inference.published_model  # noqa: F401

Packed = tuple[type[keras.Model], dict, list[np.ndarray]]


def packed(model: keras.Model) -> Packed:
    """Class, configuration and weights; neither optimiser nor losses, which answer nothing.

    Args:
        model: a Keras model that `get_config` describes. Classes of your own in it must be
            registered, and importable where it is unpacked.
    """
    return type(model), _plain(model.get_config()), model.get_weights()


def _plain(value: Any) -> Any:
    """Lists and dicts that Keras tracks, which cannot be unpickled, as Python's own."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return (tuple if isinstance(value, tuple) else list)(_plain(each) for each in value)
    return value


def unpacked(parts: Packed) -> keras.Model:
    """The model again, on the backend of this process."""
    kind, config, weights = parts
    model = kind.from_config(config)
    model.set_weights(weights)
    return model
