"""A face that was not found: wrong in classes, the middle in numbers, whatever stood there."""

import numpy as np
import pytest

from kerasface.evaluation import count_unfound, measure, pairs_protocol, pairs_with_unfound
from kerasface.tasks import Classification, Embedding, Landmarks, Regression

FOUND = np.array([True, False, False, True])


def test_classes_count_as_wrong_whatever_the_network_said():
    """Two found of which one is right, two not found that would have been right: 1 of 4."""
    task, labels = Classification("race", ("a", "b", "c")), np.array([0, 1, 2, 0])
    outputs = np.eye(3)[[0, 1, 2, 1]] * 9.0
    outputs[1] = np.nan
    counted = count_unfound(task, outputs, labels, FOUND)
    assert measure(task, counted, labels)["accuracy"] == 0.25
    np.testing.assert_array_equal(counted[FOUND], outputs[FOUND])


@pytest.mark.parametrize("bins", [None, 11, 12])
def test_numbers_are_the_middle_of_the_range(bins):
    task = Regression("age", "years", (0, 110), bins=bins)
    labels = np.array([5.0, 20.0, 100.0, 30.0], "float32")
    counted = count_unfound(task, np.full((4, task.output_size), np.nan), labels, FOUND & False)
    np.testing.assert_allclose(task.expected(counted), 55.0, atol=1e-3)
    # |5 - 55|, |20 - 55|, |100 - 55|, |30 - 55|.
    error = measure(task, counted, labels)["mean_absolute_error"]
    assert error == pytest.approx((50 + 35 + 45 + 25) / 4, abs=1e-3)


def test_points_are_the_middle_of_the_crop():
    task = Landmarks("landmarks5", 5)
    counted = count_unfound(task, np.zeros((4, 10)), np.zeros((4, 5, 2)), FOUND)
    assert (counted[1:3] == 0.5).all() and (counted[[0, 3]] == 0).all()


def test_pairs_count_as_wrong_at_any_threshold():
    distances, same = [0.1, np.nan, np.nan, 0.9], [True, True, False, False]
    counted = pairs_with_unfound(distances * 2, same * 2, FOUND.tolist() * 2)
    result = pairs_protocol(counted, same * 2, [0] * 4 + [1] * 4)
    assert result.accuracy == 0.5


def test_refusals():
    with pytest.raises(ValueError, match="Received: embedding"):
        count_unfound(Embedding("identity", 2), np.zeros((1, 2)), [0], [True])
    with pytest.raises(ValueError, match="Received: 2, 1 and 1 rows"):
        count_unfound(Classification("g", ("a", "b")), np.zeros((2, 2)), [0], [True])
