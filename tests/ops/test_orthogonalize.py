import numpy as np
import pytest
from keras import ops

from kerasface.ops.orthogonalize import orthogonalize


def by_loops(matrix, rounds=5):
    """Each singular value through the quintic, found by NumPy's own decomposition."""
    left, values, right = np.linalg.svd(matrix.astype("float64"), full_matrices=False)
    values = values / np.sqrt(np.sum(values**2))
    for _ in range(rounds):
        values = [3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5 for s in values]
    return left @ np.diag(values) @ right


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 6), (27, 8)])
def test_equal_to_the_quintic_of_its_singular_values(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype("float32") * 40
    out = np.array(orthogonalize(ops.convert_to_tensor(matrix)))
    np.testing.assert_allclose(out, by_loops(matrix), atol=2e-4)
    assert out.dtype == "float32"


def test_one_number_by_hand():
    """[[-2]] becomes -1, and five rounds from 1: 0.7010, 1.1136, 0.7207, 1.0900, 0.6964."""
    out = np.array(orthogonalize(ops.convert_to_tensor([[-2.0]])))
    assert abs(out[0, 0] + 0.6964) < 1e-4


def test_directions_stay_and_sizes_become_nearly_one():
    matrix = np.random.default_rng(1).normal(size=(64, 576)).astype("float32")
    values = np.linalg.svd(np.array(orthogonalize(ops.convert_to_tensor(matrix))), compute_uv=False)
    assert 0.6 < values.min() and values.max() < 1.25


def test_half_precision_is_near():
    matrix = np.random.default_rng(2).normal(size=(32, 288)).astype("float32")
    full, half = (
        np.array(orthogonalize(ops.convert_to_tensor(matrix), dtype=dtype))
        for dtype in ("float32", "bfloat16")
    )
    assert np.abs(full - half).mean() < 0.1 * np.abs(full).mean() and half.dtype == "float32"


def test_zeros_stay_zeros():
    assert not np.array(orthogonalize(ops.zeros((3, 4)))).any()


def test_scale_does_not_matter():
    matrix = np.random.default_rng(3).normal(size=(6, 4)).astype("float32")
    small, large = (
        np.array(orthogonalize(ops.convert_to_tensor(matrix * factor))) for factor in (1e-3, 1e3)
    )
    np.testing.assert_allclose(small, large, atol=2e-3)


def test_no_matrix():
    with pytest.raises(ValueError, match=r"two axes. Received: .*\(2, 3, 4\)"):
        orthogonalize(ops.zeros((2, 3, 4)))
