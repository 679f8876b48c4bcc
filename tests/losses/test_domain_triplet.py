"""`DomainTripletLoss`: the contract, its value as the paper's text has it, and whom it moves."""

import numpy as np
import pytest
import tensorflow as tf

from kerasface.losses import DomainTripletLoss
from tests.contracts import check_loss

ROWS = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
DOMAINS = np.array([0, 1, 2, 0, 1, 1, 2, 0, 0])


def oracle(domains, rows, margin):
    """Mean over all triplets of the hinge."""
    hinges = [
        max(0.0, ((rows[a] - rows[p]) ** 2).sum() - ((rows[a] - rows[n]) ** 2).sum() + margin)
        for a in range(len(rows))
        for p in range(len(rows))
        for n in range(len(rows))
        if a != p and domains[a] == domains[p] and domains[a] != domains[n]
    ]
    return sum(hinges) / len(hinges)


@pytest.mark.parametrize("mining", ["semi-hard", "all"])
def test_contract(mining, tmp_path):
    check_loss(DomainTripletLoss, {"margin": 0.5, "mining": mining}, DOMAINS, ROWS, tmp_path)


def test_the_mean_over_all_triplets():
    found = DomainTripletLoss(mining="all")(DOMAINS, ROWS)
    assert float(found) == pytest.approx(oracle(DOMAINS, ROWS, 0.2), rel=1e-5)


def test_the_sign_is_that_of_the_text_and_not_of_the_printed_equation():
    """Sets that lie apart have a loss of 0, mixed ones `1 - 0 + 0.2`: the head pulls sets apart."""
    apart = DomainTripletLoss(mining="all")([0, 0, 1, 1], [[0.0], [0.0], [1.0], [1.0]])
    mixed = DomainTripletLoss(mining="all")([0, 1, 0, 1], [[0.0], [0.0], [1.0], [1.0]])
    # Each anchor: positive at 1, negatives at 0 and 1: hinges 1.2 and 0.2.
    assert float(apart) == 0.0 and float(mixed) == pytest.approx(0.7)


def test_rows_of_unknown_domain_or_without_weight_take_no_part():
    """Weights `batch / labelled`, so the value is that of the labelled rows alone."""
    weights = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1]) * 9 / 7
    rows = ROWS.copy()
    rows[[2, 7]] = np.nan
    kept = weights > 0
    alone = float(DomainTripletLoss()(DOMAINS[kept], ROWS[kept]))
    assert float(DomainTripletLoss()(DOMAINS, rows, sample_weight=weights)) == pytest.approx(alone)
    unknown = np.where(kept, DOMAINS, -1)
    assert float(DomainTripletLoss()(unknown, rows)) == pytest.approx(alone)
    assert float(DomainTripletLoss()(unknown, rows, sample_weight=weights)) == pytest.approx(alone)


def test_one_data_set_makes_no_triplet():
    """Unlike for identities, rows of one set alone do not attract each other."""
    rows = tf.Variable(ROWS)
    with tf.GradientTape() as tape:
        loss = DomainTripletLoss()(np.zeros(9, int), rows)
    assert float(loss) == 0.0 and not tape.gradient(loss, rows).numpy().any()


@pytest.mark.parametrize(
    "change", [{"margin": -0.1}, {"mining": "hard"}, {"distance_metric": "cosine"}]
)
def test_what_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="Received: "):
        DomainTripletLoss(**change)
