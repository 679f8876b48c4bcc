"""What the network is given when a real detector looks at a real portrait in trouble.

The crops are compared with those of the portrait's points, marked by hand: at a border, tilted,
tiny, beside others, and where there is nobody.
"""

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.demo import portrait
from kerasface.data.template import crop_from_points
from kerasface.inference.cropping import CropContract
from kerasface.inference.detection import Face
from kerasface.inference.face_reader import FaceReader
from tests.apps.numpy_model import MeansRunner, numpy_model

# Of the portrait: eyes, nose tip, corners of the mouth, as a viewer sees them.
POINTS = np.array([(220, 190), (308, 186), (268, 237), (232, 277), (304, 273)], float)
ALIKE = 0.75  # correlation: a cascade's box is off by a tenth of the face


class Recorder(MeansRunner):
    """Keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.crops = []

    def __call__(self, images):
        self.crops += list(images)
        return super().__call__(images)


@pytest.fixture(scope="module")
def image():
    pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'kerasface[opencv]'")
    return Image.open(portrait()).convert("RGB")


def read(pixels, detector="haar", **more):
    """The result, and the crops that its faces were read from."""
    recorder = Recorder()
    [result] = FaceReader(numpy_model(recorder), detector, **more)(np.asarray(pixels))
    assert result.error is None and len(result.faces) == len(recorder.crops)
    return result, recorder.crops


def likeness(crop, other):
    """Correlation of two crops, -1 to 1."""
    pair = [np.asarray(each, float).ravel() for each in (crop, other)]
    return np.corrcoef(*pair)[0, 1]


def test_upright(image):
    result, [crop] = read(image)
    assert likeness(crop, crop_from_points(np.asarray(image), POINTS)) > ALIKE
    assert likeness(crop, crop_from_points(np.asarray(image), POINTS + (60, 0))) < 0.6


@pytest.mark.parametrize("box", [(150, 60, 512, 500), (0, 95, 400, 420), (140, 0, 372, 330)])
def test_at_the_border_what_is_missing_is_the_mirror_image(image, box):
    """The crop reaches past the picture, and nowhere is it black or stretched."""
    part = np.asarray(image.crop(box))
    result, [crop] = read(part)
    assert likeness(crop, crop_from_points(part, POINTS - box[:2])) > ALIKE
    left, top, width, height = result.faces[0].box
    mirrored = np.pad(part, ((200, 200), (200, 200), (0, 0)), "symmetric")
    expected = CropContract().cut(mirrored, Face((left + 200, top + 200, width, height)))
    assert np.abs(crop.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("angle", [-12, 12])
def test_tilted_by_its_box_a_face_stays_tilted(image, angle):
    tilted = image.rotate(angle, Image.Resampling.BICUBIC, center=tuple(POINTS.mean(axis=0)))
    _, [crop] = read(tilted)
    upright = crop_from_points(np.asarray(image), POINTS)
    turned = np.asarray(Image.fromarray(upright).rotate(angle, Image.Resampling.BICUBIC))
    inner = slice(8, 40)
    assert likeness(crop[inner, inner], turned[inner, inner]) > ALIKE


@pytest.mark.parametrize("angle", [-40, 90, 180])
def test_tilted_by_its_points_a_face_is_upright(image, angle):
    centre = POINTS.mean(axis=0)
    tilted = image.rotate(angle, Image.Resampling.BICUBIC, center=tuple(centre))
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = (POINTS - centre) @ rotation.T + centre

    def detector(pixels):
        return [{"box": (*points.min(axis=0), *np.ptp(points, axis=0)), "points": points}]

    _, [crop] = read(tilted, detector)
    assert likeness(crop, crop_from_points(np.asarray(image), POINTS)) > 0.97


def test_tiny(image):
    """A face of 25 pixels, enlarged to the crop's 48."""
    small = image.resize((72, 84), Image.Resampling.LANCZOS)
    result, [crop] = read(small)
    assert result.faces[0].box[2] < 30
    assert likeness(crop, crop_from_points(np.asarray(small), POINTS * 0.14)) > ALIKE


def test_several_of_other_sizes_from_left_to_right(image):
    group = Image.new("RGB", (900, 420), (90, 110, 130))
    places = ((0, 0.7), (360, 0.4), (590, 0.6))
    for x, scale in places:
        size = (round(512 * scale), round(600 * scale))
        group.paste(image.resize(size, Image.Resampling.LANCZOS), (x, 0))
    result, crops = read(group)
    lefts = [face.box[0] for face in result.faces]
    assert len(crops) == 3 and lefts == sorted(lefts)
    for crop, (x, scale) in zip(crops, places, strict=True):
        wanted = crop_from_points(np.asarray(group), POINTS * scale + (x, 0))
        assert likeness(crop, wanted) > ALIKE


def test_nobody(image):
    """The rule for undetected faces: none is made up, unless the whole picture is asked for."""
    shoulder = np.asarray(image.crop((330, 420, 512, 600)))
    result, crops = read(shoulder)
    assert result.faces == () and crops == []
    result, [crop] = read(shoulder, undetected="whole")
    assert not result.faces[0].detected and result.faces[0].box == (0, 0, 182, 180)
    np.testing.assert_array_equal(crop, CropContract().cut(shoulder))
