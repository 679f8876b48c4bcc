"""The layers a trunk trains with, and a network made anew with them."""

import numpy as np
import pytest

from kerasface.models import FaceModel
from kerasface.tasks import Classification
from kerasface.training import Conv2D, FusedBatchNormalization, training_form, training_layers


def test_layers_of_training():
    made = training_layers(momentum=0.5)
    assert made["convolution"] is Conv2D
    assert made["normalization"]().momentum == 0.5


@pytest.mark.parametrize("name", ["small_resnet", "resnet50"])
def test_a_network_in_its_training_form_answers_as_before(name):
    config = {"small_resnet": {"widths": [4, 8, 8], "stem": 4}, "resnet50": {"divisor": 8}}
    spec = {
        "trunk": {"name": name, "config": config[name]},
        "tasks": [Classification("smile", ("no", "yes")).get_config()],
        "input": {"height": 48, "width": 48, "channels": 3},
    }
    plain = FaceModel.from_spec(spec)
    for weight in plain.weights:
        weight.assign(np.random.default_rng(len(weight.shape)).uniform(0.1, 1, weight.shape))
    made = training_form(plain)
    assert {type(layer) for layer in made.trunk.layers} >= {Conv2D, FusedBatchNormalization}
    faces = np.random.default_rng(4).integers(0, 256, (2, 48, 48, 3)).astype("uint8")
    expected = plain(faces)["smile"].numpy()
    np.testing.assert_allclose(made(faces)["smile"], expected, rtol=1e-4)
