"""Found faces are plain numbers in the picture's own pixels, whatever the detector gives."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.demo import portrait
from kerasface.inference import detection
from kerasface.inference.cropping import CropContract
from kerasface.inference.detection import Face, find_faces
from kerasface.inference.detectors.mtcnn import MtcnnDetector
from kerasface.inference.pictures import as_picture


def test_whole_picture(picture):
    for detector in ("none", None):
        [face] = find_faces(picture, detector)
        assert face == Face((0.0, 0.0, 120.0, 90.0))


def test_results_are_plain_sorted_and_sure(picture, two_faces):
    left, right = find_faces(picture, two_faces)
    assert left.box == (10.0, 12.0, 40.0, 52.0) and right.box == (60.0, 10.0, 30.0, 40.0)
    assert len(left.points) == 5 and right.points is None
    json.dumps([asdict(face) for face in (left, right)])
    assert len(find_faces(picture, two_faces, min_confidence=0.1)) == 3


@pytest.mark.parametrize(
    "face",
    [
        {"box": (0, 0, 0, 5)},
        {"box": (0, 0, float("nan"), 5)},
        {"box": (0, 0, 5)},
        {"box": (0, 0, 5, 5), "points": [(1, 1)] * 4},
        {"box": (0, 0, 5, 5), "points": [(1, float("inf"))] * 5},
        {"box": "abcd"},
    ],
)
def test_faces_that_are_none(face, picture):
    with pytest.raises(ValueError, match="Received:"):
        find_faces(picture, lambda image: [face])


def test_unknown_detector(picture):
    with pytest.raises(
        ValueError, match="mtcnn, haar, yunet:FILE, none or a function.*Received: 'dlib'"
    ):
        find_faces(picture, "dlib")


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mtcnn", None)
    with pytest.raises(ImportError, match=r"pip install 'kerasface\[detect\]'"):
        MtcnnDetector()


@pytest.fixture(scope="module")
def mtcnn():
    return MtcnnDetector()


def test_real_portrait(mtcnn):
    """Grace Hopper's face, where a person sees it: eyes at about (220, 190) and (308, 186)."""
    image = as_picture(portrait())
    [face] = find_faces(image, mtcnn)
    np.testing.assert_allclose(face.points[:2], [(220, 190), (308, 186)], atol=8)
    large = np.asarray(Image.fromarray(image).resize((3 * 512, 3 * 600)))
    [larger] = find_faces(large, mtcnn)
    np.testing.assert_allclose(np.array(larger.points) / 3, face.points, atol=8)


@pytest.mark.parametrize("angle", [-30, 25])
def test_tilted_face_is_cut_upright(mtcnn, angle):
    """By MTCNN's points; compared with the crop of the upright portrait."""
    image = Image.open(portrait()).convert("RGB").resize((256, 300))
    [upright] = find_faces(np.asarray(image), mtcnn)
    turned = np.asarray(image.rotate(angle, Image.Resampling.BICUBIC))
    [tilted] = find_faces(turned, mtcnn)
    crops = [
        CropContract().cut(pixels, face)[8:40, 8:40].astype(float).ravel()
        for pixels, face in ((np.asarray(image), upright), (turned, tilted))
    ]
    assert np.corrcoef(*crops)[0, 1] > 0.9


def test_face_that_fills_a_small_picture(mtcnn):
    image = as_picture(portrait())[120:330, 170:360]
    small = np.asarray(Image.fromarray(image).resize((58, 64)))
    [face] = find_faces(small, mtcnn)
    expected = (np.array([(220, 190), (308, 186)]) - (170, 120)) * (58 / 190, 64 / 210)
    np.testing.assert_allclose(face.points[:2], expected, atol=3)


@pytest.mark.parametrize("shape", [(1, 1), (12, 12), (3, 900), (200, 13)])
def test_no_face_is_an_empty_list(mtcnn, shape):
    assert find_faces(np.zeros((*shape, 3), np.uint8), mtcnn) == []


def test_the_named_detector_is_made_once():
    assert detection.resolve_detector("mtcnn") is detection.resolve_detector("mtcnn")
