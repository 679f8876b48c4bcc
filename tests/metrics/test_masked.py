"""Metrics over labelled rows: exact over an epoch, absent where nothing was labelled."""

import keras
import numpy as np
import pytest

from kerasface.export import registered
from kerasface.metrics import (
    LabelledCount,
    MaskedAccuracy,
    MaskedLoss,
    MaskedMeanAbsoluteError,
    MaskedMetric,
)
from kerasface.ops import labelled_weights
from tests.contracts import check_metric

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(9, 4)).astype("float32")
CLASSES = RNG.integers(0, 4, 9).astype("int32")
AGES, GUESSES = RNG.uniform(0, 90, 9).astype("float32"), RNG.uniform(0, 90, 9).astype("float32")
SCORES = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
MASK = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1], "float32") * 2.5


@registered
def squared_gap(y_true, y_pred):
    """A per-sample value of the user's own."""
    return keras.ops.square(y_true - y_pred)


def test_contracts():
    check_metric(MaskedMetric, {"fn": squared_gap}, AGES, GUESSES, MASK)
    check_metric(MaskedMeanAbsoluteError, {}, AGES, GUESSES[:, None], MASK)
    check_metric(LabelledCount, {}, AGES, GUESSES, MASK, empty=0.0)
    # argmax of NaN is a class like any other, but the row is not counted.
    check_metric(MaskedAccuracy, {}, CLASSES[:, None], LOGITS, MASK)


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred"),
    [
        (SCORES, CLASSES, LOGITS),
        (keras.losses.MeanSquaredError(), AGES, GUESSES[:, None]),
        (keras.losses.Huber(), RNG.normal(size=(9, 3, 2)), RNG.normal(size=(9, 3, 2))),
    ],
    ids=["classes", "number", "points"],
)
def test_loss_contract(loss, y_true, y_pred):
    y_pred = y_pred.astype("float32")
    check_metric(MaskedLoss, {"loss_fn": loss}, y_true, y_pred, MASK)


def test_values_by_hand():
    """Rows 0 and 2 of three count. Errors 3 and 1: mean 2. Classes: one of two right: 0.5."""
    mask = [4.0, 0.0, 4.0]
    assert float(MaskedMeanAbsoluteError()([20.0, np.nan, 30.0], [23.0, 5.0, 29.0], mask)) == 2.0
    logits = [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
    assert float(MaskedAccuracy()([1, 1, 1], logits, mask)) == 0.5
    assert float(LabelledCount()([1, 1, 1], logits, mask)) == 2.0
    huber = MaskedLoss(keras.losses.MeanSquaredError())
    assert float(huber([20.0, np.nan, 30.0], [[23.0], [5.0], [29.0]], mask)) == 5.0  # (9 + 1) / 2


def test_several_numbers_a_row_are_averaged_first():
    """Row errors (1 + 3) / 2 = 2 and (0 + 4) / 2 = 2: mean 2, whatever the label's shape."""
    truth, guess = np.array([[[1.0, 2.0]], [[3.0, 4.0]]]), np.array([[2.0, 5.0], [3.0, 8.0]])
    assert float(MaskedMeanAbsoluteError()(truth, guess)) == 2.0


def batches_of_2_30_and_10():
    """The design's case: 32 rows a batch of which 2, 30 and 10 are labelled."""
    rng = np.random.default_rng(3)
    for labelled in (2, 30, 10):
        mask = rng.permutation(np.arange(32) < labelled)
        truth = rng.integers(0, 3, 32)
        logits = rng.normal(size=(32, 3)).astype("float32")
        # Better where few are labelled, so that a mean of batch means shows.
        logits[np.arange(32), truth] += 4.0 if labelled == 2 else 0.3
        yield truth, logits, mask


def test_an_epoch_is_the_mean_over_all_labelled_rows():
    metrics = MaskedAccuracy(), MaskedLoss(SCORES), LabelledCount()
    plain = keras.metrics.SparseCategoricalAccuracy()
    right, losses = [], []
    for truth, logits, mask in batches_of_2_30_and_10():
        weight = np.asarray(labelled_weights(mask))
        for metric in (*metrics, plain):
            metric.update_state(np.where(mask, truth, 0), logits, sample_weight=weight)
        for row in np.flatnonzero(mask):
            scores = logits[row].astype("float64")
            right.append(scores.argmax() == truth[row])
            losses.append(np.log(np.exp(scores).sum()) - scores[truth[row]])
    accuracy, loss, count = (float(metric.result()) for metric in metrics)
    assert count == len(right) == 42
    np.testing.assert_allclose(accuracy, np.mean(right), rtol=1e-6)
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-6)
    assert abs(float(plain.result()) - np.mean(right)) > 0.1  # what Keras's own makes of it


def test_the_same_through_evaluate():
    batches = list(batches_of_2_30_and_10())
    truth, logits, mask = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    weight = np.concatenate([labelled_weights(part) for _, _, part in batches])
    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    model.compile(loss=SCORES, weighted_metrics=[MaskedAccuracy(), LabelledCount()])
    logs = model.evaluate(
        logits, truth, sample_weight=weight, batch_size=32, return_dict=True, verbose=0
    )
    expected = np.mean(logits[mask].argmax(axis=1) == truth[mask])
    np.testing.assert_allclose(logs["accuracy"], expected, rtol=1e-6)
    assert logs["labelled"] == 42


def test_a_task_without_a_label_is_absent_and_not_zero():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    model.compile(loss=SCORES, weighted_metrics=[MaskedAccuracy(), LabelledCount()])
    logs = model.evaluate(LOGITS, CLASSES, sample_weight=np.zeros(9), return_dict=True, verbose=0)
    assert np.isnan(logs["accuracy"]) and logs["labelled"] == 0


def test_a_loss_of_the_whole_batch_counts_by_labelled_rows():
    """Values 1 with one labelled row and 4 with two: (1 + 2 * 4) / 3 = 3."""

    class WholeBatch(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.max(y_pred)

    metric = MaskedLoss(WholeBatch())
    metric.update_state([0, 0], [[1.0], [0.0]], [1, 0])
    metric.update_state([0, 0], [[4.0], [0.0]], [1, 1])
    assert float(metric.result()) == 3.0
