"""Confusion matrix and balanced accuracy over labelled rows."""

import keras
import numpy as np
import pytest

from kerasface.metrics import MaskedBalancedAccuracy, MaskedConfusionMatrix
from tests.contracts import check_metric

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(9, 3)).astype("float32")
CLASSES = RNG.integers(0, 3, 9).astype("int32")
MASK = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1], "float32") * 2.5


def oracle(truth, logits, mask, classes):
    table = [[0] * classes for _ in range(classes)]
    for true_class, scores, counted in zip(truth, logits, mask, strict=True):
        if counted > 0:
            table[true_class][max(range(classes), key=lambda c: scores[c])] += 1
    return np.array(table)


def test_contracts():
    empty = np.zeros((3, 3))
    check_metric(MaskedConfusionMatrix, {"classes": 3}, CLASSES, LOGITS, MASK, empty=empty)
    check_metric(MaskedBalancedAccuracy, {"classes": 3}, CLASSES[:, None], LOGITS, MASK)


def test_matrix_equals_the_loop():
    metric = MaskedConfusionMatrix(3)
    np.testing.assert_array_equal(metric(CLASSES, LOGITS, MASK), oracle(CLASSES, LOGITS, MASK, 3))


def test_balanced_accuracy_by_hand():
    """Class 0: 3 of 4 right; class 1: 1 of 2; class 2 has no labelled row: (0.75 + 0.5) / 2."""
    truth = np.array([0, 0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 0, 1, 1, 2, 2])
    mask = [1, 1, 1, 1, 1, 1, 0]
    metric = MaskedBalancedAccuracy(3)
    assert float(metric(truth, np.eye(3)[predicted], mask)) == 0.625


def test_illegal_labels_under_the_mask_change_nothing():
    labels = np.where(MASK > 0, CLASSES, -1)
    np.testing.assert_array_equal(
        MaskedConfusionMatrix(3)(labels, LOGITS, MASK), oracle(CLASSES, LOGITS, MASK, 3)
    )
    floats = np.where(MASK > 0, CLASSES, np.nan)
    np.testing.assert_array_equal(
        MaskedConfusionMatrix(3)(floats, LOGITS, MASK), oracle(CLASSES, LOGITS, MASK, 3)
    )


def test_a_matrix_passes_through_fit():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(
        "sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[MaskedConfusionMatrix(3)],
    )
    logs = model.fit(LOGITS, CLASSES, sample_weight=MASK, verbose=0).history
    assert logs["confusion"][0].shape == (3, 3) and logs["confusion"][0].sum() == 5


def test_bad_classes():
    with pytest.raises(ValueError, match="Received: classes=1"):
        MaskedConfusionMatrix(1)
