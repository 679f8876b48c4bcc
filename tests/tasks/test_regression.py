import math

import numpy as np
import pytest

from kerasface.tasks import Regression

AGE = Regression("age", "years", (0, 116), bins=59, spread=3.0)


def logits_of_normal(ages, spread):
    """Logits whose softmax is the normal of that spread around each age."""
    return -0.5 * ((np.asarray(ages)[:, None] - np.linspace(0, 116, 59)) / spread) ** 2


def test_answer_by_hand():
    """Three bins 0, 10, 20 with 1/4, 1/2, 1/4: mean and median 10.

    The cumulated share is 1/8 at 0, 1/2 at 10 and 7/8 at 20: 10 % lies before the first bin's
    centre, so the quantiles are 0 and 20. The variance is 50, and a bin's width squared, 100, is
    the least that is left: nothing is drawn in.
    """
    task = Regression("age", "years", (0, 20), bins=3)
    (answer,) = task.decode(np.array([[0.0, math.log(2), 0.0]], "float32"))
    assert answer == {"value": 10.0, "unit": "years", "low": 0.0, "high": 20.0}


@pytest.mark.parametrize(
    "spread,low,high", [(1.0, 39.4, 60.6), (7.0, 44.2, 55.8), (50.0, 47.5, 52.5)]
)
def test_range_by_hand(spread, low, high):
    """Bins 0, 2, .. 100; 0.05, 0.15, 0.6, 0.15, 0.05 on 30, 40, 50, 60, 70.

    Shares up to the centres: 0.025 at 30, 0.05 at 32 .. 38, 0.125 at 40, 0.5 at 50. 10 % is 2/3 of
    the way from 38 to 40, at 39.33, and 90 % as far above, at 60.67: 10.67 from the median, 50. The
    variance is 2 (0.05 400 + 0.15 100) = 70. Without a blur of 1 it is 69, which leaves
    sqrt(69/70) of 10.67, 10.6; of 7, sqrt(21/70), 5.84; of 50, a bin's width, sqrt(4/70), 2.55.
    """
    task = Regression("age", "years", (0, 100), bins=51, spread=spread)
    shares = np.full(51, 1e-30)
    shares[[15, 20, 25, 30, 35]] = [0.05, 0.15, 0.6, 0.15, 0.05]
    (answer,) = task.decode(np.log(shares[None]))
    assert (answer["low"], answer["value"], answer["high"]) == (low, 50.0, high)


@pytest.mark.parametrize("spread", [3.0, 5.0, 9.0])
def test_the_range_holds_four_in_five(spread):
    """Ages drawn from distributions which the outputs show blurred by the target's spread.

    Going straight from bin to bin makes the range a little wide: 83 % at 3 years, 2 to a bin.
    """
    chance = np.random.default_rng(0)
    centre = chance.uniform(30, 80, 4000)
    ages = chance.normal(centre, spread)
    answers = AGE.decode(logits_of_normal(centre, math.hypot(spread, AGE.spread)))
    low, high = (np.array([answer[end] for answer in answers]) for end in ("low", "high"))
    covered = np.mean((ages >= low) & (ages <= high))
    assert 0.78 < covered < 0.84
    np.testing.assert_allclose([answer["value"] for answer in answers], centre, atol=0.2)


def test_the_range_stays_in_order_and_inside_the_bins():
    logits = np.random.default_rng(1).normal(0, 30, (200, 59)).astype("float32")
    for answer in AGE.decode(logits):
        assert 0 <= answer["low"] <= answer["high"] <= 116


def test_without_bins_the_answer_has_no_range():
    task = Regression("age", "years", (0, 116))
    assert task.decode(np.array([[41.26]])) == [{"value": 41.3, "unit": "years"}]


def test_without_bins_the_head_starts_at_the_middle_and_speaks_the_unit():
    head = Regression("age", "years", (0, 116)).make_head()
    head.build((None, 4))
    kernel, bias = head.get_weights()
    head.set_weights([np.zeros_like(kernel), np.array([0.5], "float32")])
    np.testing.assert_allclose(head(np.ones((1, 4), "float32")), [[58 + 0.5 * 58]])


def test_expected_is_the_mean_over_the_bins():
    logits = np.random.default_rng(2).normal(size=(3, 59))
    for value, row in zip(AGE.expected(logits), logits.tolist(), strict=True):
        odds = [math.exp(z) for z in row]
        assert value == pytest.approx(sum(o * 2 * k for k, o in enumerate(odds)) / sum(odds))


def test_ends_of_the_range_are_legal():
    assert AGE.encode(0) == 0.0 and AGE.encode(116) == 116.0
    assert AGE.legal(np.array([0.0, 116.0, 58.5])).all()


@pytest.mark.parametrize("change", [{"range": (5, 5)}, {"range": (9, 1)}, {"bins": 1}, {"bins": 0}])
def test_refuses_an_empty_range_or_one_bin(change):
    with pytest.raises(ValueError, match="Received: range="):
        Regression(**{"name": "age", "unit": "years", "range": (0, 116), **change})


@pytest.mark.parametrize("bins", [None, 59])
@pytest.mark.parametrize("spread", [0.0, -1.0])
def test_refuses_a_spread_that_is_not_positive(bins, spread):
    with pytest.raises(ValueError, match="Received: "):
        Regression("age", "years", (0, 116), bins=bins, spread=spread)
