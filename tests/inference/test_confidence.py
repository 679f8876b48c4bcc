"""Temperatures and doubt, by numbers worked out by hand."""

import json
import math

import numpy as np
import pytest

from kerasface.inference import RuntimeModel, calibrated, with_doubt
from kerasface.inference.confidence import temperatures_of
from kerasface.inference.published_model import PublishedModel
from kerasface.tasks import Classification, Regression

SMILE = Classification("smile", ("no", "yes"))


def test_scaled_probabilities_by_hand():
    """Logits 0 and ln 9 say 0.9; at the temperature 2 the odds are 3 to 1; at 0.5 they are 81."""
    logits = np.array([[0.0, math.log(9.0)]], "float32")
    for temperature, expected in ((1.0, 0.9), (2.0, 0.75), (0.5, 81 / 82)):
        [answer] = SMILE.decode(calibrated(logits, temperature))
        assert answer["label"] == "yes"
        assert answer["confidence"] == pytest.approx(expected, abs=1e-4)
    assert calibrated(logits).shape == (1, 2) and logits.dtype == np.float32


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_no_temperature(temperature):
    with pytest.raises(ValueError, match="above 0. Received: temperature="):
        calibrated(np.zeros((1, 2)), temperature)


def test_doubt_takes_the_label_and_leaves_the_rest():
    [answer] = SMILE.decode(np.array([[0.0, math.log(4.0)]]))
    kept = dict(answer)
    unsure = with_doubt(answer, 0.81)
    assert unsure == {**kept, "label": None, "sure": False}
    assert json.loads(json.dumps(unsure))["label"] is None
    # The threshold itself is enough; an answer is never changed in place.
    assert with_doubt(answer, 0.8) == {**kept, "sure": True}
    assert with_doubt(answer, None) == kept and answer == kept


def test_an_answer_without_confidence_has_no_doubt():
    [answer] = Regression("age", "years", (0, 116)).decode(np.array([[30.0]]))
    assert with_doubt(answer, 0.99) == answer


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 80, float("nan")])
def test_no_threshold(threshold):
    with pytest.raises(ValueError, match="from 0 to 1. Received: threshold="):
        with_doubt({}, threshold)


def test_a_model_without_an_entry_has_no_temperatures():
    spec = {
        "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
        "tasks": [SMILE.get_config()],
        "input": {"height": 48, "width": 48, "channels": 3},
    }

    class Runner:
        input_shape, outputs = (48, 48, 3), {"smile": 2}

    assert PublishedModel.from_spec(spec).temperatures == {}
    assert RuntimeModel(Runner(), [SMILE], "onnx").temperatures == {}
    assert temperatures_of(object()) == {}
