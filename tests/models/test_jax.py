"""The same model on the JAX backend, in a process of its own."""

import numpy as np
import pytest

from tests.models.tiny import TASKS, pictures, tiny_model
from tests.processes import on_jax


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jax")
    model = tiny_model(seed=3)
    # Not the initial ones, so that a weight that was not loaded shows.
    model.set_weights([weight + 0.05 for weight in model.get_weights()])
    model.save_weights(folder / "model.weights.h5")
    outputs = {name: np.array(value) for name, value in model(pictures(4)).items()}
    np.savez(folder / "expected.npz", **outputs)
    return on_jax("tests.models.train_on_jax", folder / "model.weights.h5", folder / "expected.npz")


@pytest.mark.slow
def test_models_and_plain_arrays_come_without_tensorflow(answer):
    assert answer["backend"] == "jax"
    assert not answer["tensorflow_after_import"]


@pytest.mark.slow
def test_the_loss_falls_under_stock_fit(answer):
    losses = answer["history"]["loss"]
    assert np.isfinite(losses).all() and losses[-1] < 0.9 * losses[0]
    for task in TASKS:
        assert answer["history"][f"{task.name}_labelled"][0] > 0
        assert np.isfinite(answer["logs"][f"{task.name}_mean_loss"])


@pytest.mark.slow
def test_weights_from_tensorflow_give_the_same_answers(answer):
    assert set(answer["apart"]) == {task.name for task in TASKS}
    for name, apart in answer["apart"].items():
        # The one task without bins answers in kg, up to 200.
        assert apart < (1e-2 if name == "weight" else 1e-4), name
