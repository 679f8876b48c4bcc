import math

import numpy as np
import pytest

from kerasface.tasks import Classification, Domain

TASK = Classification("expression", ("angry", "happy", "sad"))


def test_answer_by_hand():
    """Logits (0, ln 6, ln 3) are odds 1 : 6 : 3."""
    (answer,) = TASK.decode(np.array([[0.0, math.log(6), math.log(3)]], "float32"))
    assert answer == {
        "label": "happy",
        "confidence": 0.6,
        "probabilities": {"angry": 0.1, "happy": 0.6, "sad": 0.3},
    }


def test_probabilities_sum_to_one_whatever_the_logits():
    logits = np.random.default_rng(0).normal(0, 300, (20, 3)).astype("float16")
    for answer in TASK.decode(logits):
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=2e-4)
        assert answer["probabilities"][answer["label"]] == answer["confidence"]


def test_every_class_goes_there_and_back():
    for index, name in enumerate(TASK.classes):
        code = TASK.encode(name)
        assert code == index == TASK.encode(code)
        assert TASK.decode(np.eye(3)[[code]])[0]["label"] == name


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "a"), ("a", "b", "a")])
def test_needs_two_different_classes(classes):
    with pytest.raises(ValueError, match="Received: classes="):
        Classification("x", classes)


def test_loss_by_hand():
    """Logits (0, ln 6, ln 3), label happy: `-ln 0.6`."""
    value = TASK.make_loss()(np.array([1]), np.array([[0.0, math.log(6), math.log(3)]]))
    assert float(value) == pytest.approx(-math.log(0.6), rel=1e-6)


@pytest.mark.parametrize(
    "change", [{"strength": -1.0}, {"strength": float("inf")}, {"hidden": (0,)}]
)
def test_domain_refuses_what_is_no_adversary(change):
    with pytest.raises(ValueError, match="Received: strength="):
        Domain("source", ("a", "b"), **change)


def test_domain_reverses_the_gradient_of_its_head():
    """The head's weights follow the loss, what comes before goes the other way, times strength."""
    tf = pytest.importorskip("tensorflow")
    features = tf.Variable(np.random.default_rng(1).normal(size=(4, 6)).astype("float32"))
    labels = np.array([0, 1, 0, 1], "int32")
    task = Domain("source", ("a", "b"), hidden=(5,))
    head, gradients = task.make_head(), {}
    for strength in (0.0, 0.5, 1.0):
        with tf.GradientTape() as tape:
            outputs = head(features)
            head.reversal.strength.assign(strength)
            loss = task.make_loss()(labels, head(features))
        gradients[strength] = tape.gradient(loss, [features, head.last.kernel])
    assert outputs.shape == (4, 2) and not np.any(gradients[0.0][0])
    np.testing.assert_allclose(gradients[0.5][0], 0.5 * gradients[1.0][0], rtol=1e-5)
    np.testing.assert_allclose(gradients[0.0][1], gradients[1.0][1], rtol=1e-5)
    moved = features + 0.1 * gradients[1.0][0]  # up the trunk's gradient is down the loss
    assert task.make_loss()(labels, head(moved)) < loss
