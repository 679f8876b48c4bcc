"""A `RoutedOptimizer` on two replicas of `MirroredStrategy` steps as on one device.

The test runs this file as a program too.
"""

import numpy as np
import pytest

from tests.processes import on_tensorflow
from tests.training.compared_replicas import compare


@pytest.mark.slow
def test_two_replicas_equal_one_device():
    assert on_tensorflow("tests.training.test_routed_replicas") == {"replicas": 2}


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


if __name__ == "__main__":
    compare(trained)
