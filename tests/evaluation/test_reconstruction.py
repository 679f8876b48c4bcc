"""Error over spread: 1 for the mean, the root of 2 for a draw, and against plain loops."""

import numpy as np
import pytest

from kerasface.evaluation import normalized_errors, normalized_rmse

SIZES = {"age": 3, "race": 5}


def test_the_mean_gives_one_and_a_draw_the_root_of_two(rng):
    values = rng.normal(5.0, [1, 2, 3, 4, 5, 6, 7, 8], (4000, 8))
    mean = np.broadcast_to(values.mean(0), values.shape)
    found = normalized_rmse(values, mean, SIZES)
    assert found == pytest.approx({"age": 1.0, "race": 1.0, "average": 1.0})
    other = rng.normal(5.0, [1, 2, 3, 4, 5, 6, 7, 8], (4000, 8))
    found = normalized_rmse(values, other, SIZES)
    assert found == pytest.approx(dict.fromkeys(found, 2**0.5), rel=0.03)
    assert set(normalized_rmse(values, values, SIZES).values()) == {0.0}


def test_against_loops_where_a_source_is_missing(rng):
    values, back = rng.normal(size=(6, 8)), rng.normal(size=(6, 8))
    present = rng.random((6, 2)) < 0.7
    present[0] = present[1] = True
    values[~present[:, 1], 3:] = np.nan
    error = spread = 0.0
    for column in range(3, 8):
        known = [values[row, column] for row in range(6) if present[row, 1]]
        middle = sum(known) / len(known)
        for row in range(6):
            if present[row, 1]:
                error += (back[row, column] - values[row, column]) ** 2
                spread += (values[row, column] - middle) ** 2
    found = normalized_rmse(values, back, SIZES, present)
    assert found["race"] == pytest.approx((error / spread) ** 0.5)


def test_refusals():
    values = np.zeros((3, 8))
    with pytest.raises(ValueError, match="Received: shapes"):
        normalized_rmse(values, values[:, :7], SIZES)
    with pytest.raises(ValueError, match="Received: 0 rows of 'race'"):
        normalized_rmse(values + [[0], [1], [2]], values, SIZES, np.array([[1, 0]] * 3))
    with pytest.raises(ValueError, match="finite numbers"):
        normalized_rmse(values, np.full((3, 8), np.nan), SIZES)


def test_errors_of_each_picture(rng):
    """A NaN where a source lacks; the root of their mean is the table's number."""
    values, back = rng.normal(size=(6, 8)), rng.normal(size=(6, 8))
    present = np.ones((6, 2), bool)
    present[4, 0] = False
    errors = normalized_errors(values, back, SIZES, present)
    assert errors.shape == (6, 2) and np.isnan(errors[4, 0]) and np.isfinite(errors[4, 1])
    race = values[:, 3:]
    variance = sum(((race[:, n] - race[:, n].mean()) ** 2).mean() for n in range(5))
    assert errors[2, 1] == pytest.approx(((back - values)[2, 3:] ** 2).sum() / variance)
    found = normalized_rmse(values, back, SIZES, present)
    assert np.nanmean(errors[:, 0]) ** 0.5 == pytest.approx(found["age"])
