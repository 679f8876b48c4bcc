"""Weights and means over labelled rows."""

import numpy as np
import pytest
import tensorflow as tf

from kerasface.ops import as_mask, labelled_weights, masked_mean, row_mask


def oracle_weights(mask, alpha):
    labelled = [bool(value) for value in mask]
    weights = []
    for row in labelled:
        weights.append(alpha * len(labelled) / sum(labelled) if row else 0.0)
    return np.array(weights)


@pytest.mark.parametrize("mask", [[1, 0, 0, 1], [1] * 5, [0] * 3, [0, 0, 1], [1], [0]])
@pytest.mark.parametrize("alpha", [1.0, 0.25, 0.0])
def test_weights_equal_the_loop(mask, alpha):
    weights = labelled_weights(np.array(mask, bool), alpha)
    assert weights.dtype == tf.float32
    np.testing.assert_allclose(weights, oracle_weights(mask, alpha), rtol=1e-6)


def test_weights_by_hand():
    """Two of eight rows, alpha 0.5: 0.5 * 8 / 2 = 2 on each of the two."""
    mask = [0, 1, 0, 0, 0, 0, 1, 0]
    np.testing.assert_array_equal(labelled_weights(mask, 0.5), 2.0 * np.array(mask))


def test_batch_mean_under_the_weights_is_the_mean_over_labelled_rows():
    rng = np.random.default_rng(0)
    for labelled in (0, 1, 5, 32):
        mask = rng.permutation(np.arange(32) < labelled)
        values = rng.normal(size=32).astype("float32")
        mean = np.mean(np.asarray(labelled_weights(mask)) * values)
        expected = values[mask].mean() if labelled else 0.0
        np.testing.assert_allclose(mean, expected, atol=1e-6)
        np.testing.assert_allclose(masked_mean(values, mask), expected, atol=1e-6)


def test_masked_mean_drops_nan_and_infinity():
    """(1 + 4) / 2 = 2.5 whatever stands on the two other rows."""
    values = tf.constant([1.0, np.nan, np.inf, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        mean = masked_mean(values, [True, False, False, True])
    assert float(mean) == 2.5
    np.testing.assert_array_equal(tape.gradient(mean, values), [0.5, 0.0, 0.0, 0.5])


def test_masked_mean_of_nothing_is_exactly_zero():
    assert float(masked_mean([np.nan, 1.0], [0, 0])) == 0.0


def test_masks():
    np.testing.assert_array_equal(as_mask([0.0, 0.3, -1.0, 7.0]), [False, True, False, True])
    np.testing.assert_array_equal(row_mask([[0.0], [2.0]], np.zeros((2, 3))), [False, True])
    np.testing.assert_array_equal(row_mask(None, np.zeros((2, 3))), [True, True])
