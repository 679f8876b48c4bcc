"""Temperatures against closed forms, a plain scan and rows drawn at a known temperature."""

import math

import numpy as np
import pytest

from kerasface.evaluation import answered, fit_temperature, negative_log_likelihood
from kerasface.evaluation.calibration import expected_calibration_error, probabilities_of


def loss(logits, labels, temperature):
    """Negative log-likelihood in plain loops."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        odds = [math.exp(value / temperature) for value in row]
        total -= math.log(odds[label] / sum(odds))
    return total / len(labels)


def test_closed_form_of_two_classes():
    """Three of four right at a margin of 4: 4 / T = ln 3, whatever T was before."""
    logits = np.array([[4.0, 0.0]] * 4)
    assert fit_temperature(logits, [0, 0, 0, 1]) == pytest.approx(4.0 / math.log(3.0))
    assert fit_temperature(0.1 * logits, [0, 0, 0, 1]) == pytest.approx(0.4 / math.log(3.0))
    # The wrong row counts three times: half of the weight is right, and no margin is left.
    assert fit_temperature(logits, [0, 0, 0, 1], [1, 1, 1, 3]) == 20.0


def test_the_least_of_a_scan():
    random = np.random.default_rng(0)
    logits = random.normal(0.0, 3.0, (200, 5))
    labels = np.where(random.random(200) < 0.6, logits.argmax(-1), random.integers(0, 5, 200))
    found = fit_temperature(logits, labels)
    scan = {scale: loss(logits, labels, found * scale) for scale in (0.98, 0.999, 1.0, 1.001, 1.02)}
    assert min(scan, key=scan.get) == 1.0
    assert negative_log_likelihood(logits / found, labels) == pytest.approx(scan[1.0])


def test_a_known_temperature_is_found_again():
    """Labels are drawn from the softmax at 2.5; afterwards confidence is accuracy."""
    random = np.random.default_rng(1)
    logits = random.normal(0.0, 6.0, (20_000, 4))
    chances = probabilities_of(logits / 2.5)
    labels = (random.random((20_000, 1)) > chances.cumsum(-1)).sum(-1).clip(max=3)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(2.5, rel=0.03)  # three standard errors, some
    before = expected_calibration_error(probabilities_of(logits), labels)
    after = expected_calibration_error(probabilities_of(logits / found), labels)
    assert before > 0.05 and after < 0.015


def test_weights_are_repetitions():
    random = np.random.default_rng(2)
    logits, labels = random.normal(size=(30, 3)), random.integers(0, 3, 30)
    times = random.integers(1, 4, 30)
    doubled = fit_temperature(np.repeat(logits, times, 0), np.repeat(labels, times))
    assert fit_temperature(logits, labels, times) == pytest.approx(doubled)


def test_ends_of_the_range():
    """All right: ever sharper. Always wrong: ever flatter. Large logits do not overflow."""
    logits = np.array([[2000.0, -2000.0], [-1.0, 1.0]])
    assert fit_temperature(logits, [0, 1]) == 0.05
    assert fit_temperature(logits, [1, 0]) == 20.0


@pytest.mark.parametrize(("logits", "labels"), [([], []), ([[1.0, 2.0]], [0, 1]), ([1.0], [0])])
def test_what_cannot_be_fitted(logits, labels):
    with pytest.raises(ValueError, match="rows of logits with a label each.*Received: logits of"):
        fit_temperature(logits, labels)


def test_answered_by_hand():
    """Confidences 0.9 right, 0.8 wrong, 0.6 right: at 0.8 two answers, one of them right."""
    chances, labels = [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], [0, 1, 1]
    assert answered(chances, labels, 0.8) == pytest.approx((2 / 3, 1 / 2))
    assert answered(chances, labels, 0.0) == pytest.approx((1.0, 2 / 3))
    assert answered(chances, labels, 0.95) == (0.0, None)
    assert answered(chances, labels, 0.8, [3, 1, 4]) == pytest.approx((1 / 2, 3 / 4))
