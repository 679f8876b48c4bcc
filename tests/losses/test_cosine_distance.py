import math

import numpy as np
import pytest

from kerasface.losses.cosine_distance import CosineDistance, cosine_distance
from tests.contracts import check_loss


def vectors(seed, rows=5, size=4):
    return np.random.default_rng(seed).normal(0, 2, (rows, size)).astype("float32")


def oracle(teacher, student):
    values = []
    for a, b in zip(teacher.tolist(), student.tolist(), strict=True):
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
        values.append(1.0 - dot / length)
    return values


def test_equals_loops():
    teacher, student = vectors(0), vectors(1)
    np.testing.assert_allclose(
        cosine_distance(teacher, student), oracle(teacher, student), rtol=1e-4, atol=1e-6
    )


def test_values_by_hand():
    """Same direction 0, a right angle 1, opposite 2, at 60 degrees 1 - 1/2, a zero vector 1."""
    teacher = np.array([[2, 0], [2, 0], [2, 0], [2, 0], [0, 0]], "float32")
    student = np.array([[3, 0], [0, 1], [-4, 0], [1, math.sqrt(3)], [1, 0]], "float32")
    np.testing.assert_allclose(cosine_distance(teacher, student), [0, 1, 2, 0.5, 1], atol=1e-6)


def test_only_the_student_learns_and_a_zero_vector_has_a_finite_gradient():
    tf = pytest.importorskip("tensorflow")
    teacher, student = tf.Variable(vectors(0)), tf.Variable(vectors(1))
    student.assign(tf.concat([tf.zeros((1, 4)), student[1:]], 0))
    with tf.GradientTape() as tape:
        value = CosineDistance()(teacher, student)
    to_teacher, to_student = tape.gradient(value, [teacher, student])
    assert to_teacher is None and np.isfinite(to_student).all()
    assert np.abs(to_student[1:]).max() > 0


def test_contract(tmp_path):
    check_loss(CosineDistance, {}, vectors(0), vectors(1), tmp_path)
