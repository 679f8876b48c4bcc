"""The paired bootstrap: against theory, and against two networks that err together."""

import numpy as np
import pytest

from kerasface.evaluation import difference_with_intervals, measure_with_intervals
from kerasface.tasks import Classification, Regression

GENDER = Classification("gender", ("male", "female"))
AGE = Regression("age", "years", (0, 100))


def logits(right):
    return np.where(np.asarray(right)[:, None], [[3.0, 0.0]], [[0.0, 3.0]])


def test_difference_of_shares_is_that_of_discordant_pairs():
    """Of 400 faces 40 only the first gets right, 20 only the second: 0.05, and the variance of
    the difference of one face is (40 + 20) / 400 - 0.05^2, so the standard error is 0.01921."""
    first, second = np.ones(400, bool), np.ones(400, bool)
    second[:40], first[40:60] = False, False
    found = difference_with_intervals(
        GENDER, logits(first), logits(second), np.zeros(400), resamples=4000
    )["accuracy"]
    assert found["value"] == pytest.approx(0.05) and found["rows"] == 400
    assert found["low"] == pytest.approx(0.05 - 1.96 * 0.01921, abs=0.006)
    assert found["high"] == pytest.approx(0.05 + 1.96 * 0.01921, abs=0.006)


def test_what_both_get_wrong_widens_nothing():
    """Ages off by 0 to 40 years for both, one of them 1 year worse on every face."""
    truth = np.full(200, 50.0)
    error = np.linspace(1, 40, 200)[:, None]
    found = difference_with_intervals(AGE, 51 + error, 50 + error, truth)["mean_absolute_error"]
    assert (found["low"], found["high"]) == pytest.approx((1.0, 1.0))
    alone = measure_with_intervals(AGE, 51 + error, truth)["mean_absolute_error"]
    assert alone["high"] - alone["low"] > 2.0


def test_a_network_does_not_differ_from_itself_and_the_sign_is_ours_minus_theirs():
    answers = logits(np.arange(50) % 3 > 0)
    same = difference_with_intervals(GENDER, answers, answers, np.zeros(50), resamples=20)
    assert all(row["value"] == row["low"] == row["high"] == 0.0 for row in same.values())
    better = logits(np.ones(50, bool))
    one = difference_with_intervals(GENDER, better, answers, np.zeros(50), resamples=20)
    other = difference_with_intervals(GENDER, answers, better, np.zeros(50), resamples=20)
    assert one["accuracy"]["value"] > 0 > other["accuracy"]["value"]
    assert one["accuracy"]["low"] == pytest.approx(-other["accuracy"]["high"])


def test_people_are_drawn_whole_and_masked_rows_left_out():
    """Each of 25 faces four times: by people the interval is twice as wide."""
    first = np.ones(100, bool)
    second = np.repeat(np.arange(25) < 20, 4)
    names = np.repeat([f"person {n}" for n in range(25)], 4)
    columns = (GENDER, logits(first), logits(second), np.zeros(100))
    rows = difference_with_intervals(*columns)["accuracy"]
    by_person = difference_with_intervals(*columns, subjects=names)["accuracy"]
    ratio = (by_person["high"] - by_person["low"]) / (rows["high"] - rows["low"])
    assert ratio == pytest.approx(2.0, abs=0.4)
    mask = np.arange(100) < 80
    masked = difference_with_intervals(*columns, mask=mask, subjects=names)["accuracy"]
    assert masked["value"] == masked["low"] == 0.0 and masked["rows"] == 80
    assert difference_with_intervals(*columns, mask=np.zeros(100, bool)) == {}


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="same rows"):
        difference_with_intervals(GENDER, logits([1, 0]), logits([1]), np.zeros(2))
    with pytest.raises(ValueError, match="resamples"):
        difference_with_intervals(GENDER, logits([1]), logits([1]), np.zeros(1), resamples=1)
