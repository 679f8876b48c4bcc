"""Optimiser steps with elements that stand still, against Keras's and against loops."""

import keras
import numpy as np
import pytest

from kerasface.ops.masked_updates import AdamState, masked_adam, masked_sgd

SLOPES = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
RATE = 0.03


def zeros():
    return AdamState(*(np.zeros(3, "float32") for _ in AdamState._fields))


def run(slopes, present):
    values, state = np.ones(3, "float32"), zeros()
    for slope, here in zip(slopes, present, strict=True):
        values, state = masked_adam(values, slope, np.array(here, "float32"), state, RATE)
    return np.array(values), state


def test_first_step_by_hand():
    """mean = 0.1 g and square = 0.001 g^2, corrected to g and g^2: a step of the rate, signed."""
    values, state = run(np.array([[2.0, -0.5, 0.0]], "float32"), [[1, 1, 1]])
    np.testing.assert_allclose(values, [0.97, 1.03, 1.0], atol=1e-5)
    np.testing.assert_allclose(state.mean, [0.2, -0.05, 0.0], rtol=1e-5)
    np.testing.assert_array_equal(state.steps, [1, 1, 1])


def test_all_present_is_adam_of_keras():
    variable = keras.Variable(np.ones(3, "float32"))
    optimizer = keras.optimizers.Adam(RATE)
    for slope in SLOPES:
        optimizer.apply([slope], [variable])
    values, _ = run(SLOPES, np.ones((12, 3)))
    np.testing.assert_allclose(values, variable, rtol=1e-5)


def test_an_element_moves_as_if_its_absent_steps_had_not_been():
    present = np.random.default_rng(1).random((12, 3)) < 0.5
    values, state = run(SLOPES, present)
    for element in range(3):
        own = SLOPES[present[:, element]][:, [element] * 3]
        alone, alone_state = run(own, np.ones_like(own))
        assert values[element] == alone[element]
        assert state.mean[element] == alone_state.mean[element]
        assert state.steps[element] == len(own)


@pytest.mark.parametrize(
    "present, expected", [([1, 1, 1], [0.8, 1.1, 1.0]), ([0, 1, 0], [1.0, 1.1, 1.0])]
)
def test_sgd(present, expected):
    slopes = np.array([2.0, -1.0, 0.0], "float32")
    found = masked_sgd(np.ones(3, "float32"), slopes, np.array(present, "float32"), 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
