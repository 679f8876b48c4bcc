"""How far answers are apart, on a scale on which it means something."""

import numpy as np
import pytest

from kerasface.tasks import Classification, Embedding, Landmarks, Regression
from kerasface.zoo.agreement import comparable, differences, rounded
from kerasface.zoo.export_facts import ExportMeasure, accuracy_lost, allowed_on


def test_comparable_by_hand():
    """log 3 against 0 are probabilities 3/4 and 1/4; 29 of 0..116 is a quarter of the range."""
    logits = [[np.log(3.0), 0.0]]
    two = Classification("smile", ("no", "yes"))
    np.testing.assert_allclose(comparable(two, logits), [[0.75, 0.25]])
    bins = Regression("age", "years", (0, 116), bins=2)
    np.testing.assert_allclose(comparable(bins, logits), [[0.75, 0.25]])
    plain = Regression("age", "years", (0, 116))
    np.testing.assert_allclose(comparable(plain, [[29.0]]), [[0.25]])
    for task in (Landmarks("five", 5), Embedding("identity", 10)):
        np.testing.assert_array_equal(comparable(task, [[0.5] * 10]), [[0.5] * 10])


def test_differences_by_hand():
    """On probabilities 3/4 and 1/2 differ by 1/4; in float32 2 and 4 by half of 4."""
    task = Classification("smile", ("no", "yes"))
    expected, received = {"smile": [[np.log(3.0), 0.0]]}, {"smile": [[1.0, 1.0]]}
    assert differences([task], expected, received, "int8") == {"smile": pytest.approx(0.25)}
    full = differences([task], {"smile": [[4.0, 0.0]]}, {"smile": [[2.0, 0.0]]}, "float32")
    assert full == {"smile": 0.5}
    for wrong in ({}, {"smile": [[np.nan, 0.0]]}, {"smile": [[1.0]]}):
        assert differences([task], expected, wrong, "float16") == {"smile": float("inf")}


def test_rounded_to_six_digits():
    assert rounded({"a": np.array([[1 / 3, 123456789.0]])}) == {"a": ((0.333333, 123457000.0),)}


def test_accuracy_lost_by_hand():
    """100 faces lose 2, 600 win 1: (2 - 1) of 700; an error in years is no accuracy."""

    def row(value, full, n, metric="accuracy"):
        return ExportMeasure("t", "S", "validation", metric, value, full, n)

    rows = [row(0.90, 0.92, 100), row(301 / 600, 0.5, 600), row(5.0, 4.0, 9, "error")]
    assert accuracy_lost(rows) == pytest.approx((2 - 1) / 700)
    assert accuracy_lost(rows[2:]) is None and accuracy_lost([]) is None


def test_allowed_on_one_set_by_hand():
    """sqrt(0.05 / 500) is 0.01, twice that and 0.005 are 2.5 points; endless faces leave 0.5."""
    assert allowed_on(500) == pytest.approx(0.025)
    assert allowed_on(10**10) == pytest.approx(0.005, abs=1e-5)
