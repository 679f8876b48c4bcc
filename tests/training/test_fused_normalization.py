"""Keras's layer is the reference; only the moving variance may differ, by n / (n - 1)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.layers import BatchNormalization

from kerasface.models import small_resnet
from kerasface.training.fused_normalization import FusedBatchNormalization
from tests.contracts import check_layer

SHAPE = (6, 5, 4, 3)
VALUES = 6 * 5 * 4


def pair(**kwargs):
    layers = [cls(momentum=0.9, **kwargs) for cls in (BatchNormalization, FusedBatchNormalization)]
    chance = np.random.default_rng(0)
    weights = [chance.uniform(0.5, 2.0, SHAPE[-1]).astype("float32") for _ in range(4)]
    for layer in layers:
        layer.build((None, *SHAPE[1:]))
        layer.set_weights(weights[: len(layer.weights)])
    return layers


def images(dtype="float32"):
    chance = np.random.default_rng(1)
    return tf.constant(chance.normal(3.0, 2.0, SHAPE), dtype)


def step(layer, inputs, target):
    """Outputs in training, and gradients of inputs, scale and offset."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, "float32") * target)
    return outputs, tape.gradient(loss, [inputs, layer.gamma, layer.beta])


@pytest.mark.parametrize("policy,tolerance", [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_outputs_and_gradients_are_those_of_keras(policy, tolerance):
    plain, fused = pair(dtype=policy)
    inputs = images(plain.compute_dtype)
    target = tf.constant(np.random.default_rng(2).normal(size=SHAPE), "float32")
    expected, expected_gradients = step(plain, inputs, target)
    outputs, gradients = step(fused, inputs, target)
    assert outputs.dtype == expected.dtype
    for value, other in zip((outputs, *gradients), (expected, *expected_gradients), strict=True):
        value, other = np.array(tf.cast(value, "float32")), np.array(tf.cast(other, "float32"))
        np.testing.assert_allclose(value, other, atol=tolerance * np.abs(other).max())


def test_output_equals_loops():
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, channel by channel."""
    _, fused = pair()
    inputs = images().numpy()
    gamma, beta, *_ = fused.get_weights()
    expected = np.empty(SHAPE)
    for channel in range(SHAPE[-1]):
        values = inputs[..., channel].ravel().tolist()
        mean = sum(values) / VALUES
        variance = sum((value - mean) ** 2 for value in values) / VALUES
        scaled = (inputs[..., channel] - mean) / (variance + fused.epsilon) ** 0.5
        expected[..., channel] = gamma[channel] * scaled + beta[channel]
    np.testing.assert_allclose(fused(inputs, training=True), expected, atol=1e-4)


def test_moving_statistics_differ_only_by_the_unbiased_variance():
    plain, fused = pair()
    before = plain.get_weights()[3]
    for layer in (plain, fused):
        layer(images(), training=True)
    (*_, mean, variance), (*_, fused_mean, fused_variance) = (
        plain.get_weights(),
        fused.get_weights(),
    )
    np.testing.assert_allclose(fused_mean, mean, rtol=1e-5)
    fed = (variance - 0.9 * before) * VALUES / (VALUES - 1)
    np.testing.assert_allclose(fused_variance, 0.9 * before + fed, rtol=1e-4)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("policy,tolerance", [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
def test_inference_and_a_frozen_layer_are_those_of_keras(frozen, policy, tolerance):
    plain, fused = pair(dtype=policy)
    plain.trainable = fused.trainable = not frozen
    before = fused.get_weights()
    inputs = images(plain.compute_dtype)
    target = np.random.default_rng(2).normal(size=SHAPE)
    found = []
    for layer in (plain, fused):
        with tf.GradientTape() as tape:
            tape.watch([inputs, layer.gamma.value, layer.beta.value])
            outputs = layer(inputs, training=frozen)
            loss = tf.reduce_sum(tf.cast(outputs, "float32") * target)
        gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        found.append([np.array(tf.cast(each, "float32")) for each in (outputs, *gradients)])
    assert outputs.dtype == plain(inputs).dtype
    for value, other in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(value, other, atol=tolerance * np.abs(other).max())
    for weight, value in zip(fused.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize(
    "kwargs,shape",
    [
        ({}, (6, 3)),
        ({"axis": 1}, (6, 3, 4, 4)),
        ({"scale": False}, SHAPE),
        ({"center": False}, SHAPE),
    ],
)
def test_what_the_kernel_cannot_do_is_left_to_keras(kwargs, shape):
    inputs = np.random.default_rng(3).normal(size=shape).astype("float32")
    plain, fused = BatchNormalization(**kwargs), FusedBatchNormalization(**kwargs)
    np.testing.assert_allclose(
        fused(inputs, training=True), plain(inputs, training=True), atol=1e-5
    )


def test_one_value_a_channel_stays_finite():
    layer = FusedBatchNormalization()
    assert np.isfinite(layer(np.full((1, 1, 1, 3), 5.0, "float32"), training=True)).all()
    assert all(np.isfinite(weight).all() for weight in layer.get_weights())


def test_weights_move_between_trunks_of_either():
    small = {"input_shape": (16, 16, 3), "widths": (8, 8, 8)}
    plain = small_resnet(**small)
    fused = small_resnet(**small, normalization=FusedBatchNormalization)
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in fused.weights]
    assert [w.path.split("/")[-1] for w in plain.weights] == [
        w.path.split("/")[-1] for w in fused.weights
    ]
    faces = np.random.default_rng(4).normal(size=(2, 16, 16, 3)).astype("float32")
    for source, target in ((fused, plain), (plain, fused)):
        source.set_weights([weight + 0.01 for weight in source.get_weights()])
        target.set_weights(source.get_weights())
        np.testing.assert_allclose(target(faces), source(faces), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_of_the_other_kind_is_refused(tmp_path):
    """Keras files layers under their class, so `set_weights` is the way between the two."""
    small = {"input_shape": (16, 16, 3), "widths": (8,), "blocks": (1,)}
    fused = small_resnet(**small, normalization=FusedBatchNormalization)
    fused.save_weights(tmp_path / "trunk.weights.h5")
    with pytest.raises(ValueError, match="could not be loaded"):
        small_resnet(**small).load_weights(tmp_path / "trunk.weights.h5")


def test_contract(tmp_path):
    inputs = np.random.default_rng(5).normal(size=SHAPE).astype("float32")
    check_layer(FusedBatchNormalization, {}, inputs, tmp_path)


def test_gradient_under_tf_function_and_half_precision_scaling():
    _, fused = pair(dtype="mixed_float16")

    @tf.function
    def gradient(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(fused(inputs, training=True), "float32") ** 2)
        return tape.gradient(loss, fused.gamma)

    assert np.isfinite(gradient(images("float16"))).all()
    assert keras.backend.standardize_dtype(fused.gamma.dtype) == "float32"
