"""The common crop: the places things fall on, mirrored borders, smoothing, and what is refused."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kerasface.data import template
from kerasface.data.alignment import similarity
from kerasface.data.template import (
    DETECTOR_BOX,
    EYES,
    MOUTH,
    POINTS,
    SET_BOXES,
    box_to_template,
    crop_box,
    crop_from_box,
    crop_from_points,
)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def dotted_face(points, size, radius):
    """A grey picture with a coloured disc at each of five points (pixels)."""
    image = Image.new("RGB", (size, size), (90, 90, 90))
    draw = ImageDraw.Draw(image)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
    for (x, y), colour in zip(points, colours, strict=True):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.asarray(image), colours


def centre_of(image, colour):
    near = np.abs(image.astype(int) - colour).sum(axis=-1) < 120
    rows, columns = np.nonzero(near)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def test_template_points_agree_with_eyes_and_mouth():
    points = np.array(POINTS)
    np.testing.assert_allclose(points[:2].mean(axis=0), EYES)
    np.testing.assert_allclose(points[3:].mean(axis=0), MOUTH)


def test_fer2013_is_moved_by_two_pixels_and_not_resampled():
    picture = noise(48, 48)
    crop = crop_box(picture, SET_BOXES["fer2013"])
    np.testing.assert_array_equal(crop[:46], picture[2:])
    np.testing.assert_array_equal(crop[46:], picture[:45:-1])  # the last two rows, mirrored


@pytest.mark.parametrize("shape", [(64, 64), (84, 64), (200, 178), (1, 1)])
@pytest.mark.parametrize("name", sorted(SET_BOXES))
def test_every_set_box_gives_a_crop(name, shape):
    crop = crop_box(noise(*shape), SET_BOXES[name])
    assert crop.shape == (48, 48, 3) and crop.dtype == np.uint8


def test_box_to_template_puts_eyes_and_mouth_on_the_template():
    """Eyes at (0.5, 0.2), mouth at (0.5, 0.595): the distance of the template, so side 1."""
    assert box_to_template((0.5, 0.2), (0.5, 0.595)) == (0.0, -0.143, 1.0, 0.857)
    left, top, right, bottom = box_to_template((0.5, 0.3), (0.5, 0.6), aspect=0.5)
    assert (right - left) * 0.5 == pytest.approx(bottom - top, abs=2e-3)
    assert (0.3 - top) / (bottom - top) == pytest.approx(EYES[1], abs=2e-3)
    assert (0.6 - top) / (bottom - top) == pytest.approx(MOUTH[1], abs=2e-3)


def test_shrinking_is_smoothed():
    stripes = np.zeros((480, 480, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(crop_box(stripes)) <= 10
    points = np.array(POINTS) * 480
    assert np.ptp(crop_from_points(stripes, points).astype(int)) <= 40


@pytest.mark.parametrize("angle", [-30, 0, 20, 170])
@pytest.mark.parametrize("side", [40, 150])
def test_points_come_to_lie_on_the_template(angle, side):
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (np.array(POINTS) - 0.5) * side @ rotation.T + (130, 110)
    image, colours = dotted_face(points, 256, side / 24)
    crop = crop_from_points(image, points)
    for place, colour in zip(POINTS, colours, strict=True):
        np.testing.assert_allclose(centre_of(crop, colour), np.array(place) * 48, atol=1.0)


def test_box_and_points_of_one_face_give_the_same_crop():
    image, _ = dotted_face(np.array(POINTS) * 96 + (50, 40), 240, 4)
    left, top, right, bottom = np.array(DETECTOR_BOX) * 96 + (50, 40, 50, 40)
    by_box = crop_from_box(image, (left, top, right - left, bottom - top))
    by_points = crop_from_points(image, np.array(POINTS) * 96 + (50, 40))
    assert np.abs(by_box.astype(int) - by_points).mean() < 1.0


def test_face_turned_to_the_side_is_not_zoomed_in():
    """All points on one vertical line: eyes to mouth must still span the template's distance."""
    points = np.array(POINTS) * 100 + 50
    points[:, 0] = 100
    image, colours = dotted_face(points, 200, 1)
    image = image.copy()
    image[84:86], image[123:125] = (255, 0, 255), (255, 0, 255)  # rows of the eyes and the mouth
    rows = centre_rows(crop_from_points(image, points))
    np.testing.assert_allclose(rows, [EYES[1] * 48, MOUTH[1] * 48], atol=1.0)


def centre_rows(crop):
    marked = np.nonzero((crop[:, 2].astype(int) - (90, 90, 90))[:, 0] > 40)[0]
    upper, lower = marked[marked < 24], marked[marked >= 24]
    return [upper.mean() + 0.5, lower.mean() + 0.5]


def test_similarity_is_the_least_squares_one():
    """A generic solver on the four unknowns gives the same transform from noisy points."""
    rng = np.random.default_rng(3)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [u, v]
    a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    np.testing.assert_allclose(similarity(source, target), [[a, -b, c], [b, a, d]], atol=1e-12)


def test_face_at_the_border_is_mirrored_not_black():
    white = np.full((60, 60, 3), 250, np.uint8)
    assert crop_from_points(white, np.array(POINTS) * 80 - 30).min() == 250
    assert crop_from_box(white, (-20, -20, 50, 60)).min() == 250


@pytest.mark.parametrize("cut", ["box", "points", "strip"])
def test_large_crops_from_a_reduced_picture_are_nearly_the_same(cut, rng, monkeypatch):
    """Random fields, steep enough that half a pixel off they differ by 9 greys on average."""
    field = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
    picture = np.asarray(field.resize((2100, 2100), Image.Resampling.BICUBIC))
    crop = {
        "box": lambda: crop_box(picture, (-0.02, 0.01, 0.98, 1.01)),
        "points": lambda: crop_from_points(picture, np.array(POINTS) * 2080 + 11),
        "strip": lambda: crop_box(picture[:700], (0, -1, 1, 2)),
    }[cut]
    reduced = crop()
    monkeypatch.setattr(template, "_LARGE_CROP", 10**9)
    direct = crop()
    assert (reduced != direct).any(), "the picture was not reduced"
    difference = reduced.astype(int) - direct
    assert abs(difference).mean() < 1 and abs(difference.mean()) < 0.1
    assert abs(difference).max() <= 5


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: crop_box(np.zeros((4, 4), np.uint8)), "uint8 array"),
        (lambda: crop_box(np.zeros((4, 4, 3))), "uint8 array"),
        (lambda: crop_box(noise(8, 8), (0.5, 0, 0.5, 1)), "not empty"),
        (lambda: crop_box(noise(8, 8), (0, 0, float("nan"), 1)), "finite"),
        (lambda: crop_box(noise(8, 8), (0, 0, 1e9, 1e9)), "near its picture"),
        (lambda: crop_from_box(noise(8, 8), (1e9, 0, 5, 5)), "near its picture"),
        (lambda: crop_from_points(noise(8, 8), [[3, 3]] * 5), "fall on one another"),
        (lambda: crop_from_points(noise(8, 8), [[3, float("inf")]] * 5), "finite"),
        (lambda: crop_from_points(noise(8, 8), [[3, 3]] * 4), "one shape"),
    ],
)
def test_what_cannot_be_cut_is_said_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "Received:" in str(error.value) and "\n" not in str(error.value)
