"""Balancing on the JAX backend, in a process of its own."""

import numpy as np
import pytest

from kerasface.training import GradNorm
from tests import processes
from tests.training.balancing import on_jax
from tests.training.balancing.small import small_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("jax")
    small_model(on_jax.MEASURED).save_weights(made / "start.weights.h5")
    return made


@pytest.fixture(scope="module")
def answer(folder):
    return processes.on_jax("tests.training.balancing.on_jax", folder)


@pytest.mark.slow
def test_the_fast_form_is_the_reference_for_50_steps(answer):
    assert answer["backend"] == "jax" and len(answer["path"]) == on_jax.STEPS
    path, reference = np.array(answer["path"]), np.array(answer["reference"])
    np.testing.assert_allclose(path, reference, atol=1e-5, rtol=0)
    np.testing.assert_allclose(path.sum(1), 3.0, rtol=1e-5)
    assert np.abs(path[-1] - 1.0).max() > 0.3 and answer["apart"] < 1e-4
    # Steps 4, 9, ... have no label of the gender.
    np.testing.assert_array_equal(path[4::5, 2], path[3::5, 2])


@pytest.mark.slow
def test_the_path_is_that_of_tensorflow(answer, folder):
    _, path, logs = on_jax.run(GradNorm(), folder / "start.weights.h5", steps=12)
    np.testing.assert_allclose(path, answer["path"][:12], atol=1e-5, rtol=0)
    assert set(logs) == set(answer["logs"])


@pytest.mark.slow
def test_the_other_ways(answer):
    features, noise = np.array(answer["features"]), np.array(answer["uncertainty"])
    np.testing.assert_allclose(features.sum(1), 3.0, rtol=1e-5)
    assert np.abs(features - np.array(answer["path"])[:4]).max() > 1e-5
    np.testing.assert_allclose(noise[-1], np.exp(-np.array(answer["noise"])), rtol=1e-5)
    assert (noise[-1] != 1.0).all()


@pytest.mark.slow
def test_a_loss_scale_is_taken_out(answer):
    np.testing.assert_allclose(answer["scaled"], answer["plain"], atol=1e-5)
    assert answer["norms"][0] == pytest.approx(answer["norms"][1], rel=1e-4)


@pytest.mark.slow
def test_a_stopped_run_ends_as_one_that_was_not(answer):
    assert answer["resumed"] == 0.0
