"""Pairwise distances against loops, and their gradients where roots and norms have none."""

import math

import numpy as np
import pytest
import tensorflow as tf

from kerasface import ops
from kerasface.ops.distances import DISTANCES, equal_rows


def oracle(rows, metric):
    table = np.zeros((len(rows), len(rows)))
    for i, a in enumerate(rows.astype("float64")):
        for j, b in enumerate(rows.astype("float64")):
            if i == j:
                continue
            if metric == "angular":
                lengths = math.sqrt(sum(a * a)) * math.sqrt(sum(b * b))
                table[i, j] = 1.0 - (sum(a * b) / lengths if lengths else 0.0)
            else:
                squared = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
                table[i, j] = squared if metric == "squared-L2" else math.sqrt(squared)
    return table


@pytest.mark.parametrize("metric", DISTANCES)
@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (7, 5), (20, 64)])
def test_distances_equal_the_loop(metric, shape):
    rows = np.random.default_rng(0).normal(size=shape).astype("float32")
    distances = np.asarray(DISTANCES[metric](rows))
    assert distances.dtype == "float32"
    np.testing.assert_allclose(distances, oracle(rows, metric), atol=3e-4 if shape[1] < 3 else 3e-5)
    np.testing.assert_array_equal(np.diag(distances), 0.0)


@pytest.mark.parametrize("metric", DISTANCES)
def test_gradients_are_finite_for_equal_and_zero_vectors(metric):
    rows = tf.constant([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [-3.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(DISTANCES[metric](rows))
    assert np.all(np.isfinite(tape.gradient(total, rows)))


@pytest.mark.parametrize("metric", DISTANCES)
def test_gradient_equals_finite_differences(metric):
    rows = np.random.default_rng(3).normal(size=(4, 3))
    factors = np.random.default_rng(4).normal(size=(4, 4))
    x = tf.constant(rows)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(DISTANCES[metric](x) * factors)
    gradient, step = tape.gradient(value, x).numpy(), 1e-6
    for index in np.ndindex(rows.shape):
        up, down = rows.copy(), rows.copy()
        up[index] += step
        down[index] -= step
        slope = np.sum((oracle(up, metric) - oracle(down, metric)) * factors) / (2 * step)
        np.testing.assert_allclose(gradient[index], slope, atol=1e-6)


def test_equal_vectors_get_no_gradient_from_the_root_of_rounding():
    """Rows 0 and 1 are equal; only the pull from row 2, in direction (3, 4) / 5, is left."""
    rows = tf.constant([[3.1, 4.1], [3.1, 4.1], [0.1, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        distances = ops.euclidean_distances(rows)
        value = 1000.0 * distances[0, 1] + distances[0, 2]
    np.testing.assert_allclose(tape.gradient(value, rows)[0], [0.6, 0.8], rtol=1e-5)


def test_equal_rows_equal_the_loop():
    rows = np.random.default_rng(0).integers(0, 3, (40, 3)).astype("float32")
    expected = [[bool(np.all(a == b)) for b in rows] for a in rows]
    np.testing.assert_array_equal(equal_rows(rows), expected)


def test_safe_sqrt():
    x = tf.constant([-1.0, 0.0, 1e-30, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        root = ops.safe_sqrt(x)
    np.testing.assert_allclose(root, [0.0, 0.0, 1e-15, 2.0])
    np.testing.assert_allclose(tape.gradient(root, x), [0.0, 0.0, 5e14, 0.25], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_unit_length(dtype):
    """(300, 400) / 500 = (0.6, 0.8), though 300^2 is beyond float16."""
    x = tf.cast([[300.0, 400.0], [0.0, 0.0], [0.0, -2.0]], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        scaled = ops.unit_length(x)
    assert scaled.dtype == x.dtype
    np.testing.assert_allclose(
        tf.cast(scaled, "float32"), [[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]], atol=4e-3
    )
    gradient = tf.cast(tape.gradient(scaled, x), "float32")
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(gradient[1], 0.0)


def test_names():
    assert ops.distance_function("L2") is ops.euclidean_distances
    assert ops.distance_function(oracle) is oracle
    with pytest.raises(ValueError, match=r"Did you mean 'squared-L2'\?.*Received: .*'squared_l2'"):
        ops.distance_function("squared_l2")
    with pytest.raises(ValueError, match="Received: distance_metric=7"):
        ops.distance_function(7)
