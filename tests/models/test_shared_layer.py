"""A `FaceModel` with one more shared layer: what it is, and that others stay as they were."""

import json

import keras
import numpy as np
import pytest

from kerasface.models import FaceModel
from tests.models.tiny import SHAPE, TASKS, pictures, tiny_model

GENDER = TASKS[:1]
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [GENDER[0].get_config()],
    "input": {"height": 16, "width": 16, "channels": 3, "scale": 1 / 127.5, "offset": -1.0},
}


def test_heads_read_a_relu_of_the_trunks_features():
    model, images = tiny_model(GENDER, shared=5), pictures(3)
    kernel, bias = (np.array(each) for each in model.shared.layer.get_weights())
    expected = np.maximum(np.array(model.trunk_features(images)) @ kernel + bias, 0.0)
    np.testing.assert_allclose(model.features(images), expected, rtol=1e-5, atol=1e-6)
    answer = model.heads.head("gender")(expected)
    np.testing.assert_allclose(model(images)["gender"], answer, rtol=1e-5, atol=1e-5)


def test_without_it_features_are_the_trunks():
    model = tiny_model(GENDER)
    assert model.shared is None
    images = pictures(2)
    np.testing.assert_array_equal(model.features(images), model.trunk_features(images))
    assert not [each.path for each in model.weights if "shared" in each.path]


def test_spec():
    assert "shared" not in FaceModel.from_spec(SPEC).get_spec()
    model = FaceModel.from_spec({**SPEC, "shared": 6})
    assert model.get_spec() == {**SPEC, "shared": 6}
    assert json.dumps(model.get_spec())
    copy = FaceModel.from_spec(model.get_spec())
    copy.set_weights(model.get_weights())
    images = pictures(2)
    np.testing.assert_array_equal(copy(images)["gender"], model(images)["gender"])


def test_a_config_from_before_there_was_the_option():
    config = tiny_model(GENDER).get_config()
    assert config.pop("shared") is None
    assert FaceModel.from_config(config).shared is None


@pytest.mark.slow
def test_saving(tmp_path):
    model, images = tiny_model(TASKS, shared=6), pictures(3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    other = tiny_model(TASKS, seed=1, shared=6)
    other.load_weights(tmp_path / "model.weights.h5")
    for name, value in model(images).items():
        np.testing.assert_allclose(loaded(images)[name], value, atol=1e-6)
        np.testing.assert_allclose(other(images)[name], value, atol=1e-6)


def test_a_fork_stands_in_for_the_shared_layer():
    model, images = tiny_model(TASKS[:2], shared=6), pictures(2)
    outputs = model(images, fork=lambda x: {"gender": x[:, :6], "age": 0.0 * x[:, :6]})
    features = np.array(model.trunk_features(images))[:, :6]
    expected = model.heads.head("gender")(features)
    np.testing.assert_allclose(outputs["gender"], expected, rtol=1e-5, atol=1e-6)
    assert np.ptp(np.array(outputs["age"]), axis=0).max() == 0.0


@pytest.mark.parametrize("shared", [0, -3, 2.5])
def test_units_must_be_whole_and_positive(shared):
    with pytest.raises(ValueError, match="shared must be None or 1 or more. Received"):
        FaceModel(
            keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()]), GENDER, shared=shared
        )
