"""Two replicas of `MirroredStrategy` equal one device: losses, metrics and identity losses.

Logical CPUs must be made before TensorFlow starts, so the test runs this file as a program too.
"""

import json

import numpy as np
import pytest

from tests.processes import on_tensorflow

ROWS = 16


@pytest.mark.slow
def test_two_replicas_equal_one_device():
    assert on_tensorflow("tests.losses.test_replicas") == {"replicas": 2}


def data():
    """Two global batches with 3 and 13 labels, all 3 in one half, and NaN where there is none."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2 * ROWS, 6)).astype("float32")
    mask = np.arange(2 * ROWS) % ROWS < np.repeat([3, 13], ROWS)
    classes = np.where(mask, rng.integers(0, 3, 2 * ROWS), 0)
    ages = np.where(mask, rng.uniform(0, 90, 2 * ROWS), 0.0).astype("float32")
    people = np.where(mask, rng.integers(0, 3, 2 * ROWS) + 2**24, -1)
    return inputs, {"expression": classes, "age": ages, "person": people}, mask


def make(keras):
    from kerasface.layers import MultiTaskHeads, UnitLength
    from kerasface.losses import TripletSemiHardLoss
    from kerasface.metrics import LabelledCount, MaskedAccuracy, MaskedMeanAbsoluteError

    keras.utils.set_random_seed(0)
    entry = keras.Input((6,))
    person = keras.Sequential([keras.layers.Dense(4), UnitLength()])
    heads = {"expression": keras.layers.Dense(3), "age": keras.layers.Dense(1), "person": person}
    model = keras.Model(entry, MultiTaskHeads(heads, name="heads")(entry))
    model.compile(
        keras.optimizers.SGD(0.01),
        loss={
            "expression": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "age": keras.losses.MeanAbsoluteError(),
            "person": TripletSemiHardLoss(),
        },
        weighted_metrics={
            "expression": [MaskedAccuracy(), LabelledCount()],
            "age": [MaskedMeanAbsoluteError()],
            "person": [LabelledCount()],
        },
    )
    return model


def fit(model, tasks):
    from kerasface.ops import labelled_weights

    inputs, labels, mask = data()
    weight = np.concatenate([labelled_weights(part) for part in np.split(mask, 2)])
    nothing = np.zeros_like(weight)
    weights = {task: weight if task in tasks else nothing for task in labels}
    history = model.fit(
        inputs, labels, sample_weight=weights, batch_size=ROWS, shuffle=False, verbose=0
    )
    return {name: values[0] for name, values in history.history.items()}


def check_tasks(keras, strategy):
    """Weights after two steps, and every metric of the epoch, are those of one device."""
    one = make(keras)
    with strategy.scope():
        two = make(keras)
    # Triplets form inside a replica, so identities are checked apart.
    expected, logs = fit(one, ("expression", "age")), fit(two, ("expression", "age"))
    for value, other in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(other, value, atol=1e-6)
    assert expected["expression_labelled"] == 16 and expected["person_labelled"] == 0
    for name in ("expression_accuracy", "expression_labelled", "age_mae", "person_labelled"):
        np.testing.assert_allclose(logs[name], expected[name], rtol=1e-5, err_msg=name)


def check_identities(keras, strategy, tf):
    """One step moves the weights by the mean of the halves' losses, by labelled rows."""
    from kerasface.losses import TripletSemiHardLoss
    from kerasface.ops import labelled_weights, semi_hard_triplet_loss

    inputs, labels, _ = data()
    inputs, people = inputs[:ROWS], np.arange(ROWS) % 3 + 2**24
    mask = np.arange(ROWS) < 13  # 8 in the first half, 5 in the second
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
        model.compile(keras.optimizers.SGD(1.0), loss=TripletSemiHardLoss())
    kernel = tf.Variable(model.get_weights()[0])
    with tf.GradientTape() as tape:
        halves = [
            semi_hard_triplet_loss(people[half], inputs[half] @ kernel, mask=mask[half])
            for half in (slice(0, 8), slice(8, 16))
        ]
        value = (8 * halves[0] + 5 * halves[1]) / 13
    model.fit(
        inputs,
        people,
        sample_weight=np.asarray(labelled_weights(mask)),
        batch_size=ROWS,
        shuffle=False,
        verbose=0,
    )
    moved = kernel.numpy() - model.get_weights()[0]
    np.testing.assert_allclose(moved, tape.gradient(value, kernel), atol=1e-6)
    assert np.abs(moved).max() > 0.01


def main():
    import tensorflow as tf

    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    import keras

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    check_identities(keras, strategy, tf)
    check_tasks(keras, strategy)
    print(json.dumps({"replicas": strategy.num_replicas_in_sync}))


if __name__ == "__main__":
    main()
