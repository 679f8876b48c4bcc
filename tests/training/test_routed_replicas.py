"""A `RoutedOptimizer` on two replicas of `MirroredStrategy` steps as on one device.

Logical CPUs must be made before TensorFlow starts, so the test runs this file as a program.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_replicas_equal_one_device():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow"}
    run = subprocess.run(
        [sys.executable, __file__], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == "replicas equal"


def trained(keras):
    """A trunk and two heads after four steps, the second head with its own Adam.

    Without clipping: Keras clips what each replica has before it adds that up.
    """
    from kerasface.layers import DomainDiscriminator
    from kerasface.training import RoutedOptimizer, StrengthSchedule

    keras.utils.set_random_seed(0)
    entry = keras.Input((6,))
    features = keras.layers.Dense(5, activation="tanh", name="trunk")(entry)
    head = DomainDiscriminator(2, hidden=(4,), strength=0.5, name="domain_head")
    model = keras.Model(
        entry, {"age": keras.layers.Dense(1, name="age")(features), "domain": head(features)}
    )
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        RoutedOptimizer(
            keras.optimizers.SGD(0.1, momentum=0.9),
            {"domain_head": keras.optimizers.Adam(0.01)},
        ),
        loss={"age": "mse", "domain": crossentropy},
    )
    random = np.random.default_rng(1)
    labels = {"age": random.normal(size=(64, 1)), "domain": np.arange(64) % 2}
    ramp = StrengthSchedule(head, 4, "linear")
    model.fit(
        random.normal(size=(64, 6)),
        labels,
        batch_size=16,
        shuffle=False,
        callbacks=[ramp],
        verbose=0,
    )
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 4
    assert float(keras.ops.convert_to_numpy(head.reversal.strength)) == 0.375
    return model


def main():
    import tensorflow as tf

    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    import keras

    one = trained(keras)
    number = keras.ops.convert_to_numpy
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        two = trained(keras)
    for value, other in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(other, value, atol=1e-5)
    pairs = zip(one.optimizer.variables, two.optimizer.variables, strict=True)
    for value, other in pairs:
        np.testing.assert_allclose(number(other), number(value), atol=1e-5)
    print("replicas equal")


if __name__ == "__main__":
    main()
