"""The same labels on the JAX backend, in a process of its own, and a student that learns them."""

import numpy as np
import pytest

from kerasface.inference.labeller import Labeller
from tests.models.tiny import pictures, tiny_model
from tests.processes import on_jax


@pytest.mark.slow
def test_labels_on_jax_are_those_on_tensorflow_and_need_none_of_it(tmp_path):
    teacher = tiny_model(seed=3)
    # Not the initial ones, so that a weight that was not loaded shows.
    teacher.set_weights([weight + 0.05 for weight in teacher.get_weights()])
    teacher.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "expected.npz", **Labeller(teacher, batch_size=24)(pictures(6)))
    answer = on_jax("tests.inference.label_on_jax", tmp_path)
    assert answer["backend"] == "jax" and not answer["tensorflow_after_import"]
    kinds = ("label", "soft", "confidence", "spread")
    assert {name.split("/")[1] for name in answer["apart"]} == set(kinds)
    for name, apart in answer["apart"].items():
        # Numbers in years and kg are up to 200.
        assert apart < (0.05 if name.startswith(("age", "weight")) else 1e-3), name
    # Half of the genders, and age, weight and points of all 24.
    assert answer["labels"] == [12 + 3 * 24] * 2 and answer["resumed"] == [0, 3]
    assert answer["labelled"] == [24.0] * 6
    assert np.isfinite(answer["loss"]).all() and answer["loss"][-1] < answer["loss"][0]
