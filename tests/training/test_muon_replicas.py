"""`Muon` on two replicas of `MirroredStrategy` steps as on one device.

The test runs this file as a program too.
"""

import numpy as np
import pytest

from tests.processes import on_tensorflow
from tests.training.compared_replicas import compare


@pytest.mark.slow
def test_two_replicas_equal_one_device():
    assert on_tensorflow("tests.training.test_muon_replicas") == {"replicas": 2}


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


if __name__ == "__main__":
    compare(trained)
