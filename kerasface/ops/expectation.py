"""Numbers as distributions over bins: expectation, and the target a number stands for."""

from __future__ import annotations

from keras import ops


def bin_centres(low: float, high: float, bins: int):
    """`(bins,)` float32, evenly from `low` to `high`, both included."""
    return ops.cast(ops.linspace(low, high, bins), "float32")


def expectation(logits, centres):
    """Mean of the bin centres under softmax of the logits.

    Args:
        logits: `(batch, bins)` float.
        centres: `(bins,)` float, in the quantity's unit.

    Returns:
        `(batch,)` float32, in the same unit.

    Reference:
        Rothe, Timofte, Van Gool, "DEX: Deep expectation of apparent age" (2015), eq. 2.
    """
    return ops.sum(ops.softmax(ops.cast(logits, "float32"), axis=-1) * centres, axis=-1)


def normal_target(values, centres, spread: float):
    """A normal density around each value, on the bins, normalised to sum to 1.

    Args:
        values: `(batch,)` float, in the unit of the centres.
        centres: `(bins,)` float.
        spread: standard deviation in the same unit, more than 0.

    Returns:
        `(batch, bins)` float32.
    """
    distance = (ops.expand_dims(ops.cast(values, "float32"), -1) - centres) / spread
    return ops.softmax(-0.5 * distance * distance, axis=-1)
