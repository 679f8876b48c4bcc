"""A face is cut by its points, else by its box; a whole picture is widened, never distorted."""

from types import SimpleNamespace

import numpy as np
import pytest

from kerasface.data.template import POINTS as TEMPLATE_POINTS
from kerasface.data.template import crop_from_box, crop_from_points, square_of_box
from kerasface.inference.cropping import CropContract, contract_of, crop_face
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


ARCFACE = ((0.342, 0.462), (0.657, 0.46), (0.5, 0.64), (0.371, 0.824), (0.632, 0.823))


def dotted(points, size=400, radius=4):
    """A grey picture with a white disc at each point."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    near = np.min([np.hypot(columns - x, rows - y) for x, y in points], axis=0)
    return np.repeat(np.where(near < radius, 255, 90).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("angle", [0, -35, 80])
@pytest.mark.parametrize("side", [14, 150])
def test_entrys_own_template_is_met_by_tilted_and_tiny_faces(angle, side):
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (np.array(ARCFACE) - 0.5) * side @ rotation.T + (210, 190)
    image = dotted(points, radius=max(1.0, side / 28))
    contract = CropContract(112, ARCFACE)
    crop = contract.cut(image, Face((150, 120, 80, 100), points=points)).astype(int)
    assert crop.shape == (112, 112, 3)
    for x, y in ARCFACE:
        around = crop[round(y * 112) - 6 : round(y * 112) + 6, round(x * 112) - 6 :][:, :12, 0] - 90
        rows, columns = np.nonzero(around > around.max() / 2)
        centre = (columns.mean() + 0.5 + round(x * 112) - 6, rows.mean() + 0.5 + round(y * 112) - 6)
        np.testing.assert_allclose(centre, (x * 112, y * 112), atol=2.5)


def test_place_of_the_crop_is_where_it_was_cut(picture):
    """The crop's corners, asked of the contract, for each way of cutting."""
    contract = CropContract()
    np.testing.assert_allclose(contract.to_picture(picture), [[120, 0, 0], [0, 120, -15]])
    face = Face((30, 10, 40, 53))
    side = 53 / 1.06
    expected = [[side, 0, 50 - side / 2], [0, side, 10 + 0.065 * side]]
    np.testing.assert_allclose(contract.to_picture(picture, face), expected, atol=1e-9)
    aligned = contract.to_picture(picture, Face((30, 10, 40, 55), points=POINTS))
    np.testing.assert_allclose(
        aligned[:, :2] @ np.mean(contract.template, axis=0) + aligned[:, 2], np.mean(POINTS, axis=0)
    )


def test_box_of_another_template_is_that_of_upright_points():
    image = dotted([(180, 160), (220, 160), (200, 185), (184, 205), (216, 205)])
    face = Face((150, 120, 100, 132))
    left, top, side = square_of_box(face.box)
    points = np.array(TEMPLATE_POINTS) * side + (left, top)
    contract = CropContract(96, ARCFACE)
    np.testing.assert_array_equal(
        contract.cut(image, face), contract.cut(image, Face(face.box, points=points))
    )


def test_border_is_mirrored_not_black(picture):
    bright = np.full_like(picture, 200)
    face = Face((-20, -20, 60, 80), points=((-5, 0), (25, 0), (10, 15), (-2, 30), (22, 30)))
    assert CropContract().cut(bright, face).min() == 200


def test_template_of_the_manifest_and_of_none():
    class Model:
        manifest = None

    assert contract_of(Model) == CropContract(48)
    Model.manifest = SimpleNamespace(input=SimpleNamespace(template={"points": ARCFACE}))
    assert contract_of(Model, 112) == CropContract(112, ARCFACE)
    Model.manifest.input.template = {"eyes": (0.5, 0.3)}
    assert contract_of(Model) == CropContract(48)


@pytest.mark.parametrize(
    "template", [(), [(0.5, 0.5)] * 4, [(0.5, float("nan"))] * 5, [(9, 9)] * 5]
)
def test_what_is_no_template(template):
    with pytest.raises(ValueError, match="Received:"):
        CropContract(48, template)
