import numpy as np
import pytest

from kerasface.tasks import Landmarks
from kerasface.tasks.landmarks import MIRROR_5, MIRROR_68


def arc(left, right, count, height, bow):
    """`count` points from `left` to `right`, bowed by `bow` in the middle."""
    places = np.linspace(-1, 1, count)
    x = left + (right - left) * (places + 1) / 2
    return np.stack([x, height + bow * (1 - places**2)], axis=1)


def symmetrical_face():
    """68 points in the ibug order of a face that is its own mirror image, part by part."""
    return np.concatenate(
        [
            arc(0.1, 0.9, 17, 0.4, 0.5),  # 0-16 jaw, from the image's left to its right
            arc(0.15, 0.4, 5, 0.3, -0.05),  # 17-21 left brow
            arc(0.6, 0.85, 5, 0.3, -0.05),  # 22-26 right brow
            np.stack([np.full(4, 0.5), np.linspace(0.35, 0.55, 4)], 1),  # 27-30 bridge, downwards
            arc(0.42, 0.58, 5, 0.6, 0.02),  # 31-35 under the nose
            arc(0.2, 0.38, 4, 0.4, -0.03),  # 36-39 left eye: outer corner, upper lid, inner corner
            arc(0.32, 0.26, 2, 0.43, 0.0),  # 40-41 its lower lid, back outwards
            arc(0.62, 0.8, 4, 0.4, -0.03),  # 42-45 right eye: inner corner, upper lid, outer
            arc(0.74, 0.68, 2, 0.43, 0.0),  # 46-47 its lower lid, back inwards
            arc(0.35, 0.65, 7, 0.75, -0.05),  # 48-54 outer lips: left corner, above, right corner
            arc(0.6, 0.4, 5, 0.8, 0.03),  # 55-59 outer lips below, from right to left
            arc(0.38, 0.62, 5, 0.76, -0.01),  # 60-64 inner lips: left corner, above, right corner
            arc(0.56, 0.44, 3, 0.78, 0.01),  # 65-67 inner lips below, from right to left
        ]
    )


def test_68_points_of_a_symmetrical_face_mirror_onto_themselves():
    """A mirrored picture moves x to 1 - x; renamed by the order, each point is the old one."""
    face = symmetrical_face()
    assert face.shape == (68, 2)
    mirrored = face * [-1, 1] + [1, 0]
    np.testing.assert_allclose(mirrored[list(MIRROR_68)], face, atol=1e-12)


def test_5_points_of_a_symmetrical_face_mirror_onto_themselves():
    face = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    mirrored = face * [-1, 1] + [1, 0]
    np.testing.assert_allclose(mirrored[list(MIRROR_5)], face, atol=1e-12)


@pytest.mark.parametrize("mirror", [MIRROR_5, MIRROR_68])
def test_mirroring_twice_is_nothing(mirror):
    order = np.array(mirror)
    assert sorted(mirror) == list(range(len(mirror)))
    np.testing.assert_array_equal(order[order], np.arange(len(mirror)))


@pytest.mark.parametrize(
    "part,other",
    [
        (range(0, 8), range(9, 17)),  # halves of the jaw
        (range(17, 22), range(22, 27)),  # brows
        (range(36, 42), range(42, 48)),  # eyes
        ((48, 49, 50, 58, 59, 60, 61, 67), (52, 53, 54, 55, 56, 63, 64, 65)),  # mouth
        ((31, 32), (34, 35)),  # nostrils
    ],
)
def test_left_parts_become_right_parts(part, other):
    assert {MIRROR_68[index] for index in part} == set(other)


def test_what_lies_in_the_middle_stays():
    middle = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)
    assert [index for index, place in enumerate(MIRROR_68) if index == place] == list(middle)


@pytest.mark.parametrize(
    "points,mirror", [(3, None), (2, (0, 0)), (3, (1, 2, 0)), (2, (0, 1, 2)), (2, (-1, 0))]
)
def test_refuses_an_order_that_is_no_mirror(points, mirror):
    with pytest.raises(ValueError, match="Received: mirror="):
        Landmarks("points", points, mirror=mirror)


def test_answer_has_x_first():
    outputs = np.array([[0.1, 0.2, 0.30004, 0.4]])
    assert Landmarks("eyes", 2, mirror=(1, 0)).decode(outputs) == [
        {"points": [[0.1, 0.2], [0.3, 0.4]]}
    ]


def test_the_head_starts_in_the_middle_of_the_face():
    head = Landmarks("landmarks5", 5).make_head()
    head.build((None, 4))
    head.set_weights([np.zeros_like(weight) for weight in head.get_weights()])
    np.testing.assert_array_equal(head(np.ones((2, 4), "float32")), np.full((2, 10), 0.5))
