"""Metrics of numbers that a step has one of."""

import keras
import numpy as np
import pytest

from kerasface.metrics import LatestValue, PresentMean
from tests.contracts import check_config


def test_latest_value():
    metric = check_config(LatestValue(name="age_weight"))
    assert metric.name == "age_weight" and np.isnan(float(metric.result()))
    for value in (3.0, -1.5):
        metric.update_state(keras.ops.cast(value, "float16"))
    assert float(metric.result()) == -1.5
    metric.reset_state()
    assert np.isnan(float(metric.result()))


@pytest.mark.parametrize(
    "steps, expected",
    [
        ([], np.nan),
        ([(1.0, False)], np.nan),
        ([(1.0, True), (np.nan, False), (4.0, True), (np.inf, 0.0)], 2.5),
        ([(0.0, 1)], 0.0),
    ],
)
def test_present_mean(steps, expected):
    metric = check_config(PresentMean(name="norm"))
    for value, present in steps:
        metric.update_state(value, present)
    np.testing.assert_equal(float(metric.result()), expected)
