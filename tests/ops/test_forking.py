"""Forks: values, gradients and norms against separate backward passes and loops."""

import numpy as np
import pytest
import tensorflow as tf

from kerasface.ops import fork_dense, fork_features

CHANCE = np.random.default_rng(0)
KERNEL = CHANCE.normal(size=(4, 3)).astype("float32")
BIAS = CHANCE.normal(size=3).astype("float32")
TASKS = 3
# What the tasks make of their copies: linear losses, so their gradients at the copies are known.
FACTORS = [CHANCE.normal(size=(5, 3)).astype("float32") * scale for scale in (1.0, 10.0, 0.0)]


def pulled(forked, x, factors, **options):
    """Copies and the gradients of `sum_i sum(copy_i * factor_i)`, the probe's among them."""
    x, kernel, bias, probe = map(tf.constant, (x, KERNEL, BIAS, np.zeros(TASKS, "float32")))
    with tf.GradientTape() as tape:
        tape.watch((x, kernel, bias, probe))
        arguments = (x, kernel, bias, probe) if forked is fork_dense else (x, probe)
        copies = forked(*arguments, **options)
        loss = sum(
            tf.reduce_sum(copy * factor) for copy, factor in zip(copies, factors, strict=True)
        )
    return copies, tape.gradient(loss, (x, kernel, bias, probe))


def test_by_hand():
    """One row x = (3, 4), one unit; the tasks send back 1 and 2: X^T g is (3, 4) and (6, 8)."""
    x, kernel = tf.constant([[3.0, 4.0]]), tf.constant([[1.0], [1.0]])
    probe = tf.zeros(2)
    with tf.GradientTape() as tape:
        tape.watch((kernel, probe))
        one, two = fork_dense(x, kernel, tf.zeros(1), probe)
        loss = tf.reduce_sum(one + 2.0 * two)
    slope, norms = tape.gradient(loss, (kernel, probe))
    assert float(one[0, 0]) == float(two[0, 0]) == 7.0
    np.testing.assert_allclose(norms, [5.0, 10.0], rtol=1e-6)
    np.testing.assert_allclose(slope, [[9.0], [12.0]], rtol=1e-6)


def test_dense_against_loops():
    x = CHANCE.normal(size=(5, 4)).astype("float32")
    copies, (dx, dkernel, dbias, norms) = pulled(fork_dense, x, FACTORS)
    expected = np.zeros((5, 3))
    parts = np.zeros((TASKS, 4, 3))
    for row in range(5):
        for unit in range(3):
            expected[row, unit] = BIAS[unit] + sum(x[row, i] * KERNEL[i, unit] for i in range(4))
            for task in range(TASKS):
                for i in range(4):
                    parts[task, i, unit] += x[row, i] * FACTORS[task][row, unit]
    for copy in copies:
        np.testing.assert_allclose(copy, expected, rtol=1e-5)
    np.testing.assert_allclose(dkernel, parts.sum(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, sum(FACTORS) @ KERNEL.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dbias, sum(FACTORS).sum(0), rtol=1e-4, atol=1e-5)
    frobenius = [sum(value**2 for value in part.flat) ** 0.5 for part in parts]
    np.testing.assert_allclose(norms, frobenius, rtol=1e-5, atol=1e-6)
    assert float(norms[2]) == 0.0


def test_over_maps_it_is_a_convolution_of_size_one():
    maps = CHANCE.normal(size=(2, 3, 5, 4)).astype("float32")
    factors = [CHANCE.normal(size=(2, 3, 5, 3)).astype("float32") for _ in range(TASKS)]
    copies, (dx, dkernel, _, norms) = pulled(fork_dense, maps, factors)
    convolved = tf.nn.conv2d(maps, KERNEL[None, None], 1, "VALID") + BIAS
    np.testing.assert_allclose(copies[0], convolved, rtol=1e-4, atol=1e-5)
    for task in range(TASKS):
        kernel = tf.constant(KERNEL[None, None])
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            loss = tf.reduce_sum(tf.nn.conv2d(maps, kernel, 1, "VALID") * factors[task])
        part = tape.gradient(loss, kernel)
        assert float(norms[task]) == pytest.approx(float(tf.norm(part)), rel=1e-5)
    assert dx.shape == maps.shape and dkernel.shape == KERNEL.shape


def test_features_against_loops():
    x = CHANCE.normal(size=(5, 3)).astype("float32")
    copies, (dx, _, _, norms) = pulled(fork_features, x, FACTORS)
    for copy in copies:
        np.testing.assert_array_equal(copy, x)
    np.testing.assert_allclose(dx, sum(FACTORS), rtol=1e-5, atol=1e-6)
    expected = [sum(float(value) ** 2 for value in factor.flat) ** 0.5 for factor in FACTORS]
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


def test_at_the_features_two_tasks_can_stand_the_other_way_round():
    """Features 1 and -1. What pulls both rows up has |g| = 3 sqrt(2) and X^T g = 3 - 3 = 0; what
    pulls them apart has |g| = sqrt(2) and X^T g = 1 + 1 = 2.
    """
    x, kernel = tf.constant([[1.0], [-1.0]]), tf.constant([[1.0]])
    factors = [[[3.0], [3.0]], [[1.0], [-1.0]]]

    def norms(fork):
        probe = tf.zeros(2)
        with tf.GradientTape() as tape:
            tape.watch(probe)
            loss = sum(tf.reduce_sum(c * f) for c, f in zip(fork(probe), factors, strict=True))
        return tape.gradient(loss, probe)

    exact = norms(lambda probe: fork_dense(x, kernel, tf.zeros(1), probe))
    features = norms(lambda probe: fork_features(tf.matmul(x, kernel), probe))
    np.testing.assert_allclose(exact, [0.0, 2.0], atol=1e-6)
    np.testing.assert_allclose(features, [3 * 2**0.5, 2**0.5], rtol=1e-6)


@pytest.mark.parametrize("forked", [fork_dense, fork_features])
def test_a_sum_over_replicas_stands_before_the_norm(forked):
    """The sum of two replicas has twice the gradient; at the features, twice the squares."""
    x = CHANCE.normal(size=(5, 4 if forked is fork_dense else 3)).astype("float32")
    _, (*_, alone) = pulled(forked, x, FACTORS)
    _, (*_, summed) = pulled(forked, x, FACTORS, total=lambda part: part + part)
    factor = 2.0 if forked is fork_dense else 2.0**0.5
    np.testing.assert_allclose(summed, factor * np.array(alone), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_norms_are_summed_in_float32(dtype):
    """Gradients of 300 on 2000 rows: a float16 sum would be infinite, a bfloat16 sum coarse."""
    x = tf.cast(tf.ones((2000, 4)), dtype)
    probe = tf.zeros(2)
    with tf.GradientTape() as tape:
        tape.watch(probe)
        copies = fork_dense(x, tf.constant(KERNEL), tf.constant(BIAS), probe)
        loss = tf.reduce_sum(tf.cast(copies[0], "float32")) * 300.0
        loss += tf.reduce_sum(tf.cast(copies[1], "float32"))
    assert copies[0].dtype == dtype
    norms = tape.gradient(loss, probe)
    assert norms.dtype == "float32"
    np.testing.assert_allclose(norms, [300 * 2000 * 12**0.5, 2000 * 12**0.5], rtol=2e-3)
