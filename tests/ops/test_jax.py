"""The same functions, layers, losses and metrics on the JAX backend.

Keras takes one backend per process, so the test runs this file as a program.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_jax_backend():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX IS NOT INSTALLED: nothing here was tested on it (pip install .[test])")
    # Compiled without optimisation: half of the time is compiling.
    quick = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **quick}
    run = subprocess.run(
        [sys.executable, __file__], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == "jax equal"


def check_recorded_triplets(jax):
    """Jitted values and gradients of some recorded batches of every size and distance.

    Not 038, whose two equal rows tensorflow-addons put at 3e-4 by rounding and XLA puts at 0.
    """
    from kerasface.ops import hard_triplet_loss, semi_hard_triplet_loss

    losses = {
        "semihard": semi_hard_triplet_loss,
        "hard": lambda *args: hard_triplet_loss(*args[:3], False, args[3]),
        "hard-soft": lambda *args: hard_triplet_loss(*args[:3], True, args[3]),
    }
    with np.load(ROOT / "tests" / "golden" / "tfa_triplet.npz") as recorded:
        for case in ("000", "002", "004", "008", "018", "034", "041"):
            labels, rows, margin, metric = (
                recorded[f"{case}/{key}"] for key in ("labels", "embeddings", "margin", "metric")
            )
            for kind, loss in losses.items():
                step = jax.jit(
                    jax.value_and_grad(
                        lambda rows, loss=loss, labels=labels, margin=margin, metric=metric: loss(
                            labels, rows, float(margin), str(metric)
                        )
                    )
                )
                value, slope = step(rows)
                expected = np.nan_to_num(recorded[f"{case}/{kind}/value"])
                np.testing.assert_allclose(value, expected, atol=2e-5, err_msg=case)
                expected = np.nan_to_num(recorded[f"{case}/{kind}/grad"])
                np.testing.assert_allclose(slope, expected, atol=2e-5, err_msg=case)


def check_small_functions(jax):
    from kerasface import ops

    np.testing.assert_array_equal(ops.labelled_weights([1, 0, 0, 1]), [2, 0, 0, 2])
    assert float(ops.masked_mean([1.0, np.nan, 4.0], [1, 0, 1])) == 2.5
    slope = jax.grad(lambda x: ops.reverse_gradient(x, 0.5) ** 2)(3.0)
    np.testing.assert_allclose(slope, -3.0)
    half = jax.numpy.linspace(90, 110, 200).astype("bfloat16")
    assert bool((ops.reverse_gradient(half, 0.7) == half).all())
    slope = jax.jit(jax.grad(lambda x: ops.unit_length(x).sum()))(jax.numpy.zeros((2, 3)))
    np.testing.assert_array_equal(slope, 0.0)


def check_training(keras):
    """Heads, adversary, identities and metrics through stock `fit`."""
    from kerasface.layers import DomainDiscriminator, MultiTaskHeads, UnitLength
    from kerasface.losses import TripletSemiHardLoss
    from kerasface.metrics import (
        LabelledCount,
        MaskedAccuracy,
        MaskedConfusionMatrix,
        MaskedMeanAbsoluteError,
    )

    entry = keras.Input((6,))
    person = keras.Sequential([keras.layers.Dense(4), UnitLength()])
    heads = {
        "expression": keras.layers.Dense(3),
        "age": keras.layers.Dense(1),
        "person": person,
        "domain": DomainDiscriminator(2, hidden=(8,)),
    }
    model = keras.Model(entry, MultiTaskHeads(heads, name="heads")(keras.layers.Dense(8)(entry)))
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "adam",
        loss={
            "expression": crossentropy,
            "age": "mae",
            "person": TripletSemiHardLoss(),
            "domain": crossentropy,
        },
        weighted_metrics={
            "expression": [MaskedAccuracy(), MaskedConfusionMatrix(3), LabelledCount()],
            "age": [MaskedMeanAbsoluteError()],
        },
    )
    rng = np.random.default_rng(0)
    labels = {
        "expression": rng.integers(0, 3, 32),
        "age": np.where(np.arange(32) < 8, rng.uniform(0, 90, 32), 0).astype("float32"),
        "person": rng.integers(0, 4, 32) + 2**24,
        "domain": rng.integers(0, 2, 32),
    }
    weights = {task: np.ones(32, "float32") for task in labels}
    weights["age"] = np.where(np.arange(32) < 8, 4.0, 0.0)
    weights["expression"] = np.zeros(32)
    logs = model.fit(
        rng.normal(size=(32, 6)), labels, sample_weight=weights, batch_size=16, verbose=0
    ).history
    assert np.isfinite(logs["loss"][0]) and np.isnan(logs["expression_accuracy"][0])
    assert logs["expression_labelled"][0] == 0 and logs["age_mae"][0] > 0
    same = TripletSemiHardLoss()([2**24, 2**24 + 1], [[0.0], [1.0]])
    assert float(same) == 0.0  # two people: no positive pair


def check_hint(jax, keras):
    """FitNets' first stage: its loss in NumPy; `fit` moves what lies below and nothing above."""
    from kerasface.models import FaceModel, with_hidden
    from kerasface.tasks import Classification
    from kerasface.training import HiddenTarget, HintRegression

    def network(width):
        config = {"widths": [width, 4], "blocks": [1, 1], "stem": 4}
        return FaceModel.from_spec(
            {
                "trunk": {"name": "small_resnet", "config": config},
                "tasks": [Classification("gender", ("male", "female")).get_config()],
                "input": {"height": 8, "width": 8, "channels": 3},
            }
        )

    keras.utils.set_random_seed(0)
    student, teacher = network(4), network(6)
    model = HintRegression(student, teacher, HiddenTarget("group1", "group1", weight=0.1))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True))
    images = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 3)).astype("float32")
    own, hint = (
        np.asarray(jax.jit(with_hidden(each, ["group1"]))(images)[1]["group1"])
        for each in (student, teacher)
    )
    kernel, bias = model.projector.get_weights()
    expected = 0.1 * ((own @ kernel + bias - hint) ** 2).sum() / 8
    labels = {"gender": np.arange(8) % 2}
    found = model.evaluate(images, labels, verbose=0)["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    before = {each.path: np.array(each.value) for each in student.variables}
    logs = model.fit(images, labels, batch_size=8, epochs=4, verbose=0).history["loss"]
    assert logs[-1] < logs[0]
    moved = {e.path for e in student.variables if not np.array_equal(before[e.path], e.value)}
    lower = {each.path for each in model.trainable_variables} & set(before)
    above = {each.path for each in student.trainable_variables} - lower
    assert lower and lower <= moved and above and not above & moved


def main():
    import jax
    import keras

    assert keras.backend.backend() == "jax"
    check_small_functions(jax)
    check_recorded_triplets(jax)
    check_training(keras)
    check_hint(jax, keras)
    print("jax equal")


if __name__ == "__main__":
    main()
