"""Cosines between the tasks' gradients, against gradients taken one task at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.tasks import Classification, Domain
from kerasface.training.distiller import Distiller
from kerasface.training.task_affinity import GradientCosines, TaskAffinity, gradient_cosines
from tests.models.tiny import TASKS, hide, pictures, some_labels, tiny_model

THREE = (
    Classification("gender", ("male", "female")),
    Classification("smile", ("no", "yes"), alpha=3.0),
    TASKS[1],
)


def batch_of(tasks, rows=12, seed=0, masks=None):
    labels = {
        name: column
        for name, column in some_labels([t for t in tasks if t.name != "smile"], rows, seed).items()
    }
    chance = np.random.default_rng(seed + 50)
    for task in tasks:
        if task.name == "smile":
            labels["smile"] = chance.integers(0, 2, rows).astype("int32")
    masks = masks or {task.name: chance.random(rows) < 0.7 for task in tasks}
    labels, weights = hide(labels, masks, tasks)
    return pictures(rows, seed), labels, weights


def gradient_of(model, task, batch):
    """One long NumPy vector, by a tape of its own."""
    images, labels, weights = batch
    variables = [each.value for each in model.trunk.trainable_variables]
    with tf.GradientTape() as tape:
        outputs = model(images, training=False)
        loss = task.make_loss()(labels[task.name], outputs[task.name], weights[task.name])
    return np.concatenate([np.ravel(each) for each in tape.gradient(loss, variables)])


def test_equal_to_gradients_one_at_a_time():
    model = tiny_model(THREE)
    batches = [batch_of(THREE, seed=seed) for seed in range(3)]
    names, cosines = gradient_cosines(model, batches)
    assert names == ["gender", "smile", "age"]
    expected = np.zeros((3, 3))
    for batch in batches:
        vectors = [gradient_of(model, task, batch) for task in THREE]
        for one in range(3):
            for other in range(3):
                a, b = vectors[one], vectors[other]
                expected[one, other] += a @ b / np.linalg.norm(a) / np.linalg.norm(b) / 3
    np.testing.assert_allclose(cosines, expected, atol=1e-4)
    np.testing.assert_allclose(np.diagonal(cosines), 1.0, atol=1e-5)


def test_same_and_opposite_labels():
    """Two heads of equal weights: with equal labels the gradients agree, with swapped ones oppose.

    At logits of 0 the gradient of class 1 is minus that of class 0, so the cosine is -1.
    """
    twins = (Classification("a", ("x", "y")), Classification("b", ("x", "y")))
    model = tiny_model(twins)
    kernel, bias = model.heads.head("a").get_weights()
    model.heads.head("b").set_weights([kernel, bias])
    labels = np.random.default_rng(0).integers(0, 2, 8).astype("int32")
    ones = {"a": np.ones(8, "float32"), "b": np.ones(8, "float32")}
    _, same = gradient_cosines(model, [(pictures(8), {"a": labels, "b": labels}, ones)])
    assert same[0, 1] == pytest.approx(1.0, abs=1e-5)
    lone = pictures(1)
    small = [np.concatenate([kernel[:, :1], kernel[:, :1]], 1), bias * 0]
    model.heads.head("a").set_weights([small[0] + [0.0, 0.1], small[1]])
    model.heads.head("b").set_weights([small[0] + [0.0, 0.1], small[1]])
    one = {"a": ones["a"][:1], "b": ones["b"][:1]}
    swapped = {"a": labels[:1], "b": 1 - labels[:1]}
    _, opposite = gradient_cosines(model, [(lone, swapped, one)])
    assert opposite[0, 1] == pytest.approx(-1.0, abs=1e-5)


def test_tasks_that_never_meet_have_none():
    never = {"gender": np.arange(12) < 6, "smile": np.zeros(12, bool), "age": np.arange(12) > 3}
    model = tiny_model(THREE)
    _, cosines = gradient_cosines(model, [batch_of(THREE, masks=never)])
    assert np.isnan(cosines[1]).all() and np.isfinite(cosines[0, 2])


def test_an_adversary_is_no_task():
    tasks = (*THREE, Domain("source", ("a", "b"), hidden=(4,)))
    names, cosines = gradient_cosines(tiny_model(tasks), [batch_of(tasks)])
    assert names == ["gender", "smile", "age"] and cosines.shape == (3, 3)


def test_through_a_distiller():
    model = tiny_model(THREE)
    batch = batch_of(THREE)
    _, alone = gradient_cosines(model, [batch])
    _, inside = gradient_cosines(Distiller(model, tiny_model(THREE, seed=1)), [batch])
    np.testing.assert_array_equal(alone, inside)


def test_a_training_is_not_touched():
    batch = batch_of(THREE)

    def train(callbacks):
        model = tiny_model(THREE)
        model.compile(keras.optimizers.SGD(0.1))
        images, labels, weights = batch
        options = {"batch_size": 12, "epochs": 3, "shuffle": False, "verbose": 0}
        fitted = model.fit(images, labels, sample_weight=weights, callbacks=callbacks, **options)
        return model, fitted.history

    affinity = TaskAffinity([batch], every=2)
    model, logs = train([affinity])
    for one, other in zip(train([])[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [epoch for epoch, _ in affinity.matrices] == [2, 3]
    assert len(logs["gender_and_age_gradient_cosine"]) == 2
    last = affinity.matrices[-1][1]
    np.testing.assert_allclose(last, gradient_cosines(model, [batch])[1], atol=1e-6)
    assert np.abs(last - affinity.matrices[0][1]).max() > 1e-4
    assert logs["gender_and_age_gradient_cosine"][-1] == pytest.approx(last[0, 2])


def test_it_is_traced_once(monkeypatch):
    model, traced = tiny_model(THREE), []
    whole = type(model).task_losses

    def counted(self, *arguments, **options):
        traced.append(self)
        return whole(self, *arguments, **options)

    monkeypatch.setattr(type(model), "task_losses", counted)
    measure = GradientCosines(model)
    batches = [batch_of(THREE, seed=seed) for seed in range(2)]
    np.testing.assert_array_equal(measure(batches), measure(batches))
    assert len(traced) == 1


@pytest.mark.parametrize("batches,every", [([], 1), ([1], 0)])
def test_errors(batches, every):
    with pytest.raises(ValueError, match=f"Received: {len(batches)} batches, every={every}"):
        TaskAffinity(batches, every)


def test_no_batch():
    with pytest.raises(ValueError, match="Received: none"):
        gradient_cosines(tiny_model(THREE), [])
