"""`GradientReversal`: the layer contract, a strength that moves, and what it does to a trunk."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.layers import GradientReversal
from tests.contracts import check_layer

INPUTS = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")


def test_contract(tmp_path):
    check_layer(GradientReversal, {"strength": 0.3}, INPUTS, tmp_path, trainable=False)


def test_strength_changes_inside_a_traced_step():
    """A Python float would stay what it was at the first trace."""
    layer = GradientReversal(strength=1.0)

    @tf.function
    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(layer(x))
        return tape.gradient(value, x)

    np.testing.assert_array_equal(slope(tf.ones((2,))), -1.0)
    layer.strength.assign(0.25)
    np.testing.assert_array_equal(slope(tf.ones((2,))), -0.25)


def test_strength_is_saved_and_not_trained(tmp_path):
    layer = GradientReversal(strength=0.0)
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 1
    model = keras.Sequential([keras.Input((3,)), layer])
    layer.strength.assign(0.75)
    model.save(tmp_path / "reversal.keras")
    loaded = keras.models.load_model(tmp_path / "reversal.keras")
    assert float(loaded.layers[-1].strength) == 0.75


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_strength_stays_float32_under_mixed_precision(policy):
    layer = GradientReversal(strength=0.001, dtype=policy)
    assert layer.strength.dtype == "float32"


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_bad_strength(strength):
    with pytest.raises(ValueError, match=r"at least 0. Received: strength="):
        GradientReversal(strength=strength)
