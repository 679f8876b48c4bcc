"""Gradient reversal: exact forward in every dtype, minus strength going back."""

import numpy as np
import pytest
import tensorflow as tf

from kerasface.ops import reverse_gradient


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("strength", [0.0, 0.1, 0.7, 1.0, 3.0])
def test_forward_is_exact(dtype, strength):
    x = tf.cast(tf.random.normal((100,), seed=1) * 100.0, dtype)
    assert tf.reduce_all(reverse_gradient(x, strength) == x)


def test_the_usual_form_is_not_exact_in_bfloat16():
    """Why ours is written as it is: `(1 + s) stop(x) - s x` is off by up to 2.0 near 100."""
    x = tf.cast(tf.linspace(90.0, 110.0, 200), "bfloat16")
    strength = tf.cast(0.7, "bfloat16")
    usual = (1 + strength) * x - strength * x
    assert float(tf.reduce_max(tf.abs(usual - x))) >= 0.5
    assert tf.reduce_all(reverse_gradient(x, strength) == x)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_gradient_by_hand(strength):
    """f = x^2 at 3 has slope 6; behind the reversal it is -6 * strength."""
    x = tf.constant([3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = reverse_gradient(x, strength) ** 2
    np.testing.assert_allclose(tape.gradient(value, x), [-6.0 * strength])


def test_strength_zero_of_a_large_value_is_zero_not_nan():
    x = tf.constant([1e38, -1e38])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(reverse_gradient(x, 0.0))
    np.testing.assert_array_equal(tape.gradient(value, x), [0.0, 0.0])
