"""A balanced run that was stopped ends as one that was not, to the last digit."""

import keras
import numpy as np
import pytest

from kerasface.training import BalancedModel, GradNorm, RunState, UncertaintyWeighting
from tests.training.balancing.small import array, batch, fit, small_model

EPOCHS = 3
WAYS = {
    "adam": lambda: GradNorm(),
    "reference": lambda: GradNorm(norms="reference", optimizer="sgd", learning_rate=1e-3),
    "uncertainty": lambda: UncertaintyWeighting(),
}


def train(folder, way, seed=0, epochs=EPOCHS):
    state = RunState(folder, {"way": way})
    model = BalancedModel(small_model(seed=seed), WAYS[way]())
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    first = state.restore(model)
    data = [batch(seed=1), batch(seed=2, without=("gender",))]
    fit(model, data, epochs, initial_epoch=first, callbacks=[state])
    return model


def numbers(model):
    return [array(each) for each in (*model.weights, *model.optimizer.variables)]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_stopped_and_resumed(tmp_path, way):
    whole = numbers(train(tmp_path / "whole", way))
    train(tmp_path / "parts", way, epochs=1)
    # Another seed: what is not restored would show.
    resumed = train(tmp_path / "parts", way, seed=7)
    for one, other in zip(whole, numbers(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(array(resumed.balancing.task_weights()) - 1.0).max() > 1e-3


def test_the_networks_own_file_holds_no_balancing(tmp_path):
    model = BalancedModel(small_model(), GradNorm())
    model.model.save_weights(tmp_path / "network.weights.h5")
    plain = small_model(seed=3)
    plain.load_weights(tmp_path / "network.weights.h5")
    for one, other in zip(plain.get_weights(), model.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model.balancing.task_weight.assign([0.5, 1.0, 1.5])
    model.save_weights(tmp_path / "run.weights.h5")
    other = BalancedModel(small_model(seed=3), GradNorm())
    other.load_weights(tmp_path / "run.weights.h5")
    np.testing.assert_array_equal(array(other.balancing.task_weight), [0.5, 1.0, 1.5])
