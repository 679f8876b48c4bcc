"""How far answers are apart, on a scale on which it means something."""

import numpy as np
import pytest

from kerasface.tasks import Classification, Embedding, Landmarks, Regression
from kerasface.zoo.agreement import comparable, differences, rounded


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
