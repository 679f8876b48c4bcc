"""Run by test_adversary_on_jax.py with KERAS_BACKEND=jax: the adversary's parts under `fit`.

Prints one JSON line; the test compares it with what was worked out by hand or on TensorFlow.
"""

import json
import sys
import tempfile

import keras
import numpy as np

from kerasface.data.batches import labelled_weights
from kerasface.data.prepared import PreparedSet
from kerasface.layers import DomainDiscriminator
from kerasface.tasks import Classification, Domain
from kerasface.training.domain_probe import DomainProbe
from kerasface.training.routed_optimizer import RoutedOptimizer
from kerasface.training.run_state import RunState
from kerasface.training.strength_schedule import StrengthSchedule
from tests.models.tiny import pictures, tiny_model

TASKS = (
    Classification("gender", ("male", "female")),
    Domain("domain", ("a", "b"), hidden=(8,), adversary="triplet", size=4),
)
ROWS, STEPS = 8, 3


def mean_output(y_true, y_pred):
    return y_pred[:, 0]


def ramped_weight():
    """A trunk of one weight, a fixed head of 3, x = 2: see test_strength_schedule.py."""
    entry = keras.Input((1,))
    trunk = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    head = DomainDiscriminator(1, hidden=(), strength=0.8, name="domain_head")
    model = keras.Model(entry, head(trunk(entry)))
    head.last.set_weights([np.array([[3.0]]), np.zeros(1)])
    head.last.trainable = False
    model.compile(keras.optimizers.SGD(0.5), loss=mean_output)
    inputs = np.full((4, 1), 2.0, "float32")
    ramp = StrengthSchedule(head, steps=10, schedule="linear")
    logs = model.fit(
        inputs, inputs, batch_size=1, epochs=3, callbacks=[ramp], shuffle=False, verbose=0
    ).history
    return float(trunk.kernel.value[0, 0]), logs["domain_strength"]


def batches():
    rows = ROWS * STEPS
    chance = np.random.default_rng(1)
    labels = {"gender": chance.integers(0, 2, rows), "domain": np.arange(rows) % 2}
    weights = labelled_weights({name: np.ones(rows, bool) for name in labels}, TASKS)
    return pictures(rows, seed=1), labels, weights


def optimizers():
    return keras.optimizers.SGD(0.05, momentum=0.9), keras.optimizers.Adam(0.02)


def routed():
    trunk, head = optimizers()
    return RoutedOptimizer(trunk, {"domain_head": head})


def faces():
    none = np.full(8, "")
    return PreparedSet(pictures(8, seed=4), {}, {}, none, "a", none)


def fit(model, folder=None, epochs=2):
    images, labels, weights = batches()
    model.compile(routed())
    callbacks, first = [StrengthSchedule(model.heads.head("domain"), 2 * STEPS)], 0
    if folder:
        state = RunState(folder, {})
        first = state.restore(model)
        callbacks.append(state)
    probe = DomainProbe({"a": faces(), "b": faces()}, model=model, rows=8, folds=2, batch_size=8)
    return model.fit(
        images,
        labels,
        sample_weight=weights,
        batch_size=ROWS,
        epochs=epochs,
        initial_epoch=first,
        shuffle=False,
        callbacks=[probe, *callbacks],
        verbose=0,
    ).history


def by_hand(model, epochs=2):
    """The same steps with `jax.grad` and the two optimisers apart."""
    import jax

    trunk, head = optimizers()
    images, labels, _ = batches()
    own = [i for i, v in enumerate(model.trainable_variables) if "domain_head" in v.path]
    rest = [i for i in range(len(model.trainable_variables)) if i not in own]
    for part, optimizer in ((rest, trunk), (own, head)):
        optimizer.build([model.trainable_variables[i] for i in part])
    strength = model.heads.head("domain").reversal.strength
    ramp = StrengthSchedule(model.heads.head("domain"), 2 * STEPS)

    def loss(trainable, fixed, rows):
        outputs, fixed = model.stateless_call(trainable, fixed, images[rows], training=True)
        losses = [t.make_loss()(labels[t.name][rows], outputs[t.name]) for t in TASKS]
        return losses[0] + losses[1], fixed

    slope = jax.grad(loss, has_aux=True)
    for step in range(epochs * STEPS):
        strength.assign(ramp.at(step))
        rows = slice(step % STEPS * ROWS, (step % STEPS + 1) * ROWS)
        trainable = [v.value for v in model.trainable_variables]
        fixed = [v.value for v in model.non_trainable_variables]
        gradients, fixed = slope(trainable, fixed, rows)
        for variable, value in zip(model.non_trainable_variables, fixed, strict=True):
            variable.assign(value)
        for part, optimizer in ((rest, trunk), (own, head)):
            variables = [model.trainable_variables[i] for i in part]
            optimizer.apply([gradients[i] for i in part], variables)


def apart(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def main():
    weight, strengths = ramped_weight()
    whole, hand = tiny_model(TASKS), tiny_model(TASKS)
    logs = fit(whole)
    by_hand(hand)
    folder = tempfile.mkdtemp()
    fit(tiny_model(TASKS), folder, epochs=1)
    resumed = tiny_model(TASKS, seed=7)
    fit(resumed, folder)
    answer = {
        "backend": keras.backend.backend(),
        "tensorflow": "tensorflow" in sys.modules,
        "weight": weight,
        "strengths": strengths,
        "apart_from_hand": apart(whole, hand),
        "apart_when_resumed": apart(whole, resumed),
        "moved": apart(whole, tiny_model(TASKS)),
        "iterations": [int(whole.optimizer.iterations)]
        + [int(whole.optimizer.part("domain_head").iterations)],
        "logs": {name: [float(v) for v in values] for name, values in logs.items()},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
