"""`TaskFork`: the layer contract, one layer for all, and norms of each task's own gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.layers import MultiTaskHeads, TaskFork
from tests.contracts import check_layer

CHANCE = np.random.default_rng(0)
INPUTS = CHANCE.normal(size=(5, 8)).astype("float32")
MAPS = CHANCE.normal(size=(5, 2, 3, 8)).astype("float32")
TASKS = ("age", "gender")


def dense(**kwargs):
    return keras.layers.Dense(4, activation="relu", **kwargs)


def pointwise(**kwargs):
    return keras.layers.Conv2D(4, 1, **kwargs)


class Fresh:
    """Stands for the class: the contract builds it several times, each with a layer of its own."""

    from_config = TaskFork.from_config

    def __new__(cls, tasks, layer, **others):
        return TaskFork(tasks, type(layer).from_config(layer.get_config()), **others)


@pytest.mark.slow
@pytest.mark.parametrize("make, inputs", [(dense, INPUTS), (pointwise, MAPS)])
def test_contract(make, inputs, tmp_path):
    check_layer(Fresh, {"tasks": TASKS, "layer": make()}, inputs, tmp_path)


def losses_of(copies):
    """Two losses that pull in different directions."""
    return tf.reduce_sum(copies["age"] ** 2), 0.1 * tf.reduce_sum(tf.sin(copies["gender"]))


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    "make, inputs",
    [
        (dense, INPUTS),
        (lambda: keras.layers.Dense(4, use_bias=False), INPUTS),
        (lambda: keras.layers.Dense(4), MAPS),
        (pointwise, MAPS),
        (lambda: pointwise(activation="gelu", use_bias=False), MAPS),
    ],
)
def test_measured_is_the_call_and_norms_are_of_separate_passes(make, inputs, traced):
    fork = TaskFork(TASKS, make())
    fork(inputs)
    weights = [each.value for each in fork.trainable_variables]

    def measured(x):
        probe = tf.zeros(2)
        with tf.GradientTape() as tape:
            tape.watch((probe, x))
            copies = fork.measured(x, probe)
            loss = sum(losses_of(copies))
        return copies, tape.gradient(loss, [probe, x, *weights])

    run = tf.function(measured, input_signature=[tf.TensorSpec((None, *inputs.shape[1:]))])
    copies, (norms, *gradients) = (run if traced else measured)(tf.constant(inputs))
    x = tf.constant(inputs)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        plain = fork(x)
        apart = losses_of(plain)
        together = sum(apart)
    for name in TASKS:
        np.testing.assert_allclose(copies[name], plain[name], rtol=1e-5, atol=1e-6)
    for ours, reference in zip(gradients, tape.gradient(together, [x, *weights]), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)
    kernel = fork.layer.kernel.value
    expected = [np.linalg.norm(np.array(tape.gradient(loss, kernel)).ravel()) for loss in apart]
    np.testing.assert_allclose(norms, expected, rtol=1e-5)
    assert float(norms[0]) != pytest.approx(float(norms[1]), rel=0.1)


def test_norms_do_not_hold_the_bias():
    """With X = 0 the bias alone is taught."""
    fork = TaskFork(TASKS, keras.layers.Dense(4))
    fork(INPUTS)
    probe = tf.zeros(2)
    with tf.GradientTape() as tape:
        tape.watch(probe)
        loss = sum(tf.reduce_sum(each) for each in fork.measured(tf.zeros((3, 8)), probe).values())
    norms, bias = tape.gradient(loss, [probe, fork.layer.bias.value])
    np.testing.assert_array_equal(norms, [0.0, 0.0])
    np.testing.assert_allclose(bias, 6.0)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_in_the_layer_float32_in_the_norms(policy):
    fork = TaskFork(TASKS, dense(dtype=policy), dtype=policy)
    copies = fork(INPUTS)
    exact = TaskFork(TASKS, dense(dtype="float32"))
    exact(INPUTS)
    exact.set_weights(fork.get_weights())
    found = []
    for each in (fork, exact):
        probe = tf.zeros(2)
        with tf.GradientTape() as tape:
            tape.watch(probe)
            given = each.measured(tf.constant(INPUTS), probe)
            loss = sum(losses_of({name: tf.cast(v, "float32") for name, v in given.items()}))
        found.append(tape.gradient(loss, probe))
        assert found[-1].dtype == "float32"
    assert given["age"].dtype == "float32" and copies["age"].dtype == fork.compute_dtype
    np.testing.assert_allclose(*found, rtol=0.03)


def test_heads_take_each_their_own_copy():
    heads = MultiTaskHeads({name: keras.layers.Dense(2) for name in TASKS}, name="heads")
    shared = heads(INPUTS)
    copies = {name: INPUTS * scale for name, scale in zip(TASKS, (1.0, 2.0), strict=True)}
    own = heads(copies)
    np.testing.assert_array_equal(own["age"], shared["age"])
    np.testing.assert_array_equal(own["gender"], heads.head("gender")(2.0 * INPUTS))
    symbolic = heads({name: keras.Input((8,)) for name in TASKS})
    assert {name: tuple(each.shape) for name, each in symbolic.items()} == {
        name: (None, 2) for name in TASKS
    }


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(4, 3),
        keras.layers.Conv2D(4, 1, strides=2),
        keras.layers.Conv2D(4, 1, groups=2),
        keras.layers.Activation("relu"),
    ],
)
def test_another_layer_is_refused(layer):
    with pytest.raises(ValueError, match="kernel size 1.* Received: layer="):
        TaskFork(TASKS, layer)


@pytest.mark.parametrize("tasks", [(), ("age", "age")])
def test_tasks_must_differ(tasks):
    with pytest.raises(ValueError, match="different names.* Received"):
        TaskFork(tasks, dense())
