import math

import numpy as np
import pytest

from kerasface.losses.label_distribution import LabelDistributionLoss
from tests.contracts import check_loss

AGES = {"low": 0.0, "high": 116.0, "bins": 59, "spread": 3.0}


def oracle(ages, logits, low, high, bins, spread, weight=1.0):
    centres = [low + (high - low) * k / (bins - 1) for k in range(bins)]
    values = []
    for age, row in zip(ages.tolist(), logits.tolist(), strict=True):
        density = [math.exp(-0.5 * ((c - age) / spread) ** 2) for c in centres]
        target = [d / sum(density) for d in density]
        top = max(row)
        odds = [math.exp(z - top) for z in row]
        answer = [o / sum(odds) for o in odds]
        divergence = 0.0
        for t, a in zip(target, answer, strict=True):
            if t > 1e-12:
                divergence += t * (math.log(t) - math.log(a))
        mean = sum(a * c for a, c in zip(answer, centres, strict=True))
        values.append(divergence + weight * abs(mean - age) / spread)
    return values


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_equals_loops(weight):
    chance = np.random.default_rng(0)
    ages = np.array([0.0, 1.0, 26.5, 58.0, 115.0, 116.0], "float32")
    logits = chance.normal(0, 2, (6, 59)).astype("float32")
    loss = LabelDistributionLoss(**AGES, weight=weight, reduction=None)
    expected = oracle(ages, logits, **AGES, weight=weight)
    np.testing.assert_allclose(loss(ages, logits), expected, rtol=1e-4)


def test_value_by_hand():
    """Bins 0 and 2 with spread 1, label 1: target 1/2 each. Logits (ln 3, 0): answer 3/4, 1/4.

    Divergence `1/2 ln(2/3) + 1/2 ln 2 = 1/2 ln(4/3)`; expectation 0.5, so the error is 0.5.
    """
    loss = LabelDistributionLoss(0.0, 2.0, 2, spread=1.0)
    value = float(loss([1.0], [[math.log(3.0), 0.0]]))
    assert value == pytest.approx(0.5 * math.log(4 / 3) + 0.5, rel=1e-5)


def test_the_normal_itself_costs_nothing():
    centres = np.linspace(0, 116, 59)
    logits = -0.5 * ((centres - 40.0) / 3.0) ** 2
    value = float(LabelDistributionLoss(**AGES)([40.0], [logits.astype("float32")]))
    assert value == pytest.approx(0.0, abs=1e-4)


def test_nearer_answers_cost_less():
    centres = np.linspace(0, 116, 59)
    loss = LabelDistributionLoss(**AGES, reduction=None)
    answers = np.array([-0.5 * ((centres - age) / 3.0) ** 2 for age in (40, 42, 50, 80)], "float32")
    assert (np.diff(loss(np.full(4, 40.0, "float32"), answers)) > 0).all()


def test_finite_with_gradient_at_sure_and_wrong_answers():
    tf = pytest.importorskip("tensorflow")
    logits = tf.Variable(np.eye(59, dtype="float32")[[0, 58]] * 1e4)
    with tf.GradientTape() as tape:
        value = LabelDistributionLoss(**AGES)([116.0, 0.0], logits)
    assert np.isfinite(value) and np.isfinite(tape.gradient(value, logits)).all()


def test_contract(tmp_path):
    chance = np.random.default_rng(1)
    logits = chance.normal(size=(4, 59)).astype("float32")
    check_loss(
        LabelDistributionLoss, AGES, np.array([3, 20, 41, 70.0], "float32"), logits, tmp_path
    )


@pytest.mark.parametrize(
    "change", [{"bins": 1}, {"high": 0.0}, {"spread": 0.0}, {"spread": -2.0}, {"weight": -1.0}]
)
def test_refuses_what_makes_no_distribution(change):
    with pytest.raises(ValueError, match="Received: "):
        LabelDistributionLoss(**{**AGES, **change})
