"""A face is cut by its points, else by its box; a whole picture is widened, never distorted."""

import numpy as np
import pytest

from kerasface.data.template import crop_from_box, crop_from_points
from kerasface.inference.cropping import crop_face
from kerasface.inference.detection import Face

POINTS = ((40, 30), (60, 30), (50, 40), (42, 52), (58, 52))


def test_points_come_before_the_box(picture):
    face = Face((30, 10, 40, 55), points=POINTS)
    np.testing.assert_array_equal(crop_face(picture, face), crop_from_points(picture, POINTS))


def test_box_alone(picture):
    face = Face((30, 10, 40, 55))
    np.testing.assert_array_equal(
        crop_face(picture, face, 32), crop_from_box(picture, face.box, 32)
    )


def test_square_picture_of_the_models_size_is_taken_as_it_is(rng):
    crop = rng.integers(0, 256, (48, 48, 3), np.uint8)
    np.testing.assert_array_equal(crop_face(crop), crop)


def test_tall_picture_keeps_its_proportions():
    """A disc in a 30 x 60 picture stays a disc of the same share of the height."""
    rows, columns = np.mgrid[:60, :30]
    disc = (rows - 30) ** 2 + (columns - 15) ** 2 < 10**2
    crop = crop_face(np.repeat((disc * 255).astype(np.uint8)[..., None], 3, axis=2))
    middle = crop[..., 0] > 127
    across, down = middle[24, 12:36].sum(), middle[:, 24].sum()
    assert across == down == pytest.approx(20 / 60 * 48, abs=1)


def test_strip_is_no_face():
    with pytest.raises(ValueError, match="strip of 400 x 100 pixels"):
        crop_face(np.zeros((100, 400, 3), np.uint8))
