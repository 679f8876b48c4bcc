import math

import numpy as np
import pytest

from kerasface.ops.expectation import bin_centres, expectation, normal_target


def mean_by_loops(logits, centres):
    values = []
    for row in logits.tolist():
        top = max(row)
        odds = [math.exp(z - top) for z in row]
        values.append(sum(o * c for o, c in zip(odds, centres, strict=True)) / sum(odds))
    return values


def normal_by_loops(values, centres, spread):
    rows = []
    for value in values:
        density = [math.exp(-0.5 * ((c - value) / spread) ** 2) for c in centres]
        rows.append([d / sum(density) for d in density])
    return rows


@pytest.mark.parametrize("low,high,bins", [(0, 116, 59), (-1.5, 2.5, 2), (0.0, 1.0, 101)])
def test_centres_are_even_and_hold_both_ends(low, high, bins):
    centres = np.array(bin_centres(low, high, bins))
    expected = [low + (high - low) * k / (bins - 1) for k in range(bins)]
    assert centres.dtype == "float32"
    np.testing.assert_allclose(centres, expected, rtol=1e-6, atol=1e-6)


def test_expectation_equals_loops(rng):
    logits = rng.normal(0, 3, (5, 7)).astype("float32")
    centres = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 100.0]
    value = expectation(logits, np.array(centres, "float32"))
    np.testing.assert_allclose(value, mean_by_loops(logits, centres), rtol=1e-5)


def test_expectation_by_hand():
    """Logits (ln 3, 0) are 3/4 and 1/4; of 10 and 50 years that is 20 years."""
    value = expectation(
        np.array([[math.log(3), 0.0]], "float32"), np.array([10.0, 50.0], "float32")
    )
    np.testing.assert_allclose(value, [20.0], rtol=1e-6)


def test_expectation_stays_in_range_and_takes_half_precision(rng):
    centres = bin_centres(0, 116, 59)
    logits = (1e4 * rng.normal(size=(8, 59))).astype("float32")
    values = np.array(expectation(logits, centres))
    assert values.dtype == "float32" and (values >= 0).all() and (values <= 116).all()
    half = rng.normal(size=(8, 59)).astype("float16")
    np.testing.assert_allclose(
        expectation(half, centres), expectation(half.astype("float32"), centres), rtol=1e-6
    )


@pytest.mark.parametrize("spread", [0.5, 3.0, 20.0])
def test_target_equals_loops(spread):
    values, centres = [0.0, 13.0, 57.9, 116.0], np.linspace(0, 116, 59)
    target = normal_target(np.array(values, "float32"), centres.astype("float32"), spread)
    np.testing.assert_allclose(
        target, normal_by_loops(values, centres.tolist(), spread), rtol=1e-4, atol=1e-6
    )


def test_target_by_hand():
    """Centres 0, 1, 2 and value 1 with spread 1: odds `e^-1/2 : 1 : e^-1/2`."""
    target = normal_target(np.array([1.0]), np.array([0.0, 1.0, 2.0], "float32"), 1.0)
    side = math.exp(-0.5) / (1 + 2 * math.exp(-0.5))
    np.testing.assert_allclose(target, [[side, 1 - 2 * side, side]], rtol=1e-6)


def test_target_far_outside_the_bins_falls_on_the_nearest():
    target = np.array(normal_target(np.array([1e4]), np.linspace(0, 10, 11).astype("float32"), 1.0))
    assert np.isfinite(target).all() and target[0].argmax() == 10
    np.testing.assert_allclose(target.sum(), 1.0, rtol=1e-6)
