"""Layers inside a model beside its outputs: the same numbers, the same weights, one pass."""

import keras
import numpy as np
import pytest

from kerasface.models import FaceModel, build_trunk, up_to_hidden, with_hidden
from kerasface.tasks import Classification
from tests.models.tiny import TASKS, pictures, tiny_model


def as_numpy(value):
    return keras.ops.convert_to_numpy(value)


@pytest.mark.parametrize("shared", [None, 6])
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_features_are_the_models_own(shared, training):
    images = pictures(5)
    expected = tiny_model(TASKS[:2], shared=shared)
    ask = with_hidden(tiny_model(TASKS[:2], shared=shared), ["features", "group1"])
    outputs, hidden = ask(images, training=training)
    for name, value in expected(images, training=training).items():
        np.testing.assert_allclose(as_numpy(outputs[name]), as_numpy(value), atol=1e-5)
    features = expected.trunk_features(images, training=training)
    np.testing.assert_allclose(as_numpy(hidden["features"]), as_numpy(features), atol=1e-5)
    assert tuple(hidden["group1"].shape) == (5, 8, 8, 8)


def test_statistics_of_a_batch_move_once_per_pass():
    """Whoever ran the trunk twice would move them twice."""
    images = pictures(5)
    alone, tapped = tiny_model(TASKS[:1]), tiny_model(TASKS[:1])
    alone(images, training=True)
    with_hidden(tapped, ["group1", "group2", "group1"])(images, training=True)
    for one, other in zip(alone.get_weights(), tapped.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_half_precision_keeps_its_dtypes():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny_model(TASKS[:1])
        outputs, hidden = with_hidden(model, ["group2"])(pictures(2))
        assert keras.backend.standardize_dtype(hidden["group2"].dtype) == "bfloat16"
        expected = as_numpy(model(pictures(2))["gender"])
        np.testing.assert_array_equal(as_numpy(outputs["gender"]), expected)
    finally:
        keras.config.set_dtype_policy(before)


def test_the_lower_part_is_the_layer_and_nothing_above_it():
    model = tiny_model(TASKS[:1])
    ask, lower = up_to_hidden(model, "group1")
    _, hidden = with_hidden(model, ["group1"])(pictures(3))
    np.testing.assert_allclose(as_numpy(ask(pictures(3))), as_numpy(hidden["group1"]), atol=1e-6)
    assert 0 < lower.count_params() < model.trunk.count_params()
    own = {id(variable) for variable in model.trunk.variables}
    assert all(id(variable) in own for variable in lower.variables)


@pytest.mark.parametrize(
    "name,config,groups",
    [
        ("resnet50", {"divisor": 8, "stem_stride": 2, "input_normalization": True}, 4),
        ("small_resnet", {"widths": (8, 8, 8)}, 3),
        ("vgg16", {"width": 0.0625}, 5),
    ],
)
def test_groups_of_every_trunk_have_names(name, config, groups):
    trunk = build_trunk(name, input_shape=(32, 32, 3), **config)
    model = FaceModel(trunk, [Classification("gender", ("male", "female"))])
    names = [f"group{number + 1}" for number in range(groups)]
    _, hidden = with_hidden(model, names)(np.zeros((1, 32, 32, 3), "uint8"))
    sides = [hidden[each].shape[1] for each in names]
    assert sides == sorted(sides, reverse=True) and list(hidden) == names


def test_normalisation_stands_right_after_the_input_and_margins_are_cut():
    """The first layers: 40 pixels less 4 + 4 above and below and 2 + 6 at the sides."""
    margins = ((4, 4), (2, 6))
    trunk = build_trunk(
        "resnet50", input_shape=(40, 40, 3), divisor=8, input_normalization=True, margins=margins
    )
    kinds = [type(layer).__name__ for layer in trunk.layers[:4]]
    assert kinds == ["InputLayer", "Cropping2D", "BatchNormalization", "Conv2D"]
    assert trunk.layers[1].output.shape == (None, 32, 32, 3)
    picture = np.random.default_rng(0).normal(size=(1, 40, 40, 3)).astype("float32")
    border = picture.copy()
    border[:, :4], border[:, -4:], border[:, :, :2], border[:, :, -6:] = 9, 9, 9, 9
    np.testing.assert_allclose(as_numpy(trunk(picture)), as_numpy(trunk(border)), atol=1e-6)


def test_an_unknown_layer_and_a_trunk_without_a_graph_are_refused():
    model = tiny_model(TASKS[:1])
    with pytest.raises(ValueError, match="near: .*group1.*Received: 'group7'"):
        with_hidden(model, ["group7"])

    class Opaque(keras.Model):
        """Not made of layers in a graph."""

        input_shape, output_shape = (None, 16, 16, 3), (None, 4)

        def call(self, images):
            return images

    with pytest.raises(ValueError, match="functional Keras models. Received: trunk="):
        with_hidden(FaceModel(Opaque(), TASKS[:1]), ["features"])
