"""Principal components against an eigendecomposition, and sources side by side."""

import numpy as np
import pytest

from kerasface.models.linear_fusion import ConcatFusion, PcaFusion

pytest.importorskip("sklearn")
SIZES = {"age": 3, "race": 5}
MEAN, SCALE = np.arange(8) / 4, np.array([2.0] * 3 + [3.0] * 5)


def drawn(rng, rows=400):
    return (rng.normal(size=(rows, 3)) @ rng.normal(size=(3, 8)) + MEAN).astype("float32")


def test_parts_give_the_components_of_the_whole(rng):
    """Three directions hold everything: the reconstruction is exact, the span is eigh's."""
    values = drawn(rng)
    parts = [(values[start : start + 70], None) for start in range(0, 400, 70)]
    fusion = PcaFusion(SIZES, 3, MEAN, SCALE).fit(parts)
    np.testing.assert_allclose(fusion.reconstructed(values), values, atol=2e-3)
    centred = (values - MEAN) / SCALE
    centred = centred - centred.mean(0)
    variances = np.linalg.eigvalsh(centred.T @ centred / 399)[::-1][:3]
    np.testing.assert_allclose(fusion.codes(values).var(0, ddof=1), variances, rtol=0.01)


def test_fewer_pictures_than_components_is_one_line(rng):
    with pytest.raises(ValueError, match="PCA needs.*Received: 5 pictures, size=6") as caught:
        PcaFusion(SIZES, 6, MEAN, SCALE).fit([(drawn(rng, 3), None), (drawn(rng, 2), None)])
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="no more components.*Received: size=9"):
        PcaFusion(SIZES, 9, MEAN, SCALE).fit([(drawn(rng), None)])


def test_a_missing_source_is_its_mean_side_by_side(rng):
    values, fusion = drawn(rng, 4), ConcatFusion(SIZES, MEAN, SCALE)
    np.testing.assert_allclose(fusion.codes(values), (values - MEAN) / SCALE, atol=1e-5)
    values[:, 3:] = np.nan
    codes = fusion.codes(values, np.array([[True, False]] * 4))
    np.testing.assert_array_equal(codes[:, 3:], 0.0)
    assert fusion.size == 8 and np.isfinite(codes).all()
