"""The adversary's callbacks and optimiser under stock `fit` on JAX, in a process of its own."""

import numpy as np
import pytest

from tests.processes import on_jax


@pytest.fixture(scope="module")
def answer():
    return on_jax("tests.training.adversary_on_jax")


@pytest.mark.slow
def test_a_strength_set_between_compiled_steps_reaches_them(answer):
    """The weight by hand: 0.08 (0 + 1 + ... + 10 + 10) * 0.5 * 6, as on TensorFlow."""
    assert answer["backend"] == "jax"
    assert answer["weight"] == pytest.approx(0.08 * (sum(range(11)) + 10) * 0.5 * 6, rel=1e-5)
    np.testing.assert_allclose(answer["strengths"], [0.24, 0.56, 0.8])


@pytest.mark.slow
def test_two_optimisers_behind_one_equal_both_by_hand(answer):
    assert answer["moved"] > 0.05
    # A compiled step and one without compilation round differently; momentum keeps the difference.
    assert answer["apart_from_hand"] < 1e-3 * (1 + answer["moved"])
    assert answer["iterations"] == [6, 6]


@pytest.mark.slow
def test_a_resumed_run_is_an_unbroken_one(answer):
    assert answer["apart_when_resumed"] == 0.0


@pytest.mark.slow
def test_logs_have_loss_share_strength_and_probe(answer):
    logs = answer["logs"]
    assert {"domain_loss", "domain_active_share", "domain_strength", "probe/a"} <= set(logs)
    assert all(0 < share <= 1 for share in logs["domain_active_share"])
    assert all(0 <= value <= 1 for value in logs["probe/balanced_accuracy"])
