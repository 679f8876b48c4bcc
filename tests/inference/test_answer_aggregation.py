"""Several answers as one: loops in NumPy, and values worked out by hand."""

import math

import keras
import numpy as np
import pytest

from kerasface.inference.answer_aggregation import aggregate
from kerasface.inference.transforms import picture_transforms
from kerasface.tasks import Classification, Embedding, Landmarks, Regression, SoftClassification
from tests.inference.label_oracles import (
    BOXES,
    binned_by_loops,
    class_by_loops,
    points_by_loops,
    value_by_loops,
)

MOOD = Classification("mood", ("sad", "calm", "glad"))
AGE = Regression("age", "years", (0, 100), bins=21, spread=4.0)
WEIGHT = Regression("weight", "kg", (2, 200), spread=5.0)
POINTS = Landmarks("points", 5)
TRANSFORMS = picture_transforms(BOXES)


def numpy(task, outputs, transforms=TRANSFORMS):
    found = aggregate(task, np.asarray(outputs, "float32"), transforms)
    return {name: keras.ops.convert_to_numpy(column) for name, column in found.items()}


def random_outputs(task, rng, rows=7, size=3.0):
    return rng.normal(0, size, (len(TRANSFORMS), rows, task.output_size)).astype("float32")


def test_classes(rng):
    outputs = random_outputs(MOOD, rng)
    found = numpy(MOOD, outputs)
    assert set(found) == {"label", "soft", "confidence"} and found["label"].dtype == np.int32
    for row in range(7):
        label, soft, confidence = class_by_loops(outputs, row)
        assert found["label"][row] == label
        np.testing.assert_allclose(found["soft"][row], soft, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found["confidence"][row], confidence, rtol=1e-5)


@pytest.mark.parametrize("size", [0.3, 3.0, 30.0])
def test_numbers_over_bins(size, rng):
    outputs = random_outputs(AGE, rng, size=size)
    found = numpy(AGE, outputs)
    for row in range(7):
        value, soft, spread, confidence = binned_by_loops(outputs, row, 0, 100, 4.0)
        np.testing.assert_allclose(found["label"][row], value, rtol=1e-5)
        np.testing.assert_allclose(found["soft"][row], soft, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found["spread"][row], spread, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found["confidence"][row], confidence, rtol=1e-4)


def test_numbers_without_bins(rng):
    outputs = 70 + 100 * random_outputs(WEIGHT, rng)
    found = numpy(WEIGHT, outputs)
    clipped = 0
    for row in range(7):
        value, mean, spread, confidence = value_by_loops(outputs, row, 2, 200, 5.0)
        clipped += value != mean
        np.testing.assert_allclose(found["label"][row], value, rtol=1e-4)
        np.testing.assert_allclose(found["soft"][row, 0], mean, rtol=1e-4)
        np.testing.assert_allclose(found["spread"][row], spread, rtol=1e-4)
        np.testing.assert_allclose(found["confidence"][row], confidence, rtol=1e-4)
    assert clipped and WEIGHT.legal(found["label"]).all()


def test_points(rng):
    outputs = random_outputs(POINTS, rng, size=0.4)
    found = numpy(POINTS, outputs)
    for row in range(7):
        points, spread, confidence = points_by_loops(
            outputs, row, BOXES.values(), (1, 0, 2, 4, 3), 0.1
        )
        np.testing.assert_allclose(found["label"][row], points, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["soft"][row], np.ravel(points), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["spread"][row], spread, rtol=1e-4)
        np.testing.assert_allclose(found["confidence"][row], confidence, rtol=1e-4)


def test_classes_by_hand():
    """Probabilities 0.9, 0.1, 0 and 0.2, 0.5, 0.3: mean 0.55, 0.3, 0.15, so "sad" with 0.55.

    The mean of logits would be another answer: sqrt(0.9 * 0.2) : sqrt(0.1 * 0.5) : about 0.
    """
    seen = np.array([[0.9, 0.1, 1e-30], [0.2, 0.5, 0.3]], "float32")
    found = numpy(MOOD, np.log(seen)[:, None], TRANSFORMS[:2])
    assert found["label"].tolist() == [0]
    np.testing.assert_allclose(found["soft"], [[0.55, 0.3, 0.15]], rtol=1e-5)
    np.testing.assert_allclose(found["confidence"], [0.55], rtol=1e-5)


def test_the_mean_may_choose_a_class_that_no_transform_did():
    """0.5, 0.4, 0.1 and 0.1, 0.4, 0.5: each alone says another, the mean 0.3, 0.4, 0.3 "calm"."""
    seen = np.array([[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]], "float32")
    found = numpy(MOOD, np.log(seen)[:, None], TRANSFORMS[:2])
    assert found["label"].tolist() == [1]
    np.testing.assert_allclose(found["confidence"], [0.4], rtol=1e-5)


def test_numbers_by_hand():
    """All on 20 and all on 30 years: value 25, variance 25, spread sqrt(25 - 4^2) = 3.

    The confidence is 4 / (4 + 3). Both on 20: nothing spreads, confidence 1.
    """
    logits = np.full((2, 2, 21), -100.0, "float32")
    logits[0, 0, 4] = logits[1, 0, 6] = logits[:, 1, 4] = 100.0
    found = numpy(AGE, logits, TRANSFORMS[:2])
    np.testing.assert_allclose(found["label"], [25.0, 20.0], rtol=1e-6)
    np.testing.assert_allclose(found["spread"], [3.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(found["confidence"], [4 / 7, 1.0], rtol=1e-5)


def test_points_by_hand():
    """Plain says (0.2, 0.5) and (0.9, 0.5); mirrored says the same two places.

    Mirrored back they are (0.1, 0.5) and (0.8, 0.5), each under the other's number: means
    (0.15, 0.5) and (0.85, 0.5), each off by 0.05; spread 0.05, confidence 0.1 / 0.15.
    """
    eyes = Landmarks("eyes", 2, mirror=(1, 0))
    outputs = np.array([[[0.2, 0.5, 0.9, 0.5]]] * 2)
    found = numpy(eyes, outputs, TRANSFORMS[:2])
    np.testing.assert_allclose(found["label"], [[[0.15, 0.5], [0.85, 0.5]]], rtol=1e-5)
    np.testing.assert_allclose(found["spread"], [0.05], rtol=1e-4)
    np.testing.assert_allclose(found["confidence"], [2 / 3], rtol=1e-5)


def test_one_transform_is_the_answer_itself():
    found = numpy(WEIGHT, [[[300.0]]], TRANSFORMS[:1])
    assert found["label"].tolist() == [200.0] and found["soft"].tolist() == [[300.0]]
    assert found["spread"].tolist() == [0.0] and found["confidence"].tolist() == [1.0]
    plain = numpy(MOOD, np.log([[[0.25, 0.5, 0.25]]]), TRANSFORMS[:1])
    assert math.isclose(plain["confidence"][0], 0.5, rel_tol=1e-5)


@pytest.mark.parametrize("task", [Embedding("identity", 8), SoftClassification("m", ("a", "b"))])
def test_other_kinds_have_no_labels(task):
    with pytest.raises(ValueError, match="Received: "):
        aggregate(task, np.zeros((1, 2, task.output_size), "float32"), TRANSFORMS[:1])
