import numpy as np
import pytest

from kerasface.evaluation.landmark_errors import cumulative_area, failure_rate


def test_failures_by_hand():
    """Above 0.1: 0.11 and the one that is no number, two of four."""
    errors = [0.02, 0.1, 0.11, np.nan]
    assert failure_rate(errors) == 0.5
    assert failure_rate(errors, beyond=0.01) == 1.0
    assert failure_rate(errors, weights=[3, 1, 0, 1]) == 0.2


def test_area_by_hand():
    """Errors 0, 0.05 and two past 0.1: 1, 1/2, 0 and 0 of the width, 3/8 in the mean."""
    assert cumulative_area([0.0, 0.05, 0.2, np.nan]) == pytest.approx(0.375)
    assert cumulative_area([0.0, 0.05], weights=[1, 3]) == pytest.approx(0.625)


def test_area_is_that_of_the_drawn_curve():
    errors = np.random.default_rng(0).gamma(2.0, 0.03, 300)
    places = np.linspace(0, 0.1, 20001)
    heights = [np.mean([error <= place for error in errors]) for place in places[::100]]
    drawn = np.trapezoid(heights, places[::100]) / 0.1
    assert cumulative_area(errors) == pytest.approx(drawn, abs=5e-3)


def test_weights_are_repeats():
    errors, often = np.array([0.01, 0.04, 0.3]), np.array([2, 0, 3])
    repeated = np.repeat(errors, often)
    assert failure_rate(errors, weights=often) == pytest.approx(failure_rate(repeated))
    assert cumulative_area(errors, weights=often) == pytest.approx(cumulative_area(repeated))


@pytest.mark.parametrize("call", [failure_rate, cumulative_area])
@pytest.mark.parametrize("errors,weights", [([], None), ([[0.1]], None), ([0.1], [1, 1])])
def test_errors(call, errors, weights):
    with pytest.raises(ValueError, match="Received: shapes"):
        call(errors, weights=weights)


def test_width_must_be_positive():
    with pytest.raises(ValueError, match="Received: up_to=0"):
        cumulative_area([0.1], up_to=0)
