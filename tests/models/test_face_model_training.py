"""Stock `compile`, `fit` and `evaluate` on partly labelled batches."""

import keras
import numpy as np
import pytest

from kerasface.data.batches import arrays
from kerasface.data.prepared import PreparedSet
from kerasface.training import BalancedModel, Distiller
from tests.models.tiny import TASKS, hide, pictures, some_labels, tiny_model

GENDER, AGE = TASKS[:2]
BATCH = 32
COUNTS = (2, 30, 10)


def partly_labelled(tasks, counts=COUNTS, seed=0):
    """Batches of 32 of which so many rows are labelled, as arrays one after the other."""
    rows = BATCH * len(counts)
    labels, parts, masks = some_labels(tasks, rows, seed), [], np.zeros(rows, bool)
    for number, count in enumerate(counts):
        masks[BATCH * number : BATCH * number + count] = True
        rows_of_batch = slice(BATCH * number, BATCH * (number + 1))
        part = {task.name: labels[task.name][rows_of_batch] for task in tasks}
        parts.append(hide(part, {task.name: masks[rows_of_batch] for task in tasks}, tasks))
    hidden, weights = (
        {task.name: np.concatenate([part[kind][task.name] for part in parts]) for task in tasks}
        for kind in (0, 1)
    )
    return pictures(rows, seed), hidden, weights, masks


@pytest.fixture(scope="module")
def model():
    model = tiny_model()
    model.compile("sgd")
    return model


@pytest.mark.slow
def test_evaluate_gives_means_over_all_labelled_rows(model):
    images, labels, weights, masks = partly_labelled(TASKS)
    logs = model.evaluate(images, labels, sample_weight=weights, batch_size=BATCH, verbose=0)
    outputs = model.predict(images, batch_size=BATCH, verbose=0)
    right = outputs["gender"].argmax(1)[masks] == labels["gender"][masks]
    assert logs["gender_labelled"] == 42 and masks.sum() == 42
    assert logs["gender_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    off = np.abs(outputs["weight"][:, 0] - labels["weight"])[masks]
    assert logs["weight_mean_absolute_error"] == pytest.approx(off.mean(), rel=1e-4)
    for task in TASKS:
        if task.kind != "embedding":
            alone = task.make_loss()(labels[task.name][masks], outputs[task.name][masks])
            assert logs[f"{task.name}_mean_loss"] == pytest.approx(float(alone), rel=1e-3)


def test_a_batchs_loss_is_the_sum_of_alpha_times_masked_means(model):
    images, labels, weights, masks = partly_labelled(TASKS, counts=(10,))
    outputs = model(images)
    expected = sum(
        task.alpha * float(task.make_loss()(labels[task.name][masks], outputs[task.name][masks]))
        for task in TASKS
    )
    logs = model.evaluate(images, labels, sample_weight=weights, batch_size=BATCH, verbose=0)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_what_was_not_measured_is_absent(model):
    images, labels, weights, _ = partly_labelled(TASKS, counts=(10,))
    labels["gender"], weights["gender"] = labels["gender"] * 0, weights["gender"] * 0
    logs = model.evaluate(images, labels, sample_weight=weights, batch_size=BATCH, verbose=0)
    assert [name for name in logs if name.startswith("gender")] == ["gender_labelled"]
    assert logs["gender_labelled"] == 0 and logs["age_labelled"] == 10
    assert "age_loss" in logs and "loss" in logs
    assert all(np.isfinite(value) for value in logs.values())


@pytest.mark.slow
def test_fits_logs_have_no_nan_either(model):
    images, labels, weights, _ = partly_labelled(TASKS, counts=(10,))
    without = {**weights, "age": weights["age"] * 0}
    logs_of_callback = []
    see = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: logs_of_callback.append(logs))
    history = model.fit(
        images,
        labels,
        sample_weight=without,
        batch_size=BATCH,
        validation_data=(images, labels, {**weights, "gender": weights["gender"] * 0}),
        callbacks=see,
        verbose=0,
    ).history
    assert "age_loss" not in history and "age_mean_loss" not in history
    assert "val_age_loss" in history and "gender_loss" in history
    assert "val_gender_loss" not in history and "val_gender_accuracy" not in history
    assert all(np.isfinite(values).all() for values in history.values())
    assert set(logs_of_callback[0]) == set(history)


@pytest.mark.parametrize("callbacks", [None, [], (), keras.callbacks.CallbackList()])
def test_callbacks_in_any_form(model, callbacks):
    images, labels, weights, _ = partly_labelled(TASKS, counts=(10,))
    history = model.fit(
        images, labels, sample_weight=weights, batch_size=BATCH, callbacks=callbacks, verbose=0
    )
    assert "loss" in history.history


def test_evaluate_as_a_list_is_keras_own(model):
    images, labels, weights, _ = partly_labelled(TASKS, counts=(10,))
    given = {"sample_weight": weights, "batch_size": BATCH, "verbose": 0}
    values = model.evaluate(images, labels, return_dict=False, **given)
    logs = model.evaluate(images, labels, **given)
    assert isinstance(values, list) and len(values) == len(logs)
    assert values[0] == pytest.approx(logs["loss"], rel=1e-5)


@pytest.mark.slow
def test_training_moves_every_weight_and_the_loss_falls():
    model = tiny_model()
    model.compile(keras.optimizers.Adam(0.01))
    images, labels, weights, _ = partly_labelled(TASKS, counts=(20, 20))
    before = model.get_weights()
    losses = model.fit(
        images, labels, sample_weight=weights, batch_size=BATCH, epochs=8, verbose=0
    ).history["loss"]
    assert losses[-1] < losses[0]
    names = [weight.path for weight in model.weights]
    still = {
        name
        for name, old, new in zip(names, before, model.get_weights(), strict=True)
        if np.array_equal(old, new)
    }
    assert still == {name for name in names if name.endswith("strength")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("alone", [GENDER, AGE])
def test_an_unlabelled_task_learns_nothing(alone):
    """Its head and, through it, the trunk get a gradient of exactly 0."""
    images, labels, weights, _ = partly_labelled((GENDER, AGE), counts=(10,))
    other = AGE if alone is GENDER else GENDER
    weights[other.name] = weights[other.name] * 0
    both, one = tiny_model((GENDER, AGE)), tiny_model((GENDER, AGE))
    one.set_weights(both.get_weights())
    both.compile(keras.optimizers.SGD(0.1))
    one.compile(keras.optimizers.SGD(0.1), loss={alone.name: alone.make_loss()})
    before = both.heads.head(other.name).get_weights()
    for model in (both, one):
        model.fit(images, labels, sample_weight=weights, batch_size=BATCH, verbose=0)
    for old, new in zip(before, both.heads.head(other.name).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for ours, reference in zip(both.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-6)


def prepared(fill):
    """A set whose hidden labels are all `fill`, and a model trained on it for two epochs."""
    tasks = (GENDER, AGE)
    mask = np.arange(12) % 3 == 0
    labels = some_labels(tasks, 12)
    labels["gender"] = labels["gender"].astype("float32")
    for column in labels.values():
        column[~mask] = fill
    none = np.full(12, "")
    faces = PreparedSet(pictures(12), labels, dict.fromkeys(labels, mask), none, "a", none)
    images, known, weights = arrays({"a": faces}, tasks)
    model = tiny_model(tasks)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(images, known, sample_weight=weights, batch_size=12, epochs=2, verbose=0)
    return model.get_weights()


@pytest.mark.slow
def test_a_nan_label_under_the_mask_changes_nothing():
    for with_nan, with_zero in zip(prepared(np.nan), prepared(0.0), strict=True):
        assert np.isfinite(with_nan).all()
        np.testing.assert_array_equal(with_nan, with_zero)


def test_own_losses_and_metrics_can_be_given():
    model = tiny_model((GENDER, AGE))
    model.compile(
        "sgd",
        loss={"gender": "sparse_categorical_crossentropy"},
        weighted_metrics={"gender": [keras.metrics.SparseCategoricalAccuracy(name="right")]},
    )
    logs = model.evaluate(pictures(4), some_labels((GENDER, AGE), 4), verbose=0)
    assert set(logs) == {"loss", "gender_right"}


class CountedLoss(keras.losses.Loss):
    """Cross-entropy that counts how often it is traced."""

    traces = 0

    def call(self, labels, outputs):
        CountedLoss.traces += 1
        return keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=True)


@pytest.mark.parametrize(
    "around",
    [lambda model: model, BalancedModel, lambda model: Distiller(model, tiny_model((GENDER,)))],
    ids=["itself", "balanced", "distilled"],
)
def test_a_step_is_traced_once(around, monkeypatch):
    """The optimiser's variables, made in a trace, would have TensorFlow trace it again."""
    monkeypatch.setattr(CountedLoss, "traces", 0)
    model = around(tiny_model((GENDER,)))
    model.compile("adam", loss={GENDER.name: CountedLoss()})
    images, labels, weights, _ = partly_labelled((GENDER,))
    model.fit(images, labels, sample_weight=weights, batch_size=BATCH, verbose=0, epochs=2)
    assert CountedLoss.traces == 1
