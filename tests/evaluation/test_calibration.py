"""Calibration against loops and values worked out by hand."""

import numpy as np
import pytest

from kerasface.evaluation.calibration import (
    expected_calibration_error,
    interval_coverage,
    probabilities_of,
    reliability_bins,
)
from kerasface.evaluation.measures import measure
from kerasface.tasks import Regression


def test_calibration_error_by_hand():
    """Four rows with two bins: 0.9 right, 0.8 wrong, 0.7 right, 0.5 wrong.

    0.5 lies in the lower bin (its upper edge): gap |0 - 0.5|, weight 1/4. The others: accuracy
    2/3, confidence 0.8, gap 2/15, weight 3/4. Sum 0.125 + 0.1 = 0.225.
    """
    probabilities = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5]]
    assert expected_calibration_error(probabilities, [0, 1, 1, 1], bins=2) == pytest.approx(0.225)


def test_calibration_error_against_a_loop():
    random = np.random.default_rng(0)
    probabilities = probabilities_of(random.normal(size=(300, 4)))
    labels = random.integers(0, 4, 300)
    total = 0.0
    for number in range(10):
        low, high = number / 10, (number + 1) / 10
        rows = [
            (max(row), row.argmax() == label)
            for row, label in zip(probabilities, labels, strict=True)
            if low < max(row) <= high
        ]
        if rows:
            sure, right = zip(*rows, strict=True)
            total += len(rows) / 300 * abs(sum(sure) / len(rows) - sum(right) / len(rows))
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(total)


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error():
    probabilities = [[0.75, 0.25]] * 4
    assert expected_calibration_error(probabilities, [0, 0, 0, 1]) == pytest.approx(0.0)


def test_certainty_and_a_coin_fall_into_bins():
    found = reliability_bins([[1.0, 0.0], [0.5, 0.5]], [0, 0], bins=2)
    assert found.weight.tolist() == [1, 1]
    assert found.confidence.tolist() == [0.5, 1.0]


def test_coverage_counts_both_ends():
    """10 and 20 stand on the ends, 15 lies inside, 9 and 21 outside: 3 of 5."""
    labels = np.array([10, 20, 15, 9, 21.0])
    assert interval_coverage(labels, np.full(5, 10), np.full(5, 20)) == pytest.approx(0.6)


def test_the_range_shown_for_a_known_distribution_covers_four_fifths():
    """Ages drawn from the distribution that the outputs state, blurred by the target's spread."""
    task = Regression("age", "years", (0, 100), bins=101)
    logits = -0.5 * ((np.arange(101) - 40.0) / np.hypot(9.0, task.spread)) ** 2
    ages = np.random.default_rng(1).normal(40.0, 9.0, 4000)
    found = measure(task, np.tile(logits, (4000, 1)), ages)
    # Three standard errors of a share of 0.8 in 4000, and the rounding of the ends.
    assert found["interval_coverage"] == pytest.approx(0.8, abs=0.025)
