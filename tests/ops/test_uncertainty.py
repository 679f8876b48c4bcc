"""Uncertainty weighting: the loss by hand and by loops, and its slope."""

import math

import numpy as np
import pytest

from kerasface.ops import uncertainty_loss, uncertainty_slopes, uncertainty_weights

FORMS = ("softmax", "gaussian", "laplace")


def oracle(losses, variances, forms, present):
    """Kendall, Gal, Cipolla, eq. 7 and 10; Laplace's negative log-likelihood less log 2."""
    total = 0.0
    for loss, s, form, here in zip(losses, variances, forms, present, strict=True):
        if not here:
            continue
        if form == "gaussian":
            total += loss / (2 * math.exp(s)) + math.log(math.sqrt(math.exp(s)))
        elif form == "softmax":
            total += loss / math.exp(s) + math.log(math.sqrt(math.exp(s)))
        else:
            total += loss / math.exp(s) + math.log(math.exp(s))
    return total


def test_by_hand():
    """L = 2, s = ln 2. softmax: 2 / 2 + ln 2 / 2; gaussian: 2 / 4 + ln 2 / 2; laplace: 1 + ln 2.

    Slopes: 1/2 - 1, 1/2 - 1/2 (sigma^2 is the squared error: at rest), 1 - 1 (b is the error).
    """
    s, losses = [math.log(2.0)] * 3, [2.0] * 3
    half = math.log(2.0) / 2
    for i, expected in enumerate((1 + half, 0.5 + half, 1 + 2 * half)):
        alone = [float(j == i) for j in range(3)]
        found = float(uncertainty_loss(losses, s, FORMS, alone))
        assert found == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(uncertainty_slopes(losses, s, FORMS), [-0.5, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(uncertainty_weights(s, FORMS), [0.5, 0.25, 0.5], rtol=1e-6)


@pytest.mark.parametrize("present", [(1, 1, 1), (1, 0, 1), (0, 0, 0)])
def test_loss_and_its_slope(present):
    losses, s = np.array([0.7, 3.0, 1.2]), np.array([0.4, -0.6, 1.1])
    found = float(uncertainty_loss(losses, s, FORMS, present))
    assert found == pytest.approx(oracle(losses, s, FORMS, present), abs=1e-6)
    slopes = np.array(uncertainty_slopes(losses, s, FORMS, present))
    for i in range(3):
        step = 1e-6 * np.eye(3)[i]
        rise = oracle(losses, s + step, FORMS, present) - oracle(losses, s - step, FORMS, present)
        assert slopes[i] == pytest.approx(rise / 2e-6, abs=1e-5)
        assert present[i] or slopes[i] == 0.0


def test_a_value_that_is_absent_is_not_looked_at():
    assert float(uncertainty_loss([np.nan, 1.0], [0.0, 0.0], FORMS[:2], [0, 1])) == 0.5
    assert float(uncertainty_slopes([np.inf, 1.0], [0.0, 0.0], FORMS[:2], [0, 1])[0]) == 0.0


def test_unknown_form():
    with pytest.raises(ValueError, match="Received: 'poisson'"):
        uncertainty_weights([0.0], ["poisson"])
