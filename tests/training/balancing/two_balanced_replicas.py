"""Run by test_balancing_replicas.py in a process of its own: logical devices are set first."""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from kerasface.training import BalancedModel, GradNorm, UncertaintyWeighting
from tests.training.balancing.small import SOURCE, TASKS, WeightsPath, batch, joined, small_model

ROWS, STEPS = 16, 5
MEASURED = (*TASKS, SOURCE)
WAYS = {
    "exact": lambda: GradNorm(),
    "reference": lambda: GradNorm(norms="reference"),
    "features": lambda: GradNorm(norms="features"),
    "uncertainty": lambda: UncertaintyWeighting(learning_rate=0.05),
}


def some_batches():
    """In which the halves know other labels; all of the gender's are on one replica."""
    made = [batch(MEASURED, ROWS, seed=step) for step in range(STEPS)]
    for _, _, weights in made:
        known = weights["gender"] > 0
        known[ROWS // 2 :] = False
        weights["gender"] = (known * 0.5 * ROWS / max(known.sum(), 1)).astype("float32")
    images, labels, weights = joined(made)
    return tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(ROWS)


def run(way, strategy=None):
    with (strategy or tf.distribute.get_strategy()).scope():
        model = BalancedModel(small_model(MEASURED), WAYS[way]())
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    path = WeightsPath()
    logs = model.fit(some_batches(), callbacks=[path], verbose=0).history
    return model, path.weights, logs


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    answer = {"replicas": strategy.num_replicas_in_sync}
    for way in WAYS:
        one, one_path, one_logs = run(way)
        two, two_path, two_logs = run(way, strategy)
        answer[way] = {
            "paths": [one_path, two_path],
            "apart": max(
                float(np.abs(a - b).max())
                for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True)
            ),
            "logs": {name: [values, two_logs.get(name)] for name, values in one_logs.items()},
        }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
