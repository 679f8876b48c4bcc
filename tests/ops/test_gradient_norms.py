"""GradNorm's formulas against loops in NumPy, and one step worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from kerasface.ops import (
    gradient_norm_loss,
    gradient_norm_slopes,
    gradient_norm_targets,
    relative_rates,
    renormalized,
)


def taking_part(present):
    return [i for i, here in enumerate(present) if here]


def oracle_targets(norms, losses, first, alpha, present):
    """Chen et al., eq. 1, over the tasks that have a label."""
    here = taking_part(present)
    ratios = {i: losses[i] / first[i] if first[i] > 0 else 1.0 for i in here}
    mean_ratio = sum(ratios.values()) / len(here)
    mean_norm = sum(norms[i] for i in here) / len(here)
    return [mean_norm * (ratios[i] / mean_ratio) ** alpha if i in here else 0.0 for i in range(5)]


def oracle_loss(weights, slopes_of_losses, targets, present):
    """Eq. 2 with `G_i = w_i * |grad L_i|`."""
    return sum(abs(weights[i] * slopes_of_losses[i] - targets[i]) for i in taking_part(present))


def drawn(seed):
    chance = np.random.default_rng(seed)
    weights, grads, losses, first = chance.uniform(0.1, 3.0, (4, 5))
    present = np.array([True] * 5) if seed == 0 else chance.random(5) < 0.6
    present[seed % 5] = True
    return weights, grads, losses, first, present.astype("float64")


def test_by_hand():
    """w = (1, 1), |grad L| = (3, 1), so G = (3, 1) and mean(G) = 2.

    Losses (1, 6) of first (2, 4): ratios (0.5, 1.5), mean 1, rates (0.5, 1.5). With alpha = 1 the
    targets are (1, 3), the loss |3 - 1| + |1 - 3| = 4, the slopes (+3, -1). After a step of 0.1:
    (0.7, 1.1), sum 1.8, times 2 / 1.8: (0.7778, 1.2222).
    """
    norms, ones = [3.0, 1.0], [1.0, 1.0]
    targets = gradient_norm_targets(norms, [1.0, 6.0], [2.0, 4.0], alpha=1.0)
    slopes = gradient_norm_slopes(norms, targets, ones)
    np.testing.assert_allclose(relative_rates([1.0, 6.0], [2.0, 4.0]), [0.5, 1.5], rtol=1e-6)
    np.testing.assert_allclose(targets, [1.0, 3.0], rtol=1e-6)
    assert float(gradient_norm_loss(norms, targets)) == pytest.approx(4.0)
    np.testing.assert_allclose(slopes, [3.0, -1.0], rtol=1e-6)
    moved = np.array(ones) - 0.1 * np.array(slopes)
    np.testing.assert_allclose(renormalized(moved), [0.7 / 0.9, 1.1 / 0.9], rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_oracle(seed, alpha):
    weights, grads, losses, first, present = drawn(seed)
    norms = weights * grads * present
    targets = gradient_norm_targets(norms, losses, first, alpha, present)
    expected = oracle_targets(norms, losses, first, alpha, present)
    np.testing.assert_allclose(targets, expected, rtol=1e-5)
    loss = float(gradient_norm_loss(norms, targets, present))
    assert loss == pytest.approx(oracle_loss(weights, grads, expected, present), rel=1e-5)
    slopes = np.array(gradient_norm_slopes(norms, targets, weights, present))
    for i in range(5):
        up, down = weights.copy(), weights.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        rise = oracle_loss(up, grads, expected, present) - oracle_loss(
            down, grads, expected, present
        )
        assert slopes[i] == pytest.approx(rise / 2e-6, rel=1e-4, abs=1e-6)


def test_slopes_are_those_of_autodiff_with_constant_targets():
    weights, grads, losses, first, present = drawn(1)
    w = tf.constant(weights, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(w)
        norms = w * tf.constant(grads, tf.float32)
        targets = gradient_norm_targets(norms, losses, first, 1.5, present)
        loss = gradient_norm_loss(norms, targets, present)
    found = gradient_norm_slopes(norms, targets, w, present)
    np.testing.assert_allclose(tape.gradient(loss, w), found, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 7.0])
def test_what_an_absent_task_holds_changes_nothing(value):
    norms, losses, first = np.array([1.0, value, 3.0]), [2.0, value, 1.0], [1.0, value, 1.0]
    present = [1, 0, 1]
    targets = gradient_norm_targets(norms, losses, first, 1.0, present)
    alone = gradient_norm_targets([1.0, 3.0], [2.0, 1.0], [1.0, 1.0], 1.0)
    np.testing.assert_allclose(np.array(targets)[[0, 2]], alone, rtol=1e-6)
    slopes = np.array(gradient_norm_slopes(norms, targets, [1.0, 1.0, 1.0], present))
    assert slopes[1] == 0.0 and np.isfinite(slopes).all()
    assert np.isfinite(float(gradient_norm_loss(norms, targets, present)))


def test_nothing_present_gives_nothing():
    none = [0, 0]
    assert not np.any(gradient_norm_targets([1.0, 2.0], [1.0, 2.0], [1.0, 1.0], 1.0, none))
    assert not np.any(gradient_norm_slopes([1.0, 2.0], [0.0, 0.0], [1.0, 1.0], none))
    np.testing.assert_array_equal(renormalized([0.5, 1.5], none), [0.5, 1.5])


@pytest.mark.parametrize("losses", [[0.0, 0.0], [0.0, 1.0]])
@pytest.mark.parametrize("first", [[0.0, 0.0], [1.0, 0.0]])
def test_losses_of_zero_are_no_fault(losses, first):
    targets = gradient_norm_targets([1.0, 1.0], losses, first, 0.5)
    assert np.isfinite(np.array(targets)).all()


def test_absent_weights_keep_their_last_digit_and_the_sum_stays():
    weights = np.array([0.3, 1.0000001, -0.2, 2.0], "float32")
    found = np.array(renormalized(weights, [1, 0, 1, 1], lowest=0.01))
    assert found[1] == weights[1]
    assert found.sum() == pytest.approx(4.0, rel=1e-6)
    # 2.9999999 is left for 0.3 + 0.01 + 2.
    np.testing.assert_allclose(found[[0, 2, 3]], np.array([0.3, 0.01, 2.0]) * 3 / 2.31, rtol=1e-5)
