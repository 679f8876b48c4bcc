"""Sums over mined triplets against loops over anchors, positives and negatives."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from kerasface.ops import semi_hard_triplet_loss, triplet_sums

MINING = ("semi-hard", "all")


def squared(a, b):
    return sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True))


def oracle(labels, rows, margin, mining, mask=None):
    """`(loss, active, triplets)` as one reads eq. 1 of the paper, with the hinge."""
    rows = np.asarray(rows, "float64")
    used = [i for i in range(len(rows)) if mask is None or mask[i] > 0]
    loss, active, triplets = 0.0, 0, 0
    for a in used:
        for p in used:
            if p == a or labels[p] != labels[a]:
                continue
            to_positive = squared(rows[a], rows[p])
            negatives = [squared(rows[a], rows[n]) for n in used if labels[n] != labels[a]]
            if mining == "semi-hard" and negatives:
                farther = [each for each in negatives if each > to_positive]
                negatives = [min(farther) if farther else max(negatives)]
            for to_negative in negatives:
                hinge = to_positive - to_negative + margin
                triplets += 1
                active += hinge > 0
                loss += max(0.0, hinge)
    return loss, active, triplets


@functools.cache
def graph(mining, masked):
    """Values and gradient for any number of rows; tracing is the slow part."""

    def step(labels, rows, margin, mask):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            sums = triplet_sums(labels, rows, margin, mining, mask=mask if masked else None)
        return sums, tape.gradient(sums.loss, rows)

    vector, table = tf.TensorSpec((None,), "float64"), tf.TensorSpec((None, None), "float64")
    margin = tf.TensorSpec((), "float64")
    return tf.function(
        step, input_signature=[tf.TensorSpec((None,), "int64"), table, margin, vector]
    )


def sums_and_gradient(labels, rows, margin, mining, mask=None):
    weights = np.ones(len(rows)) if mask is None else np.asarray(mask, "float64")
    labels, rows = np.asarray(labels, "int64"), np.asarray(rows, "float64")
    sums, gradient = graph(mining, mask is not None)(labels, rows, margin, weights)
    return [float(each) for each in sums], gradient.numpy()


def test_by_hand():
    """Set 0 at 0 and 1, set 1 at 1.5 and 4; squared distances, margin 0.5.

    Pairs (anchor, positive): 0-1 at 1 with negatives at 2.25 and 16: no hinge. 1-0 at 1 with
    negatives at 0.25 and 9: 1.25 and none. 1.5-4 at 6.25 with negatives at 2.25 and 0.25: 4.5
    and 6.5. 4-1.5 at 6.25 with negatives at 16 and 9: none. All: 1.25 + 4.5 + 6.5 = 12.25,
    3 active of 8. Semi-hard: 2.25 and 9 and 9 are the nearest beyond; the pair 1.5-4 has none
    beyond 6.25 and takes the farthest, 2.25: 4.5. One active of 4.
    """
    labels, rows = [0, 0, 1, 1], [[0.0], [1.0], [1.5], [4.0]]
    assert sums_and_gradient(labels, rows, 0.5, "all")[0] == [12.25, 3, 8]
    found, gradient = sums_and_gradient(labels, rows, 0.5, "semi-hard")
    assert found == [4.5, 1, 4]
    # (1.5 - 4)^2 - (1.5 - 0)^2: 2 (1.5 - 4) - 2 * 1.5 at 1.5, 5 at 4, 3 at 0.
    np.testing.assert_allclose(gradient[:, 0], [3.0, 0.0, -8.0, 5.0])


@pytest.mark.parametrize("mining", MINING)
def test_sums_equal_the_loop(mining):
    random = np.random.default_rng(1)
    sizes = ((1, 1), (2, 1), (2, 2), (3, 2), (9, 3), (16, 1), (16, 16), (24, 2), (24, 5))
    for batch, domains in sizes:
        rows = random.normal(size=(batch, 3))
        labels = random.permutation(np.arange(batch) % domains)
        for mask in (None, (random.random(batch) < 0.6).astype(float)):
            for margin in (0.0, 0.2, 3.0):
                found, gradient = sums_and_gradient(labels, rows, margin, mining, mask)
                expected = oracle(labels, rows, margin, mining, mask)
                np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
                assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mining", MINING)
def test_duplicates_and_ties_equal_the_loop(mining):
    """Rows on a grid: equal rows, positives as far as negatives, hinges of exactly 0."""
    random = np.random.default_rng(2)
    for _ in range(10):
        rows, labels = random.integers(0, 3, (14, 2)), random.integers(0, 3, 14)
        found, gradient = sums_and_gradient(labels, rows, 1.0, mining)
        np.testing.assert_allclose(found, oracle(labels, rows, 1.0, mining), atol=1e-9)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mining", MINING)
def test_gradient_equals_finite_differences(mining):
    random = np.random.default_rng(3)
    rows, labels, step = random.normal(size=(8, 2)), np.array([0, 0, 1, 1, 1, 2, 2, 0]), 1e-6
    mask = np.array([1, 1, 1, 1, 1, 1, 1, 0.0])
    _, gradient = sums_and_gradient(labels, rows, 0.7, mining, mask)
    for index in np.ndindex(rows.shape):
        up, down = rows.copy(), rows.copy()
        up[index] += step
        down[index] -= step
        rise = oracle(labels, up, 0.7, mining, mask)[0] - oracle(labels, down, 0.7, mining, mask)[0]
        np.testing.assert_allclose(gradient[index], rise / (2 * step), atol=1e-5)


@pytest.mark.parametrize("mining", MINING)
def test_masked_rows_may_hold_nan(mining):
    random = np.random.default_rng(4)
    rows, labels = random.normal(size=(10, 3)), random.integers(0, 2, 10)
    mask = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1.0])
    alone, slope = sums_and_gradient(labels[mask > 0], rows[mask > 0], 1.0, mining)
    rows[mask == 0] = np.nan
    found, gradient = sums_and_gradient(labels, rows, 1.0, mining, mask)
    np.testing.assert_allclose(found, alone, rtol=1e-6)
    np.testing.assert_allclose(gradient[mask > 0], slope, atol=1e-9)
    assert not gradient[mask == 0].any()


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [7]])
def test_without_a_triplet_all_is_zero(mining, labels):
    """One set only (no negative), or every row a set of its own (no positive)."""
    found, gradient = sums_and_gradient(labels, np.eye(3)[: len(labels)], 1.0, mining)
    assert found == [0, 0, 0] and not gradient.any()


def test_a_saturated_hinge_has_no_gradient():
    """Two tight sets at distance 10: no triplet is active and nothing moves."""
    rows = np.array([[0.0], [0.1], [10.0], [10.1]])
    for mining in MINING:
        (loss, active, triplets), gradient = sums_and_gradient([0, 0, 1, 1], rows, 0.2, mining)
        assert loss == active == 0 and triplets > 0 and not gradient.any()


def test_semi_hard_is_the_semi_hard_loss_where_every_row_has_a_negative():
    random = np.random.default_rng(5)
    rows, labels = random.normal(size=(20, 4)).astype("float32"), np.arange(20) % 3
    loss, _, triplets = triplet_sums(labels, rows, 0.3, "semi-hard")
    expected = semi_hard_triplet_loss(labels, rows, 0.3, "squared-L2")
    np.testing.assert_allclose(loss / triplets, expected, rtol=1e-6)


def test_no_tensor_is_larger_than_batch_squared():
    batch = 64
    step = tf.function(lambda labels, rows: triplet_sums(labels, rows, mining="all").loss)
    concrete = step.get_concrete_function(
        tf.TensorSpec((batch,), "int64"), tf.TensorSpec((batch, 8), "float32")
    )
    sizes = [
        tensor.shape.num_elements()
        for operation in concrete.graph.get_operations()
        for tensor in operation.outputs
        if tensor.shape.is_fully_defined()
    ]
    assert max(sizes) == batch**2


def test_an_unknown_mining_is_refused():
    with pytest.raises(ValueError, match="Received: mining='hard'"):
        triplet_sums([0, 1], [[0.0], [1.0]], mining="hard")
