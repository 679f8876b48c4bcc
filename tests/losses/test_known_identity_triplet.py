import numpy as np
import pytest

from kerasface.losses import KnownIdentityTripletLoss, TripletSemiHardLoss
from tests.contracts import check_loss

MARGIN = 0.2
# So wide a margin that every pair of vectors of length 1 costs something.
WIDE = KnownIdentityTripletLoss(4.5, distance_metric="squared-L2")


def oracle(labels, embeddings, margin):
    """Among known rows: the nearest negative beyond the positive, else the farthest."""
    known = [i for i, label in enumerate(labels) if label >= 0]

    def distance(i, j):
        return sum((a - b) ** 2 for a, b in zip(embeddings[i], embeddings[j], strict=True))

    losses = []
    for i in known:
        negatives = [distance(i, k) for k in known if labels[k] != labels[i]]
        for j in known:
            if j == i or labels[j] != labels[i]:
                continue
            positive = distance(i, j)
            beyond = [d for d in negatives if d > positive]
            chosen = min(beyond) if beyond else max(negatives, default=0.0)
            losses.append(max(0.0, margin + positive - chosen))
    return sum(losses) / len(losses) if losses else 0.0


def faces(seed, rows=16, size=6):
    vectors = np.random.default_rng(seed).normal(size=(rows, size))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")


def loss_of(**kwargs):
    return KnownIdentityTripletLoss(MARGIN, distance_metric="squared-L2", **kwargs)


@pytest.mark.parametrize("seed", range(6))
def test_equals_loops_with_unknown_rows(seed):
    labels = np.random.default_rng(seed).integers(-2, 3, 16).astype("int32")
    embeddings = faces(seed)
    expected = oracle(labels.tolist(), embeddings.astype("float64").tolist(), MARGIN)
    assert float(loss_of()(labels, embeddings)) == pytest.approx(expected, abs=1e-6)
    assert float(loss_of().call(labels, embeddings)) == pytest.approx(expected, abs=1e-6)


def test_value_by_hand():
    """On a line: person 1 at 0 and 1, person 2 at 3, someone at 1.5; squared distances.

    Pair (0, 1): positive 1, negative 9. Pair (1, 0): positive 1, negative 4. With margin 4:
    `max(0, 4 + 1 - 9) = 0` and `max(0, 4 + 1 - 4) = 1`, mean 0.5. Were the stranger at 1.5 a
    negative, both pairs would take it: `(4 + 1 - 2.25 + 4 + 1 - 4) / 2` instead.
    """
    loss = KnownIdentityTripletLoss(4.0, distance_metric="squared-L2")
    assert float(loss([1, 1, 2, -1], [[0.0], [1.0], [3.0], [1.5]])) == 0.5
    assert float(loss([1, 1, 2, 9], [[0.0], [1.0], [3.0], [1.5]])) == pytest.approx(1.875)


def test_is_the_semi_hard_loss_where_everybody_is_known():
    labels, embeddings = np.arange(16, dtype="int32") % 4, faces(3)
    plain = TripletSemiHardLoss(MARGIN, distance_metric="squared-L2")
    assert float(loss_of()(labels, embeddings)) == float(plain(labels, embeddings))


@pytest.mark.parametrize("labels", [[-1] * 4, [3, -1, -1, -1], [3, 5, 7, -1]])
def test_no_pair_is_zero_with_zero_gradient(labels):
    tf = pytest.importorskip("tensorflow")
    embeddings = tf.Variable(faces(0, rows=4))
    with tf.GradientTape() as tape:
        value = loss_of()(np.array(labels, "int32"), embeddings)
    gradient = tape.gradient(value, embeddings)
    assert float(value) == 0.0 and not np.any(gradient)


def test_unknown_rows_get_no_gradient_and_their_nan_none_either():
    tf = pytest.importorskip("tensorflow")
    vectors = faces(0, rows=6)
    vectors[4:] = np.nan
    labels = np.array([0, 0, 1, 1, -1, -1], "int32")
    embeddings = tf.Variable(vectors)
    with tf.GradientTape() as tape:
        value = WIDE(labels, embeddings)
    gradient = np.array(tape.gradient(value, embeddings))
    assert float(value) == float(WIDE(labels[:4], vectors[:4])) > 0
    assert np.isfinite(gradient).all() and not gradient[4:].any() and gradient[:4].any()


def test_identities_above_two_to_the_24_stay_apart():
    labels = np.array([2**24, 2**24, 2**24 + 1, 2**24 + 1], "int32")
    small = np.array([0, 0, 1, 1], "int32")
    embeddings = faces(2, rows=4)
    assert float(WIDE(labels, embeddings)) == float(WIDE(small, embeddings)) > 0


def test_contract(tmp_path):
    labels = np.array([0, 0, 1, 1, -1, 2, 2, -1], "int32")
    check_loss(KnownIdentityTripletLoss, {"margin": 0.5}, labels, 3 * faces(4, rows=8), tmp_path)
