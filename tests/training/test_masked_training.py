"""Training on partial labels by stock `fit`: exact means, no leaks from under a mask."""

import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.batches import labelled_weights
from kerasface.data.mixing import mix
from kerasface.models import FaceModel
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set

TASKS = (EXPRESSION, AGE)


def pixel_model(tasks=TASKS, rate=0.0):
    """Reads one pixel; its expression is the brightest channel."""
    image = keras.Input((1, 1, 3))
    trunk = keras.Model(image, keras.layers.Flatten()(image))
    model = FaceModel(trunk, tasks)
    head = model.heads.head("expression")
    head.set_weights([np.eye(3, dtype="float32"), np.zeros(3, "float32")])
    model.compile(keras.optimizers.SGD(rate))
    return model


def pixels_of(classes):
    """Images of one pixel whose brightest channel is the given class."""
    images = np.full((len(classes), 1, 1, 3), 60, np.uint8)
    images[np.arange(len(classes)), 0, 0, classes] = 200
    return images


def crossentropy(images, labels):
    """Of `pixel_model`, row by row in float64."""
    losses = []
    for image, label in zip(images, labels, strict=True):
        logits = [float(value) / 127.5 - 1.0 for value in image[0, 0]]
        losses.append(np.log(sum(np.exp(logit) for logit in logits)) - logits[label])
    return losses


def uneven_batches():
    """The design's example: 2, 30 and 10 of 32 labelled, with 0, 14 and 2 of these right."""
    batches, labelled = [], []
    for known, right in ((2, 0), (30, 14), (10, 2)):
        truth = np.arange(32) % 3
        guess = truth.copy()
        guess[right:known] = (truth[right:known] + 1) % 3
        mask = np.arange(32) < known
        labels = {"expression": truth.astype("int32"), "age": np.full(32, 58, "float32")}
        weights = labelled_weights({"expression": mask, "age": np.zeros(32)}, TASKS)
        batches.append((pixels_of(guess), labels, weights))
        labelled += list(zip(pixels_of(guess)[:known], truth[:known], guess[:known], strict=True))
    return batches, labelled


@pytest.mark.parametrize("call", ["fit", "evaluate"])
def test_epoch_values_are_means_over_all_labelled_rows(call):
    """(0 + 14 + 2) / 42 = 0.381; the mean of the batches' means is (0/2 + 14/30 + 2/10) / 3."""
    batches, labelled = uneven_batches()
    stacked = tf.nest.map_structure(lambda *columns: np.stack(columns), *batches)
    stream = tf.data.Dataset.from_tensor_slices(stacked)
    model = pixel_model()
    if call == "fit":
        logs = {name: row[0] for name, row in model.fit(stream, verbose=0).history.items()}
    else:
        logs = model.evaluate(stream, verbose=0)
    assert logs["expression_labelled"] == len(labelled) == 42
    assert logs["expression_accuracy"] == pytest.approx(16 / 42)
    images, truth, _ = zip(*labelled, strict=True)
    assert logs["expression_mean_loss"] == pytest.approx(np.mean(crossentropy(images, truth)))
    assert logs["age_labelled"] == 0 and "age_mean_absolute_error" not in logs

    # What stock weighted metrics make of the same weights, and why they are not used.
    naive = keras.metrics.SparseCategoricalAccuracy()
    means = []
    for images, labels, weights in batches:
        outputs = model(images)["expression"]
        naive.update_state(labels["expression"], outputs, weights["expression"])
        means.append(np.mean([g == t for _, t, g in labelled[: sum(weights["expression"] > 0)]]))
        labelled = labelled[sum(weights["expression"] > 0) :]
    assert float(naive.result()) == pytest.approx(np.mean(means)) == pytest.approx(0.2222, abs=1e-4)


def small_sets(side=8, spoil=False):
    """Two sets of one task each, partly labelled; `spoil` puts nonsense under the masks."""
    rng = np.random.default_rng(0)
    sets = {}
    for seed, task in enumerate((EXPRESSION, AGE)):
        faces = numbered_set(40, task, rng.random(40) < 0.5, side=side, seed=seed)
        faces = replace(faces, images=rng.integers(0, 256, faces.images.shape, np.uint8))
        if spoil:
            column = faces.labels[task.name].astype("float64")
            column[~faces.masks[task.name]] = [np.nan, -1, 1e9, np.inf][seed::2][0]
            faces = replace(faces, labels={task.name: column})
        sets[task.name] = faces
    return sets


def small_model(seed=0, rate=0.05):
    """No batch normalisation and no dropout: its step is a function of weights and batch."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, 2, activation="relu")(image)
    model = FaceModel(keras.Model(image, keras.layers.Flatten()(x)), TASKS)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    return model


def trained(sets, steps=6, **options):
    model = small_model()
    batches = mix(sets, {"expression": 6, "age": 10}, TASKS, **options)
    history = model.fit(batches, steps_per_epoch=steps, verbose=0).history
    return model.get_weights(), history


def test_what_stands_under_a_mask_changes_nothing():
    weights, history = trained(small_sets())
    spoilt, spoilt_history = trained(small_sets(spoil=True))
    for one, other in zip(weights, spoilt, strict=True):
        np.testing.assert_array_equal(one, other)
    assert history == spoilt_history and np.isfinite(history["loss"]).all()


def test_the_loss_is_the_sum_of_alpha_times_the_masked_means():
    model = small_model()
    for images, labels, weights in mix(small_sets(), {"expression": 6, "age": 10}, TASKS).take(4):
        outputs = model(images)
        loss = model.compute_loss(images, labels, outputs, weights)
        expected = 0.0
        for task in TASKS:
            values = task.make_loss().call(labels[task.name], outputs[task.name]).numpy()
            known = [float(v) for v, w in zip(values, weights[task.name], strict=True) if w > 0]
            expected += task.alpha * sum(known) / len(known) if known else 0.0
        assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_a_task_without_a_labelled_row_gives_exactly_nothing():
    sets = {"expression": numbered_set(20, EXPRESSION, np.zeros(20), side=8)}
    model = small_model()
    ((images, labels, weights),) = mix(sets, {"expression": 16}, TASKS).take(1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(images, labels, model(images, training=True), weights)
    assert float(loss) == 0.0
    for gradient in tape.gradient(loss, [v.value for v in model.trainable_variables]):
        assert gradient is None or not np.asarray(tf.convert_to_tensor(gradient)).any()
    before = model.get_weights()
    batches = mix(sets, {"expression": 16}, TASKS)
    logs = model.fit(batches, steps_per_epoch=3, verbose=0).history
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert logs == {"expression_labelled": [0.0], "age_labelled": [0.0]}


REPLICAS = """
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.training.test_masked_training import TASKS, small_model, small_sets
from kerasface.data.mixing import mix

def run(strategy):
    with strategy.scope():
        model = small_model()
    # 3 rows in 4 are of the second set, so the replicas' halves hold labels of different tasks.
    batches = mix(small_sets(), {"expression": 4, "age": 12}, TASKS, seed=1)
    model.fit(batches, steps_per_epoch=8, verbose=0)
    return model.get_weights()

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
one, two, start = run(tf.distribute.get_strategy()), run(strategy), small_model().get_weights()
print("moved", max(np.abs(a - b).max() for a, b in zip(one, start)))
print("apart", max(np.abs(a - b).max() for a, b in zip(one, two)))
"""


@pytest.mark.slow
def test_two_replicas_equal_one_device():
    """Weights are made on the global batch, so halves with 1 and 7 labelled rows add up right.

    Without batch normalisation, whose statistics are each replica's own.
    """
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = dict(
        line.split() for line in done.stdout.splitlines() if line[:5] in ("moved", "apart")
    )
    assert float(figures["moved"]) > 0.01 and float(figures["apart"]) < 1e-6
