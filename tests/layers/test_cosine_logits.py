"""`CosineLogits`: the layer contract, and cosines in loops."""

import math

import numpy as np
import pytest

from kerasface.layers import CosineLogits
from tests.contracts import check_layer

INPUTS = np.random.default_rng(0).normal(0, 3, (5, 4)).astype("float32")


def test_contract(tmp_path):
    check_layer(CosineLogits, {"classes": 3, "scale": 8.0}, INPUTS, tmp_path)


def test_equals_loops():
    layer = CosineLogits(3, scale=8.0)
    found = np.asarray(layer(INPUTS))
    [kernel] = layer.get_weights()
    for row, vector in enumerate(INPUTS.tolist()):
        for each in range(3):
            weights = kernel[:, each].tolist()
            dot = sum(a * b for a, b in zip(vector, weights, strict=True))
            lengths = math.hypot(*vector) * math.hypot(*weights)
            assert found[row, each] == pytest.approx(8.0 * dot / lengths, rel=1e-4, abs=1e-5)


def test_lengths_do_not_count():
    layer = CosineLogits(3)
    np.testing.assert_allclose(layer(INPUTS), layer(INPUTS * 50), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("wrong", [{"classes": 1}, {"classes": 3, "scale": 0.0}])
def test_refusals(wrong):
    with pytest.raises(ValueError, match="Received: classes="):
        CosineLogits(**wrong)
