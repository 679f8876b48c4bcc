"""Detectors of OpenCV on the real portrait, and what is said where one cannot be had."""

import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.demo import portrait
from kerasface.data.template import POINTS
from kerasface.inference import detectors
from kerasface.inference.cropping import CropContract
from kerasface.inference.detection import DetectionError, Face, find_faces
from kerasface.inference.detectors import detector_named
from kerasface.inference.detectors.haar import HAAR_BOX, HaarDetector, mtcnn_box
from kerasface.inference.pictures import as_picture

EYES = ((220, 190), (308, 186))  # of the portrait, where a person sees them


@pytest.fixture(scope="module")
def haar():
    pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'kerasface[opencv]'")
    return detector_named("haar")


@pytest.mark.parametrize("scale", [0.5, 1])
def test_haar_finds_the_portrait_and_its_crop_has_the_eyes(haar, scale):
    image = Image.open(portrait()).convert("RGB")
    size = (round(image.width * scale), round(image.height * scale))
    [face] = find_faces(np.asarray(image.resize(size)), haar)
    assert face.points is None and face.confidence is None
    place = CropContract().to_picture(None, face)
    for eye, share in zip(EYES, POINTS, strict=False):
        seen = (place[:, :2] @ share + place[:, 2]) / scale
        np.testing.assert_allclose(seen, eye, atol=25)  # a tenth of the face: it has no points


def test_two_faces_from_left_to_right_and_none(haar):
    image = as_picture(portrait())
    left, right = find_faces(np.concatenate([image, image], axis=1), haar)
    assert right.box[0] - left.box[0] == pytest.approx(512, abs=6)
    assert find_faces(np.zeros((90, 120, 3), np.uint8), haar) == []


def test_patch_of_cloth_beside_a_large_face_is_no_face(haar, monkeypatch):
    """A part of the portrait four times as large, in which the cascade sees a tiny second face."""
    large = Image.open(portrait()).convert("RGB").resize((1365, 1600), Image.Resampling.BICUBIC)
    part = np.asarray(large.crop((250, 240, 1030, 880)))
    [face] = haar.boxes(part)
    assert face[2] > 500
    monkeypatch.setattr("kerasface.inference.detectors.haar.NEIGHBOURS_IF_SMALLER", 0)
    assert sorted(box[2] // 20 for box in haar.boxes(part)) == [2, face[2] // 20]


def test_true_face_much_smaller_than_another_is_kept(haar):
    image = Image.open(portrait()).convert("RGB")
    both = image.resize((768, 900), Image.Resampling.BICUBIC)
    both.paste(image.resize((77, 90), Image.Resampling.LANCZOS), (8, 8))
    small, large = (face.box[2] for face in haar(np.asarray(both)))
    assert small < large / 8


def test_cascades_box_by_hand():
    """A box as large as the crop's `HAAR_BOX` of side 1000 gives MTCNN's box of that side."""
    left, top, right, bottom = (1000 * share for share in HAAR_BOX)
    box = mtcnn_box((left, top, right - left, bottom - top))
    np.testing.assert_allclose(box, (100, -65, 800, 1060), atol=1e-6)


def test_threads_do_not_wait_for_each_other(monkeypatch):
    """Each looks at its picture only when the other has begun to."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    both, opened = threading.Barrier(2), []

    class Cascade:
        def __init__(self, path):
            opened.append(path)

        def detectMultiScale2(self, image, **how):  # noqa: N802 - OpenCV's name
            both.wait(timeout=300)
            return np.array([[8, 8, image[0, 0], 40]]), np.array([9])

    monkeypatch.setattr(cv2, "CascadeClassifier", Cascade)
    haar = HaarDetector()
    pictures = [np.full((200, 200, 3), side, np.uint8) for side in (40, 60)] * 3
    with ThreadPoolExecutor(2) as pool:
        widths = [face[2] for [face] in pool.map(haar.boxes, pictures)]
    assert widths == [40, 60] * 3 and len(opened) == 2


def test_pickled_detector_is_opened_anew(haar):
    assert pickle.loads(pickle.dumps(haar)) is haar


def test_missing_opencv_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    from kerasface.inference.detectors.opencv import opencv

    with pytest.raises(ImportError, match=r"pip install 'kerasface\[opencv\]'"):
        opencv()


def test_opencv_without_cascades_is_said(haar, monkeypatch):
    monkeypatch.delattr("cv2.CascadeClassifier")
    with pytest.raises(ImportError, match="needs OpenCV 4"):
        HaarDetector()


def test_auto_is_the_first_that_is_installed(monkeypatch):
    present = {"cv2"}
    monkeypatch.setattr(detectors, "find_spec", lambda name: name in present or None)
    assert detectors.installed_detector() == "haar"
    present |= {"mtcnn"}
    assert detectors.installed_detector() == "haar"  # without TensorFlow it does not run
    present |= {"tensorflow"}
    assert detectors.installed_detector() == "mtcnn"
    present.clear()
    with pytest.raises(ImportError, match=r"`detect` extra.*`opencv` extra.*detector='none'"):
        detector_named("auto")


@pytest.mark.parametrize("name", ["yunet", "yunet:", "haar:file", "dlib", ""])
def test_names_that_are_none(name):
    with pytest.raises(ValueError, match="Received: "):
        detector_named(name)


def test_yunet_without_its_file(haar, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        detector_named(f"yunet:{tmp_path}/missing.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(ValueError, match="is no YuNet network"):
        detector_named(f"yunet:{tmp_path}/junk.onnx")


def test_yunet_rows_become_faces(haar, monkeypatch, tmp_path):
    """A network in YuNet's place that answers one row: box, five points, score."""
    from kerasface.inference.detectors.yunet import YuNetDetector

    seen = []

    class Network:
        def setInputSize(self, size):  # noqa: N802 - OpenCV's name
            self.size = size

        def detect(self, image):
            seen.append((self.size, image[0, 0].tolist()))
            return 1, np.array([[40, 30, 80, 100, *range(10), 1.02]], np.float32)

    monkeypatch.setattr("cv2.FaceDetectorYN.create", lambda *args, **more: Network())
    path = tmp_path / "any.onnx"
    path.write_bytes(b"any")
    image = np.zeros((200, 300, 3), np.uint8)
    image[..., 0] = 7  # red
    [face] = YuNetDetector(path)(image)
    points = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
    assert face == Face((40, 30, 80, 100), 1.0, points)
    assert seen == [((300, 200), [0, 0, 7])]  # it reads blue first


def test_detector_that_breaks_is_one_line(picture):
    def breaks(image):
        raise RuntimeError("out of\nluck")

    with pytest.raises(DetectionError, match="^the detector failed: RuntimeError: out of luck$"):
        find_faces(picture, breaks)
