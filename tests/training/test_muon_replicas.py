"""`Muon` on two replicas of `MirroredStrategy` steps as on one device.

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
    """A convolution and a hidden layer by orthogonal steps, the head by Adam; four steps.

    In float32, as bfloat16 would make a rounding error of the sum over replicas a large one.
    """
    from kerasface.training.muon import Muon

    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((6, 6, 8)),
        keras.layers.Conv2D(9, 3, activation="tanh", name="conv"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="tanh", name="hidden"),
        keras.layers.Dense(2, name="heads"),
    ]
    model = keras.Sequential(layers)
    muon = Muon(0.05, weight_decay=0.1, iteration_dtype="float32")
    muon.exclude_from_weight_decay(var_names=["bias"])
    model.compile(muon, "mse")
    by_muon = [v.path.split("/")[-2] for v in model.trainable_variables if muon.is_orthogonal(v)]
    assert by_muon == ["conv", "hidden"]
    random = np.random.default_rng(1)
    images, wanted = random.normal(size=(64, 6, 6, 8)), random.normal(size=(64, 2))
    before = model.get_weights()
    model.fit(images, wanted, batch_size=16, shuffle=False, verbose=0)
    assert int(keras.ops.convert_to_numpy(muon.iterations)) == 4
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.abs(new - old).max() > 1e-2
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
