"""Transforms: their names, where each pixel comes from, and what is no transform."""

import numpy as np
import pytest

from kerasface.inference.transforms import DEFAULT_TRANSFORMS, picture_transforms, resampling
from tests.inference.label_oracles import BOXES, seen_by_loops

MORE = {
    "scale=0.8": (False, (-0.125, -0.125, 1.125, 1.125)),
    "shift=0.25:-0.125": (False, (-0.25, 0.125, 0.75, 1.125)),
    "flip+shift=0.25:0": (True, (0.25, 0.0, 1.25, 1.0)),
    "shift=0.25:0+flip": (True, (-0.25, 0.0, 0.75, 1.0)),
    "crop=0.1:0.2:0.7:0.9+flip": (True, (0.1, 0.2, 0.7, 0.9)),
    "scale=1.25+crop=0:0:0.5:0.5": (False, (0.1, 0.1, 0.5, 0.5)),
}


def seen(image, name):
    [transform] = picture_transforms([name])
    down = resampling(image.shape[0], transform.y)
    across = resampling(image.shape[1], transform.x)
    return np.einsum("yr,xc,rck->yxk", down, across, image.astype("float32"))


def test_the_default_is_the_listed_set():
    assert DEFAULT_TRANSFORMS == tuple(BOXES)
    assert [each.name for each in picture_transforms(DEFAULT_TRANSFORMS)] == list(BOXES)


@pytest.mark.parametrize("name", [*BOXES, *MORE])
def test_pixels_come_from_where_the_loops_say(name, rng):
    image = rng.integers(0, 256, (10, 8, 3), np.uint8)
    expected = seen_by_loops(image, *{**BOXES, **MORE}[name])
    np.testing.assert_allclose(seen(image, name), expected, atol=2e-3)


def test_whole_pixels_are_moved_and_not_blurred(rng):
    image = rng.integers(0, 256, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(seen(image, "plain"), image)
    np.testing.assert_array_equal(seen(image, "flip"), image[:, ::-1])
    moved = seen(image, "shift=0.25:-0.125")
    np.testing.assert_array_equal(moved[:-1, 2:], image[1:, :-2])  # 2 to the right, 1 up
    np.testing.assert_array_equal(moved[:-1, :2], image[1:, 1::-1])  # the mirrored border
    np.testing.assert_array_equal(moved[-1, 2:], image[-1, :-2])


def test_weights_by_hand():
    """Of 4 pixels enlarged twice, the first seen lies at (0.125 / 2 + 0.25) * 4 = 1.25 pixels.

    That is three quarters of the way from the middle of pixel 0, at 0.5, to that of pixel 1, at
    1.5: they weigh 0.25 and 0.75.
    """
    weights = resampling(4, (0.5, 0.25))
    np.testing.assert_allclose(weights[0], [0.25, 0.75, 0, 0])
    np.testing.assert_allclose(weights[1], [0, 0.75, 0.25, 0])
    np.testing.assert_allclose(weights[::-1, ::-1], weights)


@pytest.mark.parametrize("line", [(1.0, 0.0), (-1.0, 1.0), (0.37, 0.2), (1.9, -0.6), (-1.3, 1.1)])
def test_weights_sum_to_one(line):
    weights = resampling(7, line)
    assert weights.dtype == np.float32 and (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)


def test_a_composition_is_its_steps_one_after_the_other():
    """Moved right by 0.1 and then mirrored is mirrored and then moved left."""
    one, other = picture_transforms(["shift=0.1:0+flip", "shift=0.2:0"])
    assert one.x == pytest.approx((-1.0, 0.9)) and one.mirrored and not other.mirrored
    [same] = picture_transforms(["flip+shift=-0.1:0"])
    assert same.x == pytest.approx(one.x)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["plain", "plain"],
        ["flip", "scale=1+flip"],
        ["mirror"],
        [""],
        ["flip=1"],
        ["scale"],
        ["scale=big"],
        ["scale=0.4"],
        ["scale=nan"],
        ["shift=0.6:0"],
        ["shift=0.1"],
        ["crop=0.5:0:0.6:1"],
        ["crop=0:0:1.1:1"],
        ["crop=0.9:0:0.1:1"],
        ["scale=2+scale=2+scale=2"],
        ["flip+"],
        ["plain,flip"],
    ],
)
def test_what_is_no_transform_is_said(names):
    with pytest.raises(ValueError, match="transforms? (is|must).*Received: "):
        picture_transforms(names)
