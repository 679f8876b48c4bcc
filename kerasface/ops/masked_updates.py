"""Optimiser steps in which an element may stand still, with all that the optimiser knows of it."""

from typing import NamedTuple

from keras import ops


class AdamState(NamedTuple):
    """What Adam keeps of each element, `(size,)` float32: two running means and its own steps."""

    mean: object
    square: object
    steps: object


def masked_sgd(values, slopes, present, learning_rate):
    """Returns `values - learning_rate * slopes` where present, else the values as they were.

    Args:
        values: `(size,)` float32.
        slopes: `(size,)` float32 gradient.
        present: `(size,)` 1 where the element moves and 0 where not.
        learning_rate: scalar.

    Returns:
        `(size,)` float32.
    """
    return ops.where(present > 0.0, values - learning_rate * slopes, values)


def masked_adam(
    values, slopes, present, state, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    """Returns the values and the state after a step of Adam on the elements that are present.

    Each element counts its own steps. `keras.optimizers.Adam` has one count for all, and a
    gradient of 0 still moves an element there by what it remembers and fades that memory.
    Where everything is always present the two are the same.

    Args:
        values: `(size,)` float32.
        slopes: `(size,)` float32 gradient; must be finite.
        present: `(size,)` 1 where the element moves and 0 where not.
        state: `AdamState` of zeros at the start.
        learning_rate: scalar.
        beta_1: decay of the mean of the gradient.
        beta_2: decay of the mean of its square.
        epsilon: added to the root of the latter.

    Returns:
        `(size,)` float32 and an `AdamState`.

    Reference:
        Kingma, Ba, "Adam" (2015), section 2's faster form, where `epsilon` stands outside of the
        bias correction.
    """
    moving = present > 0.0
    steps = state.steps + ops.cast(moving, "float32")
    mean = ops.where(moving, state.mean + (slopes - state.mean) * (1.0 - beta_1), state.mean)
    square = ops.where(
        moving, state.square + (ops.square(slopes) - state.square) * (1.0 - beta_2), state.square
    )
    # Before an element's first step both are 0 and it does not move.
    count = ops.maximum(steps, 1.0)
    corrected = ops.sqrt(1.0 - ops.power(beta_2, count)) / (1.0 - ops.power(beta_1, count))
    moved = values - learning_rate * corrected * mean / (ops.sqrt(square) + epsilon)
    return ops.where(moving, moved, values), AdamState(mean, square, steps)
