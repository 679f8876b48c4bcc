"""The trunk of ResNet-18's form: sizes, the linear layer behind it, and what is refused."""

import keras
import numpy as np
import pytest

from kerasface.models import build_trunk


def test_the_student_of_the_paper_has_no_more_than_2_2_million_parameters():
    trunk = build_trunk("resnet18", embedding=224)
    assert 2.0e6 < trunk.count_params() <= 2.2e6
    assert trunk.output_shape == (None, 224)
    convolutions = [layer for layer in trunk.layers if type(layer).__name__ == "Conv2D"]
    # Eight blocks of two, the stem, and a 1 x 1 at each of three changes of width.
    assert len(convolutions) == 2 * 8 + 1 + 3


def test_the_embedding_is_a_linear_layer_of_the_features():
    trunk = build_trunk("resnet18", input_shape=(16, 16, 3), width=2, embedding=5)
    pixels = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype("float32")
    features = keras.Model(trunk.input, trunk.get_layer("features").output)(pixels)
    kernel, bias = trunk.get_layer("embedding").get_weights()
    np.testing.assert_allclose(trunk(pixels), np.asarray(features) @ kernel + bias, atol=1e-5)


def test_without_an_embedding_the_features_are_eight_widths():
    trunk = build_trunk("resnet18", input_shape=(16, 16, 3), width=3)
    assert trunk.output_shape == (None, 24) and trunk.layers[-1].name == "features"


@pytest.mark.parametrize("change", [{"width": 0}, {"embedding": 0}])
def test_refuses_a_width_or_an_embedding_below_one(change):
    with pytest.raises(ValueError, match="Received: width="):
        build_trunk("resnet18", **change)
