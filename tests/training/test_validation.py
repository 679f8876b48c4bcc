"""Validation sets apart: right figures under right names, one trace, any precision."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasface.data import synthetic_set
from kerasface.data.batches import arrays
from kerasface.evaluation.measures import measure
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification, Embedding, Regression
from kerasface.training.progress import Progress, duration
from kerasface.training.validation import ValidationRound, has_colour, predict, without_colour

GENDER = Classification("gender", ("male", "female"))
AGE = Regression("age", "years", (0, 116), bins=8)
TASKS = (GENDER, AGE)


@pytest.fixture(scope="module")
def sets():
    """Two sets: one of 11 faces knows ages, one of 5 knows both and is grey."""
    both = synthetic_set(5, style="sketch", tasks=("gender", "age"))
    return {"ages": synthetic_set(11, tasks=("age",)), "both": grey_copy(both)}


def grey_copy(prepared):
    from dataclasses import replace

    return replace(prepared, images=without_colour(prepared.images))


def make_model(*tasks):
    trunk = build_trunk("small_resnet", widths=(4,), blocks=(1,), stem=4)
    return FaceModel(trunk, tasks or TASKS)


@pytest.fixture(scope="module")
def model():
    model = make_model()
    model.compile(keras.optimizers.SGD(1e-3))
    return model


def train(model, sets, callbacks, epochs=1, **more):
    images, labels, weights = arrays(sets, model.tasks)
    return model.fit(
        images,
        labels,
        sample_weight=weights,
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks,
        **more,
    )


def test_entries_are_the_figures_of_each_set_apart(model, sets):
    checks = ValidationRound(sets, TASKS, grey=True, batch_size=4)
    history = train(model, sets, [checks]).history
    for name, prepared in sets.items():
        outputs = model(prepared.images.astype("float32"), training=False)
        figures = measure(AGE, np.asarray(outputs["age"]), prepared.labels["age"])
        logged = history[f"val_{name}_age_mean_absolute_error"][0]
        assert logged == pytest.approx(figures["mean_absolute_error"], rel=1e-5)
        assert checks.results[name]["age"]["within_5"] == pytest.approx(figures["within_5"])
        assert checks.results[name]["age"]["labelled"] == len(prepared)
    assert {key for key in history if key.startswith("val_")} == {
        "val_ages_age_mean_absolute_error",
        "val_ages_age_mean_loss",
        "val_ages_grey_age_mean_absolute_error",
        "val_ages_grey_age_mean_loss",
        "val_both_age_mean_absolute_error",
        "val_both_age_mean_loss",
        "val_both_gender_accuracy",
        "val_both_gender_balanced_accuracy",
        "val_both_gender_mean_loss",
    }


def test_mean_loss_is_the_loss_of_a_labelled_row(model, sets):
    results = ValidationRound(sets, batch_size=4).measure(model)
    logits = np.asarray(model(sets["both"].images.astype("float32"))["gender"], "float64")
    picked = logits[np.arange(5), sets["both"].labels["gender"]]
    expected = np.mean(np.log(np.exp(logits).sum(-1)) - picked)
    assert results["both"]["gender"]["mean_loss"] == pytest.approx(expected, rel=1e-5)


def test_unlabelled_rows_change_nothing(model, sets):
    from dataclasses import replace

    whole = sets["both"]
    mask = np.array([True, True, False, True, False])
    spoilt = np.where(mask, whole.labels["age"], np.nan).astype("float32")
    partly = replace(
        whole,
        labels={**whole.labels, "age": spoilt},
        masks={**whole.masks, "age": mask, "gender": np.zeros(5, bool)},
    )
    found = ValidationRound({"a": partly}, batch_size=4).measure(model)["a"]
    kept = ValidationRound({"a": whole.take(mask)}, batch_size=4).measure(model)["a"]
    assert set(found) == {"age"} and found["age"] == pytest.approx(kept["age"], rel=1e-5)


def test_grey_is_measured_on_pictures_without_colour(model, sets):
    checks = ValidationRound(sets, grey=True, batch_size=4)
    checks.measure(model)
    assert checks.names == ("ages", "both", "ages_grey")
    grey = predict(model, without_colour(sets["ages"].images), batch_size=4)
    np.testing.assert_allclose(checks.outputs["ages_grey"]["age"], grey["age"], atol=1e-6)
    assert not np.allclose(checks.outputs["ages"]["age"], grey["age"], atol=1e-4)


def test_grey_by_hand():
    """Pure red is 0.299 * 255 = 76.2, pure green 149.7, pure blue 29.1; uint8 rounds."""
    pure = np.eye(3, dtype="uint8")[None] * 255
    assert without_colour(pure)[0, :, 0].tolist() == [76, 150, 29]
    assert without_colour(pure.astype("float32"))[0, 0] == pytest.approx([76.245] * 3)
    assert has_colour(pure) and not has_colour(without_colour(pure))


@pytest.mark.parametrize("rows", [1, 4, 5, 70])
def test_predictions_keep_the_order_of_rows(rows):
    """Batches of 4, at most 16 batches a call of `predict`: 70 rows take two calls."""
    image = keras.Input((2, 2, 3))
    mean = keras.Model(image, {"mean": keras.layers.GlobalAveragePooling2D()(image)})
    images = np.arange(rows * 12, dtype="float32").reshape(rows, 2, 2, 3)
    found = predict(mean, images, batch_size=4)["mean"]
    np.testing.assert_allclose(found, images.mean(axis=(1, 2)))


def test_the_model_is_traced_once_for_all_sets_and_rounds(sets):
    traces = []

    class Watched(FaceModel):
        def call(self, images, training=False):
            traces.append(images.shape)
            return super().call(images, training=training)

    trunk_input = keras.Input((48, 48, 3))
    trunk = keras.Model(trunk_input, keras.layers.AveragePooling2D(16)(trunk_input))
    checks = ValidationRound(sets, batch_size=4, grey=True)
    watched = Watched(trunk, TASKS)
    checks.measure(watched)
    first = len(traces)
    checks.measure(watched)
    assert first == 1 and len(traces) == first


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(sets, policy):
    before = keras.mixed_precision.dtype_policy()
    try:
        keras.mixed_precision.set_dtype_policy(policy)
        model = make_model()
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    checks = ValidationRound(sets, batch_size=4)
    results = checks.measure(model)
    assert checks.outputs["both"]["gender"].dtype == "float32"
    assert np.isfinite(results["both"]["age"]["mean_loss"])


def test_rounds_come_every_so_many_epochs_and_at_the_end(model, sets):
    rounds = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rounds.append((epoch + 1, checks.measured, "val_both_gender_accuracy" in logs))

    checks = ValidationRound(sets, every=2, batch_size=4, first=False)
    train(model, sets, [checks, Watch()], epochs=3, steps_per_epoch=1)
    assert rounds == [(1, 0, False), (2, 2, True), (3, 3, True)]
    rounds.clear()
    checks = ValidationRound(sets, every=3, batch_size=4)
    train(model, sets, [checks, Watch()], epochs=4, steps_per_epoch=1)
    assert [measured for _, measured, _ in rounds] == [1, 1, 3, 4]


def test_kinds_without_a_measure_by_row_are_absent():
    faces = synthetic_set(5, tasks=("identity", "gender"))
    model = make_model(GENDER, Embedding("identity", 4))
    assert set(ValidationRound({"a": faces}, batch_size=8).measure(model)["a"]) == {"gender"}


@pytest.mark.parametrize("wrong", [{"every": 0}, {"batch_size": 0}, {"sets": {}}])
def test_senseless_arguments_are_refused(sets, wrong):
    with pytest.raises(ValueError, match="Received: sets="):
        ValidationRound(**{"sets": sets, **wrong})


def test_names_that_cannot_be_told_apart_are_refused(sets):
    one, other = sets.values()
    tasks = (Classification("b_age", ("x", "y")), AGE)
    with pytest.raises(ValueError, match="Received: sets="):
        ValidationRound({"a_b": one, "a": other}, tasks)
    with pytest.raises(ValueError, match="Received: sets="):
        ValidationRound({"ages": one, "ages_grey": other}, TASKS, grey=True)
    # As in the paper's batches, a set may have the name of its task.
    assert ValidationRound({"age": one, "gender": other}, TASKS).names == ("age", "gender")


def test_progress_is_one_line_an_epoch(model, sets):
    lines = []
    checks = ValidationRound(sets, every=2, batch_size=4, first=False)
    progress = Progress(validation=checks, write=lines.append)
    train(model, sets, [checks, progress], epochs=2, steps_per_epoch=1)
    assert lines[0].startswith("epoch 1/2, ") and " left, loss " in lines[0]
    assert "|" not in lines[0]
    error = checks.results["both"]["age"]["mean_absolute_error"]
    assert f" | both: gender {100 * checks.results['both']['gender']['accuracy']:.1f} %" in lines[1]
    assert f"age {error:.2f} years" in lines[1]


def test_progress_shows_a_teachers_loss_where_no_row_has_a_label():
    lines = []
    progress = Progress(epochs=1, write=lines.append)
    progress.on_epoch_begin(0)
    progress.on_epoch_end(0, {"labelled": 0.0, "age_soft_loss": 0.25})
    assert lines[0].endswith("s, age soft loss 0.250")


def test_durations():
    assert [duration(each) for each in (40, 720, 12600)] == ["40 s", "12 min", "3.5 h"]


REPLICAS = """
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from kerasface.data import synthetic_set
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Regression
from kerasface.training.validation import predict
faces = synthetic_set(7, tasks=("age",))
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    trunk = build_trunk("small_resnet", widths=(4,), blocks=(1,), stem=4)
    model = FaceModel(trunk, [Regression("age", "years", (0, 9))])
found = predict(model, faces.images, batch_size=4)["age"]
np.testing.assert_allclose(found, model(faces.images.astype("float32"))["age"], atol=1e-4)
print("same")
"""


@pytest.mark.slow
def test_two_replicas_predict_each_row_once_and_in_order():
    done = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True)
    assert done.stdout.strip().endswith("same"), done.stderr[-2000:]
