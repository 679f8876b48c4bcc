"""Triplet choice against a NumPy loop, recorded tensorflow-addons values, and hand-made cases."""

import functools
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kerasface.ops import hard_triplet_loss, semi_hard_triplet_loss

GOLDEN = Path(__file__).parents[1] / "golden" / "tfa_triplet.npz"


def distance(a, b, metric):
    if metric == "angular":
        cosine = sum(a * b) / math.sqrt(sum(a * a)) / math.sqrt(sum(b * b))
        return 1.0 - cosine
    squared = sum((a - b) ** 2)
    return squared if metric == "squared-L2" else math.sqrt(squared)


def oracle(kind, labels, rows, margin, metric, mask=None):
    """The losses as one reads them: anchors, their positives, their negatives."""
    rows = rows.astype("float64")
    used = [i for i in range(len(rows)) if mask is None or mask[i]]
    d = {(i, j): distance(rows[i], rows[j], metric) if i != j else 0.0 for i in used for j in used}
    terms = []
    for i in used:
        positives = [d[i, j] for j in used if labels[j] == labels[i] and j != i]
        negatives = [d[i, k] for k in used if labels[k] != labels[i]]
        if kind == "semihard":
            for positive in positives:
                beyond = [negative for negative in negatives if negative > positive]
                chosen = min(beyond) if beyond else max(negatives, default=0.0)
                terms.append(max(0.0, margin + positive - chosen))
        else:
            farthest = max(positives, default=0.0)
            nearest = min(negatives, default=max(d[i, j] for j in used))
            gap = farthest - nearest
            terms.append(
                math.log1p(math.exp(gap)) if kind == "hard-soft" else max(0.0, margin + gap)
            )
    return sum(terms) / len(terms) if terms else 0.0


@functools.cache
def graph(kind, metric, dtype, masked):
    """A graph of the value and gradient for any number of rows; tracing is the slow part."""

    def step(labels, rows, margin, mask):
        mask = mask if masked else None
        with tf.GradientTape() as tape:
            tape.watch(rows)
            if kind == "semihard":
                value = semi_hard_triplet_loss(labels, rows, margin, metric, mask)
            else:
                value = hard_triplet_loss(labels, rows, margin, kind == "hard-soft", metric, mask)
        return value, tape.gradient(value, rows)

    vector, table = tf.TensorSpec((None,), "float64"), tf.TensorSpec((None, None), dtype)
    any_labels = tf.TensorSpec(None, "int64")
    margin = tf.TensorSpec((), "float32" if dtype == "float16" else dtype)
    return tf.function(step, input_signature=[any_labels, table, margin, vector])


def loss_and_gradient(kind, labels, rows, margin=1.0, metric="L2", mask=None):
    step = graph(kind, metric, str(rows.dtype), mask is not None)
    mask = np.ones(len(rows)) if mask is None else np.asarray(mask, "float64")
    value, gradient = step(np.asarray(labels, "int64"), rows, margin, mask)
    return value.numpy(), gradient.numpy()


KINDS = ("semihard", "hard", "hard-soft")


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_values_and_gradients_of_tensorflow_addons(kind):
    """All 180, to 1e-5. In 038 rounding alone sets the distance of two equal rows: 3e-4."""
    with np.load(GOLDEN) as recorded:
        cases = sorted({key.split("/")[0] for key in recorded})
        assert len(cases) == 60
        for case in cases:
            value, gradient = loss_and_gradient(
                kind,
                recorded[f"{case}/labels"],
                recorded[f"{case}/embeddings"],
                float(recorded[f"{case}/margin"]),
                str(recorded[f"{case}/metric"]),
            )
            expected = np.nan_to_num(recorded[f"{case}/{kind}/value"], nan=0.0)
            slope = np.nan_to_num(recorded[f"{case}/{kind}/grad"], nan=0.0)
            np.testing.assert_allclose(value, expected, rtol=0, atol=1e-5, err_msg=case)
            np.testing.assert_allclose(gradient, slope, rtol=0, atol=1e-5, err_msg=case)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["L2", "squared-L2", "angular"])
def test_values_equal_the_loop(kind, metric):
    rng = np.random.default_rng(5)
    for batch, classes in ((1, 1), (2, 1), (2, 2), (3, 2), (9, 3), (16, 1), (16, 16), (24, 9)):
        rows = rng.normal(size=(batch, 4))
        labels = rng.permutation(np.arange(batch) % classes)
        for mask in (None, rng.random(batch) < 0.6):
            value, _ = loss_and_gradient(kind, labels, rows, 0.3, metric, mask)
            expected = oracle(kind, labels, rows, 0.3, metric, mask)
            np.testing.assert_allclose(value, expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_ties_and_duplicates_equal_the_loop(kind):
    """Rows on a small grid: equal rows, equal distances, positives as far as negatives."""
    rng = np.random.default_rng(6)
    for _ in range(10):
        rows = rng.integers(0, 3, (14, 2)).astype("float64")
        labels = rng.integers(0, 3, 14)
        value, gradient = loss_and_gradient(kind, labels, rows, 0.5, "squared-L2")
        np.testing.assert_allclose(value, oracle(kind, labels, rows, 0.5, "squared-L2"), atol=1e-12)
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["L2", "squared-L2", "angular"])
def test_gradient_equals_finite_differences(kind, metric):
    rng = np.random.default_rng(7)
    rows, labels, step = rng.normal(size=(7, 3)), np.array([0, 0, 1, 1, 1, 2, 9]), 1e-6
    mask = np.array([1, 1, 1, 1, 1, 1, 0])
    _, gradient = loss_and_gradient(kind, labels, rows, 0.4, metric, mask)
    for index in np.ndindex(rows.shape):
        up, down = rows.copy(), rows.copy()
        up[index] += step
        down[index] -= step
        rise = oracle(kind, labels, up, 0.4, metric, mask) - oracle(
            kind, labels, down, 0.4, metric, mask
        )
        np.testing.assert_allclose(gradient[index], rise / (2 * step), atol=1e-6)


def test_semi_hard_by_hand():
    """Positives at 0 and 2, negatives at 3 and 7, squared distances, margin 6.

    Anchor 0: positive 4, negatives 9 and 49; nearest beyond is 9: 6 + 4 - 9 = 1.
    Anchor 2: positive 4, negatives 1 and 25; nearest beyond is 25: 6 + 4 - 25 < 0.
    The negatives have labels of their own and no positives. Mean of two pairs: 0.5.
    """
    rows = np.array([[0.0], [2.0], [3.0], [7.0]], "float32")
    value, gradient = loss_and_gradient("semihard", [1, 1, 2, 3], rows, 6.0, "squared-L2")
    assert value == 0.5
    # d/da of (4 - 9) / 2: the pair gives (0 - 2), the negative -(0 - 3).
    np.testing.assert_allclose(gradient[:, 0], [-2.0 + 3.0, 2.0, -3.0, 0.0])


def test_a_negative_at_the_positives_distance_is_not_beyond_it():
    """Positive and one negative at 1, another at 3: the choice is 3, so 1 + 1 - 3 < 0."""
    rows = np.array([[0.0], [1.0], [-1.0], [3.0], [100.0]])
    value, _ = loss_and_gradient("semihard", [1, 1, 2, 3, 4], rows, 1.0)
    # Anchor 0: 0 as above. Anchor 1: positive 1, negatives 2, 2 and 99: 1 + 1 - 2 = 0.
    assert value == 0.0


def test_equal_negatives_share_the_gradient():
    """Three negatives at +-1: each gets a third of the push, so up and down do not cancel."""
    rows = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, -1.0]])
    _, gradient = loss_and_gradient("semihard", [1, 1, 2, 3, 4], rows, 1.0, "squared-L2")
    # Anchor 0 is at 1 from all three; one of two pairs, slope of d^2 is 2: 2 / 2 / 3 from it,
    # and as much from anchor 1, which is at 1.25 from all three.
    np.testing.assert_allclose(gradient[2:, 1], [-2 / 3, -2 / 3, 2 / 3], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_masked_rows_may_hold_nan(kind):
    rng = np.random.default_rng(8)
    rows, labels = rng.normal(size=(10, 4)).astype("float32"), rng.integers(0, 3, 10)
    mask = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], "float32") * 3.0
    kept = mask > 0
    rows[~kept], labels[~kept] = np.nan, -1
    value, gradient = loss_and_gradient(kind, labels, rows, 1.0, "L2", mask)
    alone, slope = loss_and_gradient(kind, labels[kept], rows[kept])
    np.testing.assert_allclose(value, alone, rtol=1e-6)
    np.testing.assert_allclose(gradient[kept], slope, atol=1e-6)
    np.testing.assert_array_equal(gradient[~kept], 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_labelled_is_zero_with_zero_gradient(kind):
    rows = np.full((3, 2), np.nan, "float32")
    value, gradient = loss_and_gradient(kind, [0, 0, 1], rows, mask=np.zeros(3))
    assert value == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


def test_no_positive_pair_is_zero_with_zero_gradient():
    value, gradient = loss_and_gradient("semihard", [0, 1, 2], np.eye(3, dtype="float32"))
    assert value == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_beyond_float32_stay_apart(kind):
    big = 2**53
    labels = np.array([big, big + 1, big, big + 1], "int64")
    rows = np.random.default_rng(9).normal(size=(4, 2)).astype("float32")
    value, _ = loss_and_gradient(kind, labels, rows)
    same, _ = loss_and_gradient(kind, labels[:, None] - big, rows)
    collided, _ = loss_and_gradient(kind, labels.astype("float32").astype("int64"), rows)
    assert value == same != collided


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_embeddings_are_compared_in_float32(kind):
    rows = np.random.default_rng(10).normal(size=(8, 4)).astype("float16")
    labels = np.arange(8) % 3
    value, gradient = loss_and_gradient(kind, labels, rows)
    expected, _ = loss_and_gradient(kind, labels, rows.astype("float32"))
    assert value.dtype == "float32" and value == expected and gradient.dtype == "float16"


@pytest.mark.parametrize("loss", [semi_hard_triplet_loss, hard_triplet_loss])
def test_a_function_as_distance(loss):
    def city_block(x):
        return tf.reduce_sum(tf.abs(x[:, None] - x[None, :]), axis=-1)

    rows, labels = np.random.default_rng(11).normal(size=(8, 1)), np.arange(8) % 3
    ours = loss(labels, rows, distance_metric=city_block)
    np.testing.assert_allclose(ours, loss(labels, rows, distance_metric="L2"), rtol=1e-6)


@pytest.mark.parametrize("loss", [semi_hard_triplet_loss, hard_triplet_loss])
def test_graph_with_dynamic_batch_equals_eager(loss):
    signature = [tf.TensorSpec((None,), "int64"), tf.TensorSpec((None, 4), "float32")]
    traced = tf.function(loss, input_signature=signature)
    for batch in (1, 5, 17):
        rows = np.random.default_rng(batch).normal(size=(batch, 4)).astype("float32")
        labels = np.arange(batch, dtype="int64") % 3
        np.testing.assert_allclose(traced(labels, rows), loss(labels, rows), rtol=1e-6)


@pytest.mark.parametrize("loss", [semi_hard_triplet_loss, hard_triplet_loss])
def test_no_tensor_is_larger_than_batch_squared(loss):
    """The reason for this file; tensorflow-addons needs batch cubed, 18 GB at 1024."""
    batch = 64

    @tf.function
    def step(labels, rows):
        value = loss(labels, rows)
        return value, tf.gradients(value, rows)

    concrete = step.get_concrete_function(
        tf.TensorSpec((batch,), "int64"), tf.TensorSpec((batch, 8), "float32")
    )
    operations = concrete.graph.get_operations()
    assert not [operation.type for operation in operations if "While" in operation.type]
    sizes = [
        tensor.shape.num_elements()
        for operation in operations
        for tensor in operation.outputs
        if tensor.shape.is_fully_defined()
    ]
    assert max(sizes) == batch**2
