"""MirroredStrategy on two logical CPUs against one device: norms are of the global batch."""

import numpy as np
import pytest

from tests.processes import on_tensorflow

WAYS = ("exact", "reference", "features", "uncertainty")


@pytest.fixture(scope="module")
def answer():
    return on_tensorflow("tests.training.balancing.two_balanced_replicas")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_weights_are_those_of_one_device(answer, way):
    assert answer["replicas"] == 2
    one, two = (np.array(path) for path in answer[way]["paths"])
    np.testing.assert_allclose(two, one, atol=1e-6)
    assert np.abs(one[-1] - 1.0).max() > 0.05
    assert answer[way]["apart"] < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_logs_are_those_of_one_device(answer, way):
    """The norms among them: a sum of the replicas' norms would be larger."""
    logs = answer[way]["logs"]
    assert ("age_gradient_norm" in logs) == (way != "uncertainty")
    for name, (one, two) in logs.items():
        assert two == pytest.approx(one, rel=1e-4, abs=1e-6), name
