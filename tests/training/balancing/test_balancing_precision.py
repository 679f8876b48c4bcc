"""Balancing in half precision: norms without the loss scale, steps that overflow left out."""

import keras
import numpy as np
import pytest

from kerasface.training import BalancedModel, GradNorm
from tests.training.balancing.small import TASKS, WeightsPath, array, batch, fit, small_model

SCALE = 2.0**8


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def run(norms, optimizer=None, steps=4):
    model = BalancedModel(small_model(), GradNorm(norms=norms))
    model.compile(optimizer or keras.optimizers.SGD(1e-3))
    path = WeightsPath()
    logs = fit(model, [batch(seed=step, known=0.9) for step in range(steps)], callbacks=[path])
    return model, np.array(path.weights), logs


@pytest.mark.parametrize("half", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("norms", ["exact", "reference", "features"])
def test_norms_are_about_those_of_float32(policy, norms, half):
    """With float16 the loss is multiplied by 2^8 here; what is logged holds nothing of it."""
    _, path, logs = run(norms)
    policy(half)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-3), initial_scale=SCALE)
    _, half_path, half_logs = run(norms, scaled if half == "mixed_float16" else None)
    if half == "mixed_float16":
        assert float(scaled.dynamic_scale) == SCALE
    for task in TASKS:
        name = f"{task.name}_gradient_norm"
        assert half_logs[name][0] == pytest.approx(logs[name][0], rel=0.03), name
    np.testing.assert_allclose(half_path, path, atol=5e-3)


@pytest.mark.parametrize("norms", ["exact", "reference"])
def test_a_scale_that_is_too_large_moves_no_weight(policy, norms):
    """The optimiser leaves such a step out and halves the scale; so do the task weights."""
    policy("mixed_float16")
    large = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-3), initial_scale=2.0**40)
    model, path, logs = run(norms, large, steps=3)
    assert float(large.dynamic_scale) == 2.0**37
    np.testing.assert_array_equal(path, 1.0)
    assert not array(model.balancing.first_loss).any()
    assert not array(model.balancing.adam.steps).any()
    assert np.isfinite(logs["loss"]).all()


def test_keras_scales_the_loss_of_its_own_accord(policy):
    policy("mixed_float16")
    model = BalancedModel(small_model(), GradNorm())
    model.compile("sgd")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert all(each.dtype == "float32" for each in model.balancing.variables)
