"""A model whose loss and gradient are known: loss = weight + c of the step, gradient 1.

Run with KERAS_BACKEND=jax by test_dynamic_rate.py, and imported there for TensorFlow.
"""

import json
import sys

import keras
import numpy as np

from kerasface.training.dynamic_rate import DynamicLearningRate, DynamicRate

ROWS = 4
RULE = {"lr_max": 0.5, "k": 3, "decay_steps": 20.0, "window": 2, "least_decrease": 0.1}


def model(rate=0.5):
    """A compiled model of one weight, 0; SGD moves it by minus the rate of each step."""
    layers = [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(rate), loss=lambda truth, answer: answer + truth)
    return model


def fit(trained, dynamic, offsets, epochs=1, first=0, callbacks=(), **options):
    """Steps of `ROWS` equal rows; `offsets` `(epochs * steps,)` are the c of the steps."""
    steps = len(offsets) // epochs
    history = []
    for epoch in range(first, epochs):
        part = np.repeat(offsets[epoch * steps : (epoch + 1) * steps], ROWS)[:, None]
        done = trained.fit(
            np.ones_like(part),
            part,
            batch_size=ROWS,
            shuffle=False,
            verbose=0,
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=[dynamic, *callbacks],
            **options,
        )
        history += done.history.get("learning_rate", [])
    return history


def main(offsets):
    offsets = np.array(offsets, "float32")
    dynamic, trained = DynamicLearningRate(DynamicRate(**RULE)), model()
    history = fit(trained, dynamic, offsets, epochs=2)
    answer = {
        "backend": keras.backend.backend(),
        "changes": dynamic.changes,
        "weight": float(np.ravel(trained.get_weights()[0])[0]),
        "rate": float(keras.ops.convert_to_numpy(trained.optimizer.learning_rate)),
        "history": history,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
