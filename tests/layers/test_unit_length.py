"""`UnitLength`: the layer contract and the zero vector."""

import keras
import numpy as np
import tensorflow as tf

from kerasface.layers import UnitLength
from tests.contracts import check_layer

INPUTS = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")


def test_contract(tmp_path):
    check_layer(UnitLength, {}, INPUTS, tmp_path, trainable=False)


def test_lengths_along_another_axis():
    images = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
    lengths = np.sqrt(np.sum(np.square(UnitLength(axis=1)(images)), axis=1))
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-6)


def test_float16_does_not_overflow():
    """(300, 400) has length 500; its square is 250,000, beyond float16's 65,504."""
    layer = UnitLength(dtype="float16")
    np.testing.assert_allclose(layer(np.array([[300.0, 400.0]])), [[0.6, 0.8]], rtol=1e-3)


def test_gradient_at_zero_is_zero():
    layer, x = UnitLength(), tf.zeros((1, 4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(layer(x))
    np.testing.assert_array_equal(layer(x), 0.0)
    np.testing.assert_array_equal(tape.gradient(value, x), 0.0)


def test_length_matches_keras_where_that_is_defined():
    np.testing.assert_allclose(UnitLength()(INPUTS), keras.layers.UnitNormalization()(INPUTS), 1e-6)
