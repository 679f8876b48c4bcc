import numpy as np
import pytest

from kerasface.losses.squared_distance import SquaredDistance
from tests.contracts import check_loss


def oracle(truth, prediction, scale):
    values = []
    for true_row, row in zip(truth, prediction, strict=True):
        total = 0.0
        for a, b in zip(np.ravel(true_row).tolist(), np.ravel(row).tolist(), strict=True):
            total += ((a - b) / scale) ** 2
        values.append(total)
    return values


@pytest.mark.parametrize("true_shape,shape", [((), (1,)), ((5, 2), (10,)), ((3, 2, 4), (3, 2, 4))])
def test_equals_loops(true_shape, shape):
    chance = np.random.default_rng(0)
    truth = chance.normal(0, 3, (7, *true_shape)).astype("float32")
    prediction = chance.normal(0, 3, (7, *shape)).astype("float32")
    values = SquaredDistance(0.5, reduction=None)(truth, prediction)
    np.testing.assert_allclose(values, oracle(truth, prediction, 0.5), rtol=1e-5)


def test_points_of_a_face_by_hand():
    """Two points, off by (0.1, 0) and (0, 0.3), scale 0.1: `1 + 9 = 10`."""
    truth = [[[0.2, 0.2], [0.8, 0.8]]]
    prediction = [[0.3, 0.2, 0.8, 0.5]]
    assert float(SquaredDistance(0.1)(truth, prediction)) == pytest.approx(10.0, rel=1e-5)


def test_contract(tmp_path):
    chance = np.random.default_rng(1)
    truth, prediction = chance.normal(size=(2, 4, 6)).astype("float32")
    check_loss(SquaredDistance, {"scale": 2.0}, truth, prediction, tmp_path)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_refuses_a_scale_that_is_not_positive(scale):
    with pytest.raises(ValueError, match="Received: scale="):
        SquaredDistance(scale)
