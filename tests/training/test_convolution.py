"""Keras's layer is the reference; in bfloat16 the kernel's gradient may differ by rounding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.models import build_trunk
from kerasface.training import convolution
from kerasface.training.convolution import Conv2D
from tests.contracts import check_layer

BFLOAT16 = "mixed_bfloat16"


def pair(shape, filters=3, kernel=3, **config):
    made = [cls(filters, kernel, **config) for cls in (keras.layers.Conv2D, Conv2D)]
    chance = np.random.default_rng(0)
    for layer in made:
        layer.build(shape)
    weights = [chance.normal(size=each.shape).astype("float32") for each in made[0].weights]
    for layer in made:
        layer.set_weights(weights)
    return made


def images(shape, dtype="bfloat16"):
    return tf.constant(np.random.default_rng(1).normal(size=shape), dtype)


def step(layer, inputs, training=True):
    """Outputs, and gradients of the inputs and of all weights, as float32."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=training)
        target = np.random.default_rng(2).normal(size=outputs.shape)
        loss = tf.reduce_sum(tf.cast(outputs, "float32") * target)
    gradients = tape.gradient(loss, [inputs, *(each.value for each in layer.trainable_weights)])
    return [np.array(tf.cast(each, "float32")) for each in (outputs, *gradients)]


@pytest.mark.parametrize(
    "side,kernel,config",
    [
        ((6, 6), 3, {"padding": "same"}),
        ((6, 6), 3, {"padding": "valid"}),
        ((9, 5), (3, 2), {"padding": "same", "use_bias": False}),
        ((4, 7), (2, 5), {"padding": "same", "activation": "relu"}),
        ((12, 11), 1, {"padding": "same"}),
        ((12, 12), 3, {"padding": "same", "strides": 2}),
        ((11, 13), (2, 3), {"padding": "same", "strides": 2}),
        ((11, 13), (4, 3), {"padding": "valid", "strides": 3}),
        ((12, 13), 1, {"padding": "same", "strides": 2}),
    ],
)
def test_outputs_and_gradients_are_those_of_keras(monkeypatch, side, kernel, config):
    plain, quick = pair((4, *side, 5), kernel=kernel, dtype=BFLOAT16, **config)
    used = []
    products = convolution._kernel_gradient
    monkeypatch.setattr(
        convolution, "_kernel_gradient", lambda *given: used.append(given) or products(*given)
    )
    expected, found = step(plain, images((4, *side, 5))), step(quick, images((4, *side, 5)))
    assert len(used) == 1
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, atol=0.05 * np.abs(other).max())


def test_kernel_gradient_equals_loops():
    """`sum over rows, y, x of input[y + dy, x + dx, c] * upstream[y, x, f]`, input padded by 1."""
    chance = np.random.default_rng(3)
    # Small whole numbers: nothing is rounded.
    inputs, upstream = (chance.integers(-2, 3, (2, 3, 4, depth)) for depth in (2, 3))
    expected = np.zeros((3, 3, 2, 3))
    padded = np.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for dy, dx, c, f in np.ndindex(expected.shape):
        for row, y, x in np.ndindex(2, 3, 4):
            expected[dy, dx, c, f] += padded[row, y + dy, x + dx, c] * upstream[row, y, x, f]
    given = (tf.constant(each, "bfloat16") for each in (inputs, upstream))
    found = convolution._kernel_gradient(*given, (3, 3, 2, 3), 1, "SAME")
    np.testing.assert_array_equal(tf.cast(found, "float32"), expected)


@pytest.mark.parametrize(
    "width,config,training",
    [
        (8, {}, True),
        (6, {"strides": (2, 1)}, True),
        (16, {"kernel_size": 1, "strides": 2}, True),
        (6, {"dilation_rate": 2}, True),
        (6, {"groups": 5, "filters": 5}, True),
        (6, {"dtype": "float32"}, True),
        (6, {}, False),
    ],
)
def test_elsewhere_it_is_the_pass_of_keras(monkeypatch, width, config, training):
    monkeypatch.setattr(convolution, "_convolve", None)
    config = {"dtype": BFLOAT16, "padding": "same", **config}
    config["kernel"] = config.pop("kernel_size", 3)
    plain, quick = pair((2, 6, width, 5), **config)
    inputs = images((2, 6, width, 5), plain.compute_dtype)
    for value, other in zip(step(quick, inputs, training), step(plain, inputs), strict=True):
        np.testing.assert_array_equal(value, other)


def test_contract(tmp_path):
    config = {"filters": 2, "kernel_size": 3, "padding": "same"}
    check_layer(Conv2D, config, images((3, 6, 6, 3), "float32").numpy(), tmp_path)


@pytest.mark.parametrize("name", ["small_resnet", "resnet18", "resnet50", "vgg16"])
def test_files_of_weights_are_those_of_keras(tmp_path, name):
    config = {"small_resnet": {"widths": (4, 8, 8), "stem": 4}, "resnet18": {"width": 4}}
    config |= {"resnet50": {"divisor": 8}, "vgg16": {"width": 0.0625}}
    plain, quick = (
        build_trunk(name, **config[name], convolution=cls) for cls in (keras.layers.Conv2D, Conv2D)
    )
    assert sum(type(layer) is Conv2D for layer in quick.layers) == sum(
        isinstance(layer, keras.layers.Conv2D) for layer in plain.layers
    )
    inputs = images((2, 48, 48, 3), "float32")
    for own, other in ((plain, quick), (quick, plain)):
        file = tmp_path / f"{own is plain}.weights.h5"
        for weight in own.weights:
            weight.assign(np.random.default_rng(len(weight.shape)).uniform(0.1, 1, weight.shape))
        own.save_weights(file)
        other.load_weights(file)
        np.testing.assert_array_equal(own(inputs), other(inputs))
