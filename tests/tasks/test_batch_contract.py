"""Under weights `alpha * B / n` a task's loss is `alpha` times the loss of its labelled rows."""

import numpy as np
import pytest

from kerasface.data.batches import labelled_weights
from kerasface.tasks import Classification, Domain, Embedding, Landmarks, Regression

ROWS = 32
TASKS = [
    Classification("expression", ("angry", "happy", "sad"), alpha=0.5),
    Regression("age", "years", (0, 116), bins=59, alpha=2.0),
    Regression("weight", "kg", (2, 200)),
    Landmarks("landmarks5", 5, alpha=0.25),
    Embedding("identity", 8, margin=1.0, alpha=3.0),
    Domain("source", ("FER2013", "UTKFace"), alpha=0.1),
    Domain("origin", ("FER2013", "UTKFace"), alpha=0.1, adversary="triplet", margin=1.0, size=4),
]


def batch(task, labelled):
    chance = np.random.default_rng(labelled)
    labels = {
        "expression": chance.integers(0, 3, ROWS),
        "age": chance.uniform(0, 116, ROWS),
        "weight": chance.uniform(2, 200, ROWS),
        "landmarks5": chance.uniform(0, 1, (ROWS, 5, 2)),
        "identity": chance.integers(0, 3, ROWS),
        "source": chance.integers(0, 2, ROWS),
        "origin": chance.integers(0, 2, ROWS),
    }[task.name].astype(task.label_dtype)
    mask = np.zeros(ROWS, bool)
    mask[chance.permutation(ROWS)[:labelled]] = True
    labels[~mask] = task.filler
    outputs = chance.normal(0, 1, (ROWS, task.output_size)).astype("float32")
    return labels, outputs, mask, labelled_weights({task.name: mask}, [task])[task.name]


def with_gradient(loss, labels, outputs, weights=None):
    tf = pytest.importorskip("tensorflow")
    outputs = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        value = loss(labels, outputs, sample_weight=weights)
    return float(value), np.array(tape.gradient(value, outputs))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("labelled", [2, 10, 30, 32])
def test_value_and_gradient_are_those_of_the_labelled_rows(task, labelled):
    labels, outputs, mask, weights = batch(task, labelled)
    value, gradient = with_gradient(task.make_loss(), labels, outputs, weights)
    alone, alone_gradient = with_gradient(task.make_loss(), labels[mask], outputs[mask])
    assert value == pytest.approx(task.alpha * alone, rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(gradient[mask], task.alpha * alone_gradient, rtol=1e-4, atol=1e-6)
    assert not gradient[~mask].any()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_nothing_labelled_is_zero_with_zero_gradient(task):
    labels, outputs, _, weights = batch(task, 0)
    value, gradient = with_gradient(task.make_loss(), labels, outputs, weights)
    assert value == 0.0 and not gradient.any() and np.isfinite(gradient).all()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_legal_label_under_the_mask_changes_nothing(task):
    labels, outputs, mask, weights = batch(task, 10)
    other = batch(task, ROWS)[0]
    changed = labels.copy()
    changed[~mask] = other[~mask]
    first = with_gradient(task.make_loss(), labels, outputs, weights)
    second = with_gradient(task.make_loss(), changed, outputs, weights)
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_epoch_metrics_are_means_over_all_labelled_rows(task):
    """Batches with 2, 30 and 10 labels: the mean over 42 rows, not over three batches.

    An embedding's loss belongs to its batch: there each batch counts by its labelled rows.
    """
    metrics = {metric.name: metric for metric in task.make_metrics()}
    total = 0.0
    for labelled in (2, 30, 10):
        labels, outputs, mask, weights = batch(task, labelled)
        for metric in metrics.values():
            metric.update_state(labels, outputs, weights)
        total += labelled * float(task.make_loss()(labels[mask], outputs[mask]))
    assert float(metrics["labelled"].result()) == 42.0
    assert float(metrics["mean_loss"].result()) == pytest.approx(total / 42, rel=1e-5)
