"""Run by test_two_replicas.py in a process of its own: logical devices are set at the start."""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from kerasface.tasks import Domain
from tests.models.tiny import TASKS, hide, pictures, some_labels, tiny_model

ROWS, STEPS = 16, 3
# Whose loss compares rows with each other.
BY_PAIRS = (
    next(task for task in TASKS if task.kind == "embedding"),
    Domain("style", ("a", "b", "c"), adversary="triplet", size=8, mining="all", margin=2.0),
)


def batches():
    """Batches of 16 in which each half knows other labels; the last knows no gender at all."""
    images, weights, labels = [], [], []
    for step in range(STEPS):
        chance = np.random.default_rng(step)
        masks = {task.name: chance.random(ROWS) < 0.5 for task in TASKS}
        masks["weight"][:8] = False  # all on one replica
        masks["gender"] &= step < STEPS - 1
        known, weight = hide(some_labels(TASKS, ROWS, seed=step), masks, TASKS)
        images.append(pictures(ROWS, seed=step))
        labels.append(known)
        weights.append(weight)
    stacked = [
        tf.nest.map_structure(lambda *each: np.stack(each), *part) for part in (labels, weights)
    ]
    return tf.data.Dataset.from_tensor_slices((np.stack(images), *stacked))


def trained(tasks, strategy=None):
    """Weights and the last epoch's logs after two passes over the batches."""
    scope = strategy.scope() if strategy else tf.distribute.get_strategy().scope()
    names = [task.name for task in tasks]
    data = batches().map(
        lambda image, label, weight: (
            image,
            {name: label[name] for name in names},
            {name: weight[name] for name in names},
        )
    )
    with scope:
        # Without batch normalisation, whose statistics Keras takes on each replica alone.
        model = tiny_model(tasks, normalization=keras.layers.LayerNormalization)
        model.compile(keras.optimizers.SGD(0.01))
    history = model.fit(data, epochs=2, verbose=0)
    return model.get_weights(), {name: values[-1] for name, values in history.history.items()}


def batch_losses(strategy, task):
    """Value of a loss over pairs: one device, two replicas, and the mean by known rows."""
    chance = np.random.default_rng(9)
    mask = np.arange(ROWS) % 8 < np.repeat([6, 3], 8)
    labels, weights = hide(
        {task.name: chance.integers(0, 2, ROWS).astype("int32")}, {task.name: mask}, [task]
    )
    labels, weights = labels[task.name], weights[task.name]
    outputs = chance.normal(size=(ROWS, 8)).astype("float32")
    outputs /= np.linalg.norm(outputs, axis=1, keepdims=True)
    loss = task.make_loss()
    halves = [slice(0, 8), slice(8, 16)]
    parts = [float(loss(labels[half], outputs[half])) for half in halves]

    def here(context):
        half = halves[context.replica_id_in_sync_group]
        return labels[half], outputs[half], weights[half]

    rows = [
        strategy.experimental_distribute_values_from_function(lambda c, i=i: here(c)[i])
        for i in range(3)
    ]
    values = strategy.run(lambda y, x, w: loss(y, x, sample_weight=w), args=rows)
    return {
        "one_device": float(loss(labels, outputs, sample_weight=weights)),
        "two_replicas": float(strategy.reduce("SUM", values, axis=None)),
        "by_known_rows": (6 * parts[0] + 3 * parts[1]) / 9,
    }


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    by_row = tuple(task for task in TASKS if task.kind != "embedding")
    one, one_logs = trained(by_row)
    two, two_logs = trained(by_row, strategy)
    start = tiny_model(by_row, normalization=keras.layers.LayerNormalization).get_weights()
    answer = {
        "replicas": strategy.num_replicas_in_sync,
        "apart": max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True)),
        "moved": max(float(np.abs(a - b).max()) for a, b in zip(one, start, strict=True)),
        "logs": {name: [value, two_logs.get(name)] for name, value in one_logs.items()},
        "pairs": {task.kind: batch_losses(strategy, task) for task in BY_PAIRS},
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
