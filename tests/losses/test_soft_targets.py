import math

import keras
import numpy as np
import pytest

from kerasface.losses.soft_targets import SoftTargetCrossentropy, soft_target_crossentropy
from tests.contracts import check_loss


def oracle(teacher, student, temperature):
    values = []
    for teacher_row, student_row in zip(teacher.tolist(), student.tolist(), strict=True):
        teacher_odds = [math.exp(z / temperature) for z in teacher_row]
        student_odds = [math.exp(z / temperature) for z in student_row]
        value = 0.0
        for p, q in zip(teacher_odds, student_odds, strict=True):
            value -= p / sum(teacher_odds) * math.log(q / sum(student_odds))
        values.append(temperature**2 * value)
    return values


def logits(seed, rows=6, classes=4, size=2.0):
    return np.random.default_rng(seed).normal(0, size, (rows, classes)).astype("float32")


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 5.0])
def test_equals_loops(temperature):
    teacher, student = logits(0), logits(1)
    values = soft_target_crossentropy(teacher, student, temperature)
    np.testing.assert_allclose(values, oracle(teacher, student, temperature), rtol=1e-5)


def test_value_by_hand():
    """Teacher logits (ln 9, 0) at t = 2 are odds 3 : 1; the student's (0, 0) give 1/2 each.

    `-4 * (3/4 ln 1/2 + 1/4 ln 1/2) = 4 ln 2`. A student equal to the teacher costs its entropy,
    `-4 * (3/4 ln 3/4 + 1/4 ln 1/4) = 4 * (2 ln 2 - 3/4 ln 3)`.
    """
    teacher = [[math.log(9.0), 0.0]]
    loss = SoftTargetCrossentropy(temperature=2.0)
    assert float(loss(teacher, [[0.0, 0.0]])) == pytest.approx(4 * math.log(2), rel=1e-6)
    entropy = 4 * (2 * math.log(2) - 0.75 * math.log(3))
    assert float(loss(teacher, teacher)) == pytest.approx(entropy, rel=1e-6)


def test_gradient_is_the_gap_of_probabilities_times_temperature():
    """`d/dz_S = t * (softmax(z_S / t) - softmax(z_T / t))`, and nothing reaches the teacher."""
    tf = pytest.importorskip("tensorflow")
    teacher, student = tf.constant(logits(0)), tf.constant(logits(1))
    with tf.GradientTape() as tape:
        tape.watch([teacher, student])
        total = keras.ops.sum(soft_target_crossentropy(teacher, student, 3.0))
    to_teacher, to_student = tape.gradient(total, [teacher, student])
    odds_s, odds_t = np.exp(logits(1) / 3.0), np.exp(logits(0) / 3.0)
    gap = odds_s / odds_s.sum(1, keepdims=True) - odds_t / odds_t.sum(1, keepdims=True)
    np.testing.assert_allclose(to_student, 3.0 * gap, atol=1e-5)
    assert to_teacher is None


def test_same_under_a_shift_and_finite_for_large_logits():
    teacher, student = logits(0), logits(1)
    shifted = soft_target_crossentropy(teacher + 50.0, student - 50.0, 2.0)
    np.testing.assert_allclose(shifted, oracle(teacher, student, 2.0), rtol=1e-4)
    assert np.isfinite(soft_target_crossentropy(1e4 * teacher, -1e4 * student, 1.0)).all()


def test_contract(tmp_path):
    check_loss(SoftTargetCrossentropy, {"temperature": 2.0}, logits(0), logits(1), tmp_path)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(ValueError, match="Received: temperature="):
        SoftTargetCrossentropy(temperature)
