"""`MarginSoftmax`: CosFace's eq. 4 in loops, and as the loss of a task."""

import math

import keras
import numpy as np
import pytest

from kerasface.layers import CosineLogits
from kerasface.losses import MarginSoftmax
from kerasface.losses.margin_softmax import margin_softmax
from kerasface.tasks import Classification, from_config
from tests.contracts import check_loss

LOGITS = np.random.default_rng(0).uniform(-8, 8, (6, 4)).astype("float32")
LABELS = np.array([0, 3, 1, 2, 3, 0], "int32")


def oracle(label, row, margin):
    lowered = math.exp(row[label] - margin)
    others = sum(math.exp(value) for place, value in enumerate(row) if place != label)
    return -math.log(lowered / (lowered + others))


def test_equals_loops():
    expected = [oracle(label, row, 2.8) for label, row in zip(LABELS, LOGITS.tolist(), strict=True)]
    np.testing.assert_allclose(margin_softmax(LABELS, LOGITS, 2.8), expected, rtol=1e-4)
    loss = MarginSoftmax(margin=0.35, scale=8.0)
    assert float(loss(LABELS[:, None], LOGITS)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_no_margin_is_plain_cross_entropy():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = MarginSoftmax(margin=0.0)(LABELS, LOGITS)
    assert float(found) == pytest.approx(float(plain(LABELS, LOGITS)), rel=1e-5)


def test_contract(tmp_path):
    check_loss(MarginSoftmax, {"margin": 0.2, "scale": 8.0}, LABELS, LOGITS, tmp_path)


def test_a_task_of_directions():
    task = Classification("person", ("a", "b", "c", "d"), cosine_scale=8.0, cosine_margin=0.35)
    head, loss = task.make_head(), task.make_loss()
    assert head.dtype_policy.name == "float32"
    assert isinstance(head, CosineLogits) and (head.classes, head.scale) == (4, 8.0)
    assert isinstance(loss, MarginSoftmax) and (loss.margin, loss.scale) == (0.35, 8.0)
    assert from_config(task.get_config()) == task
    plain = Classification("person", ("a", "b"), cosine_scale=8.0)
    assert not isinstance(plain.make_loss(), MarginSoftmax)
    assert "cosine_scale" not in Classification("person", ("a", "b")).get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: MarginSoftmax(margin=-0.1),
        lambda: MarginSoftmax(scale=0.0),
        lambda: Classification("x", ("a", "b"), cosine_margin=0.2),
        lambda: Classification("x", ("a", "b"), cosine_scale=-1.0),
        lambda: Classification("x", ("a", "b"), cosine_scale=1.0, cosine_margin=-1.0),
    ],
)
def test_refusals(make):
    with pytest.raises(ValueError, match="Received: (margin|cosine_scale)="):
        make()
