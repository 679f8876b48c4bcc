"""Muon against NumPy loops, and what it leaves to Adam."""

import keras
import numpy as np
import pytest

from kerasface.training.muon import Muon

RATE, DECAY, MOMENTUM = 0.01, 0.1, 0.9
SHAPES = {"trunk/conv/kernel": (3, 3, 8, 6), "trunk/dense/kernel": (10, 4), "trunk/bias": (5,)}
BY_ADAM = {"first/kernel": (3, 3, 3, 6), "heads/age_head/kernel": (12, 4), "trunk/bias": (5,)}


def variables_of(shapes, rng):
    return [
        keras.Variable(rng.normal(size=shape).astype("float32"), name=name.replace("/", "_"))
        for name, shape in shapes.items()
    ]


def quintic(matrix):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.sqrt(np.sum(values**2))
    for _ in range(5):
        values = [3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5 for s in values]
    return left @ np.diag(values) @ right


def orthogonal_by_loops(weight, gradients):
    momentum = np.zeros_like(weight)
    for gradient in gradients:
        weight = weight - weight * DECAY * RATE
        momentum = MOMENTUM * momentum + gradient
        direction = (gradient + MOMENTUM * momentum).reshape(-1, weight.shape[-1])
        step = quintic(direction) * 0.2 * np.sqrt(max(direction.shape))
        weight = weight - RATE * step.reshape(weight.shape)
    return weight


def adam_by_loops(weight, gradients):
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for count, gradient in enumerate(gradients, 1):
        weight = weight - weight * DECAY * RATE
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        mean, square = first / (1 - 0.9**count), second / (1 - 0.999**count)
        weight = weight - RATE * mean / (np.sqrt(square) + 1e-7)
    return weight


def train(variables, gradients, **more):
    options = {"learning_rate": RATE, "weight_decay": DECAY, "momentum": MOMENTUM, **more}
    optimizer = Muon(iteration_dtype="float32", **options)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(each) for each in step], variables)
    return optimizer


@pytest.mark.parametrize("steps", [1, 4])
def test_equal_to_loops(steps):
    rng = np.random.default_rng(0)
    variables = variables_of(SHAPES, rng)
    before = [keras.ops.convert_to_numpy(each) for each in variables]
    gradients = [
        [rng.normal(size=v.shape).astype("float32") for v in variables] for _ in range(steps)
    ]
    train(variables, gradients)
    for place, (name, variable) in enumerate(zip(SHAPES, variables, strict=True)):
        oracle = adam_by_loops if name == "trunk/bias" else orthogonal_by_loops
        expected = oracle(before[place].astype("float64"), [step[place] for step in gradients])
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable), expected, atol=2e-5, err_msg=name
        )


def test_one_step_by_hand():
    """A kernel of one row and eight columns, gradient all 2, rate 1, no decay.

    Its direction is the row itself: the singular value 1 becomes 0.6964, over eight equal entries
    0.6964 / sqrt(8) each, times 0.2 sqrt(8): each entry falls by 0.13928.
    """
    variable = keras.Variable(np.zeros((8, 1), "float32"))
    train([variable], [[np.full((8, 1), 2.0, "float32")]], learning_rate=1.0, weight_decay=None)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(variable), np.full((8, 1), -0.13928), atol=2e-5
    )


def test_heads_pictures_and_vectors_are_left_to_adam():
    model = keras.Sequential([keras.Input((8, 8, 3))])
    model.add(keras.layers.Conv2D(8, 3, name="first"))
    model.add(keras.layers.Conv2D(8, 3, name="second"))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(4, name="heads"))
    optimizer = Muon()
    chosen = [v.path for v in model.trainable_variables if optimizer.is_orthogonal(v)]
    assert [path.split("/")[-2] for path in chosen] == ["second"]
    assert Muon(exclude=("second",)).is_orthogonal(model.get_layer("heads").kernel)
    optimizer.build(model.trainable_variables)
    kept = [each for each in optimizer.velocities if each is not None]
    assert len(kept) == len(model.trainable_variables) - 1


def test_weight_decay_can_leave_variables_out():
    variable = keras.Variable(np.ones((8, 4), "float32"), name="gamma")
    optimizer = Muon(learning_rate=0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["gamma"])
    optimizer.apply([keras.ops.zeros((8, 4))], [variable])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), np.ones((8, 4)))


def test_config_round_trip():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    optimizer = Muon(schedule, momentum=0.8, exclude=("a", "b"), iteration_dtype="float32")
    stored = keras.saving.serialize_keras_object(optimizer)
    assert stored["registered_name"] == "kerasface>Muon"
    copy = keras.saving.deserialize_keras_object(stored)
    assert copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_fits_and_goes_on_from_a_file(policy, tmp_path):
    """Two epochs, or one, a file, and one more: the same weights."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 6)).astype("float32"), rng.normal(size=(32, 2)).astype("float32")

    def make():
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Dense(8, activation="relu", dtype=policy) for _ in range(2)]
        last = keras.layers.Dense(2, dtype="float32")
        model = keras.Sequential([keras.Input((6,)), *layers, last])
        model.compile(Muon(0.02), "mse")
        return model

    whole, begun, resumed = make(), make(), make()
    history = whole.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]
    begun.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    begun.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(resumed.optimizer, Muon)
    resumed.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    assert history[1] < history[0]
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [{"momentum": 1.0}, {"beta_1": -0.1}, {"beta_2": 2}])
def test_out_of_range(value):
    ((name, number),) = value.items()
    with pytest.raises(ValueError, match=f"Received: {name}={number}"):
        Muon(**value)
