"""One training on one device and on two replicas of `MirroredStrategy`, number by number.

Logical CPUs must be made before TensorFlow starts, so this is called in a process of its own.
"""

import json
from collections.abc import Callable

import numpy as np


def compare(trained: Callable) -> None:
    """Prints how many replicas trained, after weights and the optimiser's variables were equal.

    Args:
        trained: of the module `keras`, a model after some steps; called in the strategy's scope.
    """
    import tensorflow as tf

    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    import keras

    one = trained(keras)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        two = trained(keras)
    for value, other in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(other, value, atol=1e-5)
    number = keras.ops.convert_to_numpy
    for value, other in zip(one.optimizer.variables, two.optimizer.variables, strict=True):
        np.testing.assert_allclose(number(other), number(value), atol=1e-5)
    print(json.dumps({"replicas": strategy.num_replicas_in_sync}))
