"""Run by test_balancing_jax.py with KERAS_BACKEND=jax: paths of the weights on this backend."""

import json
import sys

import keras
import numpy as np

from kerasface.training import BalancedModel, GradNorm, RunState
from tests.training.balancing.small import (
    SOURCE,
    TASKS,
    WeightsPath,
    array,
    batch,
    fit,
    small_model,
)

STEPS = 50
MEASURED = (*TASKS, SOURCE)


def some_batches(steps=STEPS):
    """Every fifth has no label of the gender."""
    without = ("gender",)
    return [
        batch(MEASURED, seed=step, without=without if step % 5 == 4 else ())
        for step in range(steps)
    ]


def run(balancing, weights=None, steps=STEPS, optimizer=None):
    """The model, the task weights after each step, the logs."""
    model = BalancedModel(small_model(MEASURED), balancing)
    if weights is not None:
        model.model.load_weights(weights)
    model.compile(optimizer or keras.optimizers.SGD(0.01, momentum=0.9))
    path = WeightsPath()
    # With a validation: on this backend it takes the state away and brings it back.
    logs = fit(model, some_batches(steps), callbacks=[path], validation_data=batch(MEASURED))
    return model, path.weights, logs


def resumed(folder):
    """Epochs of a run that was stopped and one that was not: how far apart they end."""
    ends = []
    for name, parts in (("whole", (3,)), ("parts", (1, 3))):
        for epochs in parts:
            state = RunState(f"{folder}/{name}", {"rate": 1})
            model = BalancedModel(small_model(seed=epochs), GradNorm())
            model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
            if name == "whole":
                model.model.set_weights(small_model(seed=1).get_weights())
            first = state.restore(model)
            data = [batch(seed=step) for step in range(3)]
            fit(model, data, epochs=epochs, initial_epoch=first, callbacks=[state])
        ends.append([array(each) for each in (*model.weights, *model.optimizer.variables)])
    return max(float(np.abs(a - b).max()) for a, b in zip(*ends, strict=True))


def main(folder):
    weights = f"{folder}/start.weights.h5"
    exact, path, logs = run(GradNorm(), weights)
    reference, slow_path, _ = run(GradNorm(norms="reference"), weights)
    _, features, _ = run(GradNorm(norms="features"), weights, steps=4)
    uncertain, noise, _ = run("uncertainty", weights, steps=4)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0**10)
    _, unscaled, scaled_logs = run(GradNorm(), weights, steps=4, optimizer=scaled)
    _, plain, plain_logs = run(GradNorm(), weights, steps=4, optimizer=keras.optimizers.SGD(0.01))
    answer = {
        "backend": keras.backend.backend(),
        "path": path,
        "reference": slow_path,
        "features": features,
        "uncertainty": noise,
        "noise": array(uncertain.balancing.log_variance).tolist(),
        "scaled": unscaled,
        "plain": plain,
        "norms": [logs_of["age_gradient_norm"][0] for logs_of in (scaled_logs, plain_logs)],
        "logs": logs,
        "apart": max(
            float(np.abs(a - b).max())
            for a, b in zip(exact.model.get_weights(), reference.model.get_weights(), strict=True)
        ),
        "resumed": resumed(folder),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
