"""Augmentation on the device: each change by itself, inside a model, saved and compiled."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.device_augmentation import DeviceAugmentation, RandomGrey
from kerasface.data.random_warp import RandomWarp, warp
from kerasface.models import FaceModel, build_trunk
from tests.data.partial_sets import EXPRESSION

NOTHING = {
    "flip": False,
    "shift": 0,
    "scale": 0,
    "rotate": 0,
    "contrast": 0,
    "brightness": 0,
    "grey": 0,
    "erase": 0,
}


def noise(batch=6, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, side, side, 3), np.uint8)


def changed(images, **change):
    layer = DeviceAugmentation(**{**NOTHING, **change}, seed=3)
    return np.asarray(layer(images, training=True))


def warped_by_loops(image, size, angle, move):
    """For each output pixel the four input pixels around where it comes from."""
    height, width = image.shape[:2]
    result = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            x = (column + 0.5) / width - 0.5 - move[0]
            y = (row + 0.5) / height - 0.5 - move[1]
            from_x = (np.cos(angle) * x + np.sin(angle) * y) / size
            from_y = (np.cos(angle) * y - np.sin(angle) * x) / size
            at_x, at_y = (from_x + 0.5) * width - 0.5, (from_y + 0.5) * height - 0.5
            left, top = int(np.floor(at_x)), int(np.floor(at_y))
            for i in (top, top + 1):
                for j in (left, left + 1):
                    share = (1 - abs(at_y - i)) * (1 - abs(at_x - j))
                    result[row, column] += share * image[inside(i, height), inside(j, width)]
    return result


def inside(index, length):
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


def test_warp_equals_the_loops():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (5, 7, 9, 3)).astype("float32")
    size = np.array([1.0, 0.8, 1.3, 1.0, 0.9], "float32")
    angle = np.array([0.0, 0.3, -1.2, 3.0, 0.1], "float32")
    move = np.array([[0, 0], [0.1, -0.2], [0, 0.3], [0.6, 0], [-0.9, 0.9]], "float32")
    expected = [warped_by_loops(*row) for row in zip(images, size, angle, move, strict=True)]
    np.testing.assert_allclose(warp(images, size, angle, move), expected, atol=0.02)


def test_a_move_by_one_pixel_by_hand():
    """A quarter of 4 pixels to the right: columns 0 0 1 2, the first one mirrored."""
    image = np.arange(4.0, dtype="float32").reshape(1, 1, 4, 1).repeat(4, axis=1)
    moved = warp(image, np.ones(1, "float32"), np.zeros(1, "float32"), np.array([[0.25, 0.0]]))
    np.testing.assert_allclose(moved[0, 2, :, 0], [0, 0, 1, 2], atol=1e-5)


def test_nothing_asked_or_not_training_changes_nothing():
    images = noise()
    layer = DeviceAugmentation()
    for result in (layer(images), layer(images, training=False), changed(images)):
        np.testing.assert_array_equal(result, images)
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert not DeviceAugmentation(**NOTHING).stack


def test_about_half_are_flipped_and_none_otherwise_changed():
    images = noise(200)
    result = changed(images, flip=True)
    flipped = (result == images[:, :, ::-1]).all((1, 2, 3))
    assert (result[~flipped] == images[~flipped]).all() and 0.35 < flipped.mean() < 0.65


def test_grey_erase_contrast_and_brightness():
    images = noise(300)
    spread = np.ptp(changed(images, grey=0.5), axis=-1).max((1, 2))
    assert 0.4 < (spread < 1e-3).mean() < 0.6
    erased = changed(np.zeros((300, 48, 48, 3), np.uint8), erase=0.25)
    assert set(np.unique(erased)) == {0.0, 127.5}
    touched = erased[..., 0].max((1, 2)) > 0
    assert 0.15 < touched.mean() < 0.35
    area = (erased[touched][..., 0] > 0).mean((1, 2))
    assert 0.08 < area.min() and area.max() < 0.28
    step = np.full((300, 4, 4, 3), 100, np.uint8)
    step[:, :2] = 120
    ranges = np.ptp(changed(step, contrast=0.25), axis=(1, 2, 3))
    assert 15 <= ranges.min() < 16 and 24 < ranges.max() <= 25  # both ways, as asked
    means = changed(step, brightness=0.1).mean((1, 2, 3))
    assert 84.4 < means.min() < 88 and 132 < means.max() < 135.6


def test_pictures_stay_pictures_and_differ_from_each_other():
    images = np.repeat(noise(1, 16), 12, axis=0)
    result = np.asarray(DeviceAugmentation(seed=0)(images, training=True))
    assert result.shape == images.shape and 0 <= result.min() and result.max() <= 255
    assert len({picture.tobytes() for picture in result}) == 12
    again = np.asarray(DeviceAugmentation(seed=0)(images, training=True))
    np.testing.assert_array_equal(result, again)


def test_nothing_black_comes_in_at_the_border():
    white = np.full((8, 12, 12, 3), 200, np.uint8)
    np.testing.assert_allclose(changed(white, shift=0.5, rotate=180, scale=0.5), 200, atol=1e-2)


@pytest.mark.parametrize(
    "layer",
    [
        RandomGrey(0.3, seed=1, name="grey"),
        RandomWarp(0.1, 0.2, 30.0, seed=2, name="warp"),
        DeviceAugmentation(grey=0.25, erase=0.0, seed=7, name="augmentation"),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_come_back_from_their_config(layer):
    config = keras.saving.serialize_keras_object(layer)
    assert config["registered_name"] == f"kerasface>{type(layer).__name__}"
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()
    images = noise()
    np.testing.assert_array_equal(copy(images, training=True), layer(images, training=True))


def test_bfloat16_does_not_reach_the_pixels():
    images = np.full((1, 4, 4, 3), 253, np.uint8)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        assert float(np.asarray(changed(images, flip=True)).max()) == 253.0
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.slow
def test_inside_a_model_it_acts_in_training_only_and_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    trunk = build_trunk("small_resnet", input_shape=(16, 16, 3), widths=(4,), blocks=(1,), stem=4)
    model = FaceModel(trunk, [EXPRESSION], augmentation=DeviceAugmentation(seed=1))
    model.compile(keras.optimizers.SGD(0.1), jit_compile=True)
    images, labels = noise(32, 16), {"expression": np.zeros(32, int)}
    model.fit(images, labels, batch_size=16, verbose=0)
    expected = np.asarray(model(images)["expression"])
    np.testing.assert_array_equal(expected, model(images)["expression"])
    in_training = np.asarray(model(images, training=True)["expression"])
    assert not np.array_equal(in_training, np.asarray(model(images, training=True)["expression"]))
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(copy.augmentation, DeviceAugmentation)
    assert copy.augmentation.get_config() == model.augmentation.get_config()


def test_compiled_and_of_any_batch_size():
    layer = DeviceAugmentation(seed=1)
    signature = [tf.TensorSpec((None, 8, 8, 3), tf.uint8)]
    traced = tf.function(lambda x: layer(x, training=True), signature, jit_compile=True)
    for rows in (1, 5):
        assert traced(noise(rows)).shape == (rows, 8, 8, 3)


@pytest.mark.parametrize(
    "change", [{"shift": 1.5}, {"rotate": -1}, {"grey": 2}, {"erase": -0.1}, {"scale": 1.0}]
)
def test_what_is_out_of_range_is_refused(change):
    with pytest.raises(ValueError, match="Received:"):
        DeviceAugmentation(**change)
    with pytest.raises(ValueError, match="Received: probability=-1"):
        RandomGrey(-1)
