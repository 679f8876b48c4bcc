"""MirroredStrategy on two logical CPUs against one device: norms are of the global batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
WAYS = ("exact", "reference", "features", "uncertainty")


@pytest.fixture(scope="module")
def answer():
    found = subprocess.run(
        [sys.executable, "-m", "tests.training.balancing.two_balanced_replicas"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return json.loads(found.stdout.splitlines()[-1])


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
