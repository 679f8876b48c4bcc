"""Measures against loops and values worked out by hand."""

import math

import numpy as np
import pytest

from kerasface.evaluation import measures
from kerasface.evaluation.measures import measure, scorer
from kerasface.tasks import Classification, Landmarks, Regression

COLOURS = Classification("colour", ("red", "green", "blue"))
AGE = Regression("age", "years", (0, 100))
BINNED = Regression("age", "years", (0, 100), bins=11)
POINTS = Landmarks("landmarks5", 5)


@pytest.fixture
def random():
    return np.random.default_rng(3)


def logits_for(predicted, classes=3):
    return 5.0 * np.eye(classes)[predicted]


def test_classification_by_hand():
    """red, red, red, green, green, blue were read as red, red, green, green, blue, blue.

    Accuracy 4 / 6. Recalls 2/3, 1/2, 1, mean 13/18. F1: red 2*2/(3+2) = 4/5, green 2*1/(2+2) =
    1/2, blue 2*1/(1+2) = 2/3, mean 59/90.
    """
    found = measure(COLOURS, logits_for([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 2]))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["balanced_accuracy"] == pytest.approx(13 / 18)
    assert found["macro_f1"] == pytest.approx(59 / 90)
    assert found["labelled"] == 6


def test_regression_by_hand():
    """Errors of 3, 4, 5 and 12 years: mean 6, mean square 194 / 4 = 48.5, three within 5."""
    found = measure(AGE, np.array([[13.0], [16.0], [35.0], [28.0]]), np.array([10, 20, 30, 40.0]))
    assert found["mean_absolute_error"] == pytest.approx(6.0)
    assert found["root_mean_squared_error"] == pytest.approx(math.sqrt(48.5))
    assert found["within_5"] == pytest.approx(0.75)
    assert "interval_coverage" not in found


def test_landmarks_by_hand():
    """Eyes 0.4 apart; one point of five is off by (0.03, 0.04), a distance of 0.05.

    Mean over ten coordinates 0.07 / 10 = 0.007; nme 0.05 / 5 / 0.4 = 0.025; nrmse
    sqrt(0.05^2 / 5) / 0.4 = 0.0559.
    """
    truth = np.array([[[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]])
    guess = truth.copy()
    guess[0, 2] += [0.03, 0.04]
    found = measure(POINTS, guess.reshape(1, 10), truth)
    assert found["mean_absolute_error"] == pytest.approx(0.007)
    assert found["nme"] == pytest.approx(0.025)
    assert found["nrmse"] == pytest.approx(0.05 / math.sqrt(5) / 0.4)


def test_68_points_are_measured_by_the_outer_corners_of_the_eyes():
    truth = np.zeros((1, 68, 2))
    truth[0, 45] = [0.5, 0.0]
    nme, nrmse = measures.point_errors(truth + [0.0, 0.01], truth)
    assert nme == pytest.approx([0.02]) and nrmse == pytest.approx([0.02])


def test_points_without_eyes_keep_their_unit_and_eyes_in_one_place_do_not_count():
    square = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], float)
    assert measures.point_errors(square + [0.1, 0.0], square)[0] == pytest.approx([0.1])
    good = np.linspace(0.1, 0.9, 10).reshape(1, 5, 2)
    bad = np.full((1, 5, 2), 0.5)
    both = measure(POINTS, np.concatenate([good, bad + 0.2]), np.concatenate([good, bad]))
    assert both["nme"] == 0.0 and both["mean_absolute_error"] == pytest.approx(0.1)
    assert set(measure(POINTS, bad, bad)) == {"mean_absolute_error", "labelled"}


def test_classification_against_loops(random):
    labels, logits = random.integers(0, 3, 200), random.normal(size=(200, 3))
    found = measure(COLOURS, logits, labels)
    predicted = [max(range(3), key=lambda c, row=row: row[c]) for row in logits.tolist()]
    hits = [p == y for p, y in zip(predicted, labels, strict=True)]
    recalls, f1s = [], []
    for colour in range(3):
        true = [p for p, y in zip(predicted, labels, strict=True) if y == colour]
        claimed = [y for p, y in zip(predicted, labels, strict=True) if p == colour]
        recall = true.count(colour) / len(true)
        precision = claimed.count(colour) / len(claimed)
        recalls.append(recall)
        f1s.append(2 * precision * recall / (precision + recall))
    assert found["accuracy"] == pytest.approx(sum(hits) / 200)
    assert found["balanced_accuracy"] == pytest.approx(sum(recalls) / 3)
    assert found["macro_f1"] == pytest.approx(sum(f1s) / 3)


def test_a_class_that_never_occurs_is_left_out():
    """Only red and green occur and are predicted: both recalls 1, both F1 1."""
    found = measure(COLOURS, logits_for([0, 1]), np.array([0, 1]))
    assert found["balanced_accuracy"] == found["macro_f1"] == 1.0


@pytest.mark.parametrize(
    ("task", "outputs", "labels"),
    [
        (COLOURS, logits_for([0, 1, 2, 0]), np.array([0, 2, 2, -1])),
        (AGE, np.array([[1.0], [2.0], [9.0], [np.nan]]), np.array([1, 4, 9, np.nan])),
        (BINNED, np.eye(11)[[1, 2, 3, 4]] * 4, np.array([10, 25, 30, np.nan])),
        (POINTS, np.full((4, 10), 0.4), np.linspace(0, 1, 40).reshape(4, 5, 2)),
    ],
)
def test_rows_without_a_label_change_nothing(task, outputs, labels):
    mask = np.array([True, True, True, False])
    assert measure(task, outputs, labels, mask) == measure(task, outputs[:3], labels[:3])
    assert measure(task, outputs, labels, np.zeros(4, bool)) == {}


@pytest.mark.parametrize("task", [COLOURS, BINNED, AGE, POINTS], ids=lambda task: task.kind)
def test_a_weight_of_two_is_the_row_twice(task, random):
    outputs = random.normal(size=(9, task.output_size))
    labels = np.array([task.filler] * 9)
    if task.kind == "classification":
        labels = random.integers(0, 3, 9)
    elif task.kind == "landmarks":
        labels = random.uniform(size=(9, 5, 2))
    weights = np.array([2, 1, 0, 1, 1, 3, 0, 1, 1.0])
    rows = np.repeat(np.arange(9), weights.astype(int))
    weighted = scorer(task, outputs, labels)(weights)
    repeated = scorer(task, outputs[rows], labels[rows])(np.ones(len(rows)))
    assert weighted == pytest.approx(repeated)


def test_kinds_that_are_not_measured_by_row_are_absent():
    class Other:
        kind = "embedding"

    assert measure(Other(), np.ones((2, 3)), np.ones(2)) == {}


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="Received: 2, 3 and 2 rows"):
        measure(AGE, np.ones((2, 1)), np.ones(3))
