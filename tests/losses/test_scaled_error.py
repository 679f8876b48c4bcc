import numpy as np
import pytest

from kerasface.losses.scaled_error import ScaledAbsoluteError
from tests.contracts import check_loss


def oracle(truth, prediction, scale):
    values = []
    for true_row, row in zip(truth, prediction, strict=True):
        gaps = [
            abs(a - b)
            for a, b in zip(np.ravel(true_row).tolist(), np.ravel(row).tolist(), strict=True)
        ]
        values.append(sum(gaps) / len(gaps) / scale)
    return values


@pytest.mark.parametrize(
    "true_shape,shape", [((), (1,)), ((1,), (1,)), ((5, 2), (10,)), ((6,), (6,))]
)
def test_equals_loops(true_shape, shape):
    chance = np.random.default_rng(0)
    truth = chance.normal(0, 3, (7, *true_shape)).astype("float32")
    prediction = chance.normal(0, 3, (7, *shape)).astype("float32")
    values = ScaledAbsoluteError(0.5, reduction=None)(truth, prediction)
    np.testing.assert_allclose(values, oracle(truth, prediction, 0.5), rtol=1e-5)


def test_value_by_hand():
    """Ages 30 and 40 read as 33 and 38, scale 5: `(3 / 5 + 2 / 5) / 2 = 0.5`."""
    assert float(ScaledAbsoluteError(5.0)([30.0, 40.0], [[33.0], [38.0]])) == 0.5


def test_points_of_a_face_by_hand():
    """Two points, off by (0.1, 0) and (0, 0.3), scale 0.1: `(0.1 + 0.3) / 4 / 0.1 = 1`."""
    truth = [[[0.2, 0.2], [0.8, 0.8]]]
    prediction = [[0.3, 0.2, 0.8, 0.5]]
    assert float(ScaledAbsoluteError(0.1)(truth, prediction)) == pytest.approx(1.0, rel=1e-5)


def test_contract(tmp_path):
    chance = np.random.default_rng(1)
    truth, prediction = chance.normal(size=(2, 4, 6)).astype("float32")
    check_loss(ScaledAbsoluteError, {"scale": 2.0}, truth, prediction, tmp_path)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_refuses_a_scale_that_is_not_positive(scale):
    with pytest.raises(ValueError, match="Received: scale="):
        ScaledAbsoluteError(scale)
