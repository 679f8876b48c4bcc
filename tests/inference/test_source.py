"""Embeddings of a network's layer: against the layer itself, sizes, and what is refused."""

import keras
import numpy as np
import pytest

from kerasface.inference import Source, imagenet_source
from kerasface.models import build_trunk
from tests.models.tiny import tiny_model


@pytest.fixture(scope="module")
def trunk():
    return build_trunk("small_resnet", input_shape=(16, 16, 3), widths=(4, 4, 6), stem=4)


@pytest.fixture
def faces(rng):
    return rng.integers(0, 256, (5, 16, 16, 3), np.uint8)


def test_a_layer_and_its_preprocessing(trunk, faces):
    source = Source(trunk, "features", preprocess=lambda x: x / 127.5 - 1.0, batch_size=2)
    expected = trunk(faces.astype("float32") / 127.5 - 1.0, training=False)
    np.testing.assert_allclose(source(faces), expected, atol=1e-5)
    assert source.size == 6 and source.parameters == trunk.count_params()


def test_maps_are_averaged_over_the_place(trunk, faces):
    name = trunk.layers[-2].name
    maps = keras.Model(trunk.input, trunk.layers[-2].output)(faces.astype("float32"))
    assert len(maps.shape) == 4
    expected = np.asarray(maps).mean((1, 2))
    np.testing.assert_allclose(Source(trunk, name)(faces), expected, rtol=1e-4, atol=1e-4)


def test_a_face_model_gives_what_its_heads_read(faces):
    model = tiny_model()
    source = Source(model)
    expected = np.asarray(model.features(faces.astype("float32"), training=False))
    np.testing.assert_allclose(source(faces), expected, atol=1e-5)
    np.testing.assert_allclose(Source(model, "features")(faces), expected, atol=1e-5)
    assert source.parameters == model.trunk.count_params() < model.count_params()


def test_pictures_are_brought_to_the_models_size(trunk, faces):
    large = np.repeat(np.repeat(faces, 2, axis=1), 2, axis=2)
    expected = Source(trunk)(np.full((2, 16, 16, 3), 77, np.uint8))
    np.testing.assert_allclose(
        Source(trunk)(np.full((2, 40, 32, 3), 77, np.uint8)), expected, atol=1e-4
    )
    assert np.isfinite(Source(trunk)(large)).all()


def test_what_makes_an_embedding_another_one_changes_its_digest(trunk):
    digests = {
        Source(trunk).sha256,
        Source(trunk, "features").sha256,
        Source(trunk, preprocess=np.negative).sha256,
        Source(tiny_model()).sha256,
    }
    assert len(digests) == 4 and Source(trunk).sha256 in digests


def test_an_application_brings_its_own_preprocessing(faces):
    source = imagenet_source("MobileNetV2", weights=None, size=32, batch_size=5)
    pixels = np.repeat(np.repeat(faces, 2, axis=1), 2, axis=2)
    scaled = keras.applications.mobilenet_v2.preprocess_input(pixels.astype("float32"))
    expected = np.asarray(source.model(scaled, training=False))
    np.testing.assert_allclose(source(pixels), expected, rtol=1e-3, atol=1e-3)
    assert source.name == "imagenet-MobileNetV2" and source.size == 1280


def test_no_picture_gives_no_row(trunk):
    assert Source(trunk)(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 6)


def test_refusals_are_one_line(trunk, faces):
    refused = {
        "near: features.*Received: layer='feature'": lambda: Source(trunk, "feature"),
        "Received: str": lambda: Source("student"),
        "one picture. Received": lambda: Source(keras.Sequential([keras.layers.Dense(2)])),
        "Received: batch_size=0": lambda: Source(trunk, batch_size=0),
        "Received: float32": lambda: Source(trunk)(faces.astype("float32")),
        "near: MobileNetV2": lambda: imagenet_source("MobileNetV9"),
    }
    for message, make in refused.items():
        with pytest.raises(ValueError, match=message) as caught:
            make()
        assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_had():
    with pytest.raises(OSError, match="cannot be had"):
        imagenet_source("MobileNetV2", weights="nowhere.weights.h5", size=32)


def test_an_embedding_that_is_not_finite_is_refused(trunk, faces):
    broken = keras.models.clone_model(trunk)
    broken.set_weights([np.full_like(each, np.nan) for each in trunk.get_weights()])
    with pytest.raises(ValueError, match="not finite.*5 such of 5"):
        Source(broken)(faces)
