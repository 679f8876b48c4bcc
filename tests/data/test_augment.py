"""Augmentation: dots found where the moved landmarks say, and each change by itself."""

import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.augment import Augmentation
from kerasface.tasks.landmarks import MIRROR_5, MIRROR_68

OFF = {
    "flip": 0.0,
    "shift": 0.0,
    "scale": 0.0,
    "rotate": 0.0,
    "contrast": 0.0,
    "brightness": 0.0,
    "grey": 0.0,
    "erase": 0.0,
}
FACE = np.array([[0.3, 0.35], [0.7, 0.33], [0.52, 0.55], [0.35, 0.75], [0.68, 0.72]], "float32")
SIDE = 64
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]])
# The colour of the point that takes each place when a face of five points is mirrored.
LEFT_RIGHT = (1, 0, 2, 4, 3)


def noise(batch=6, side=12, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, side, side, 3), np.uint8)


def changed(images, points=None, seed=(1, 2), **change):
    images, moved = Augmentation(**{**OFF, **change})(images, points or {}, seed)
    return images.numpy(), {name: label.numpy() for name, label in moved.items()}


def dotted(side=SIDE, width=None):
    """A black picture with a soft dot of its own colour at each point of `FACE`."""
    width = side if width is None else width
    y, x = np.mgrid[:side, :width]
    picture = np.zeros((side, width, 3))
    for (left, top), colour in zip(FACE, COLOURS, strict=True):
        far = (x + 0.5 - left * width) ** 2 + (y + 0.5 - top * side) ** 2
        picture = np.maximum(picture, np.exp(-far / 4.5)[..., None] * colour)
    return picture.astype("uint8")


def centre_of(picture, colour):
    """Centre of the pixels whose colour is near `colour`'s direction, in shares of the side."""
    picture = picture.astype(float)
    wanted = (np.abs(picture * (colour == 0)).max(-1) < 30) & (
        (picture * (colour > 0) + 999 * (colour == 0)).min(-1) > 60
    )
    weight = np.where(wanted, picture.max(-1), 0.0)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array(
        [
            ((x + 0.5) * weight).sum() / weight.sum() / picture.shape[1],
            ((y + 0.5) * weight).sum() / weight.sum() / picture.shape[0],
        ]
    )


@pytest.mark.parametrize(
    "change, side",
    [
        ({}, SIDE),
        ({"flip": 1.0}, SIDE),
        ({"flip": 0.5}, SIDE),
        ({"shift": 0.12}, SIDE),
        ({"scale": 0.25}, SIDE),
        ({"rotate": 25.0}, SIDE),
        ({"size": 48}, 48),
        ({"size": 80}, 80),
        ({"flip": 0.5, "shift": 0.1, "scale": 0.15, "rotate": 15.0}, SIDE),
        ({"flip": 0.5, "shift": 0.1, "scale": 0.15, "rotate": 15.0, "size": 47}, 47),
    ],
)
def test_landmarks_move_with_the_picture(change, side):
    batch = 8
    images = np.repeat(dotted()[None], batch, axis=0)
    labels = np.repeat(FACE[None], batch, axis=0)
    pictures, moved = changed(images, {"landmarks5": (labels, MIRROR_5)}, **change)
    assert pictures.shape == (batch, side, side, 3)
    flips = 0
    for picture, points in zip(pictures, moved["landmarks5"], strict=True):
        found = np.array([centre_of(picture, colour) for colour in COLOURS])
        # In a mirrored picture the first point is the other eye: a dot of the other's colour.
        mirrored = _is_mirrored(found)
        flips += mirrored
        order = list(LEFT_RIGHT) if mirrored else list(range(5))
        np.testing.assert_allclose(points, found[order], atol=0.6 / side)
        assert points[0, 0] < points[1, 0]  # the left eye of the label stays left
    if change.get("flip") == 1.0:
        assert flips == batch
    if change.get("flip") == 0.5:
        assert 0 < flips < batch
    if "flip" not in change:
        assert flips == 0


def _is_mirrored(found):
    """Whether red, drawn left of green, came to lie right of it (turns here are below 90)."""
    return bool(found[0, 0] > found[1, 0])


def test_a_picture_that_is_wider_than_high_keeps_its_points():
    picture, labels = dotted(48, 80)[None], FACE[None]
    images, moved = changed(picture, {"p": (labels, MIRROR_5)}, shift=0.1, scale=0.2, flip=1.0)
    found = np.array([centre_of(images[0], colour) for colour in COLOURS])
    np.testing.assert_allclose(moved["p"][0], found[list(LEFT_RIGHT)], atol=0.02)


def test_sixty_eight_points_change_sides_in_their_own_order():
    """Mirrored, the jaw's first point is what was its last, and the nose's bridge stays."""
    labels = np.random.default_rng(0).random((3, 68, 2)).astype("float32")
    _, moved = changed(noise(3), {"p": (labels, MIRROR_68)}, flip=1.0)
    for place, other in ((0, 16), (16, 0), (8, 8), (27, 27), (36, 45), (48, 54), (60, 64)):
        expected = labels[:, other] * [-1, 1] + [1, 0]
        np.testing.assert_allclose(moved["p"][:, place], expected, atol=1e-6)


def test_nothing_asked_nothing_changed():
    images = noise()
    labels = np.random.default_rng(0).random((6, 5, 2)).astype("float32")
    pictures, moved = changed(images, {"p": (labels, MIRROR_5)})
    np.testing.assert_allclose(pictures, images, atol=1e-2)
    np.testing.assert_allclose(moved["p"], labels, atol=1e-6)
    assert pictures.dtype == np.float32


def test_a_certain_flip_is_numpys():
    images = noise()
    np.testing.assert_allclose(changed(images, flip=1.0)[0], images[:, :, ::-1], atol=1e-2)


def test_a_smaller_size_equals_the_linear_resize():
    images = noise(2, 24)
    half = changed(images, size=12)[0]
    means = images.reshape(2, 12, 2, 12, 2, 3).mean((2, 4))
    np.testing.assert_allclose(half, means, atol=1e-2)


def test_nothing_black_comes_in_at_the_border():
    white = np.full((8, 16, 16, 3), 200, np.uint8)
    np.testing.assert_allclose(changed(white, shift=0.5, rotate=90.0, scale=0.5)[0], 200, atol=1e-2)


def test_the_same_seed_gives_the_same_pictures_and_rows_differ():
    images = np.repeat(noise(1), 8, axis=0)
    augmentation = Augmentation()
    one, other = (augmentation(images, {}, (4, 5))[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert len({picture.tobytes() for picture in one}) == 8
    assert not np.array_equal(one, augmentation(images, {}, (5, 5))[0].numpy())


def test_eager_and_graph_agree_and_uint8_is_as_float():
    images, augmentation = noise(), Augmentation()
    eager = augmentation(images, {}, (1, 1))[0]
    traced = tf.function(lambda x: augmentation(x, {}, (1, 1))[0])(images)
    np.testing.assert_allclose(traced, eager, atol=1e-3)
    as_float = augmentation(images.astype("float32"), {}, (1, 1))[0]
    np.testing.assert_array_equal(eager, as_float)


def test_grey_pictures_have_their_lightness_in_all_channels():
    """Of pure red 255 the lightness is 0.299 * 255 = 76.245."""
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(changed(red, grey=1.0)[0], 76.245, atol=1e-3)
    images = noise(200, 4)
    pictures = changed(images, grey=0.5)[0]
    grey = np.ptp(pictures, axis=-1).max((1, 2)) < 1e-3
    assert 0.35 < grey.mean() < 0.65
    np.testing.assert_allclose(pictures[~grey], images[~grey], atol=1e-2)
    assert np.ptp(changed(noise(20), grey=0.0)[0], axis=-1).max((1, 2)).min() > 0


def test_erased_rectangles_are_grey_and_of_the_stated_area():
    images = np.zeros((200, 48, 48, 3), np.uint8)
    pictures = changed(images, erase=1.0)[0]
    assert set(np.unique(pictures)) == {0.0, 127.5}
    for picture in pictures:
        inside = picture[..., 0] > 0
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        box = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.all() and 0.08 < inside.mean() < 0.28
    share = (changed(images, erase=0.25)[0].max((1, 2, 3)) > 0).mean()
    assert 0.15 < share < 0.35
    assert changed(images, erase=0.0)[0].max() == 0


def test_contrast_and_brightness_stay_within_what_is_asked():
    images = np.full((200, 4, 4, 3), 100, np.uint8)
    images[:, :2] = 120
    spread = np.ptp(changed(images, contrast=0.25)[0], axis=(1, 2, 3))
    assert 15 <= spread.min() < 16 and 24 < spread.max() <= 25
    means = changed(images, brightness=0.1)[0].mean((1, 2, 3))
    assert 84.4 < means.min() < 88 and 132 < means.max() < 135.6
    bright = changed(np.full((50, 4, 4, 3), 250, np.uint8), brightness=1.0)[0]
    assert bright.min() >= 0 and bright.max() == 255


@pytest.mark.parametrize(
    "change",
    [{"flip": 1.5}, {"shift": -0.1}, {"rotate": 181.0}, {"erase": 2.0}, {"size": 0}],
)
def test_what_is_out_of_range_is_refused(change):
    with pytest.raises(ValueError, match=f"Received: {next(iter(change))}="):
        Augmentation(**change)
