"""The same model on the JAX backend, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.models.tiny import TASKS, pictures, tiny_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    pytest.importorskip("jax", reason="NOT TESTED: jax is not installed")
    folder = tmp_path_factory.mktemp("jax")
    model = tiny_model(seed=3)
    # Not the initial ones, so that a weight that was not loaded shows.
    model.set_weights([weight + 0.05 for weight in model.get_weights()])
    model.save_weights(folder / "model.weights.h5")
    outputs = {name: np.array(value) for name, value in model(pictures(4)).items()}
    np.savez(folder / "expected.npz", **outputs)
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.models.train_on_jax",
            str(folder / "model.weights.h5"),
            str(folder / "expected.npz"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return json.loads(found.stdout.splitlines()[-1])


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
