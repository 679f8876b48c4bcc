"""Two pictures, one person or two: thresholds of an entry, alignment by points, the command."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.apps.main import main
from kerasface.data.alignment import transform_points
from kerasface.data.template import POINTS
from kerasface.inference import CropContract, Face
from kerasface.inference.face_verifier import (
    FaceVerifier,
    threshold_metric,
    thresholds_of_entry,
)
from kerasface.inference.point_finding import PointFinder, believable
from kerasface.models import FaceModel
from kerasface.tasks import Embedding, Landmarks

TEMPLATE = ((0.27, 0.35), (0.73, 0.35), (0.5, 0.6), (0.3, 0.85), (0.7, 0.85))


def metric(name, value, task="identity"):
    return SimpleNamespace(task=task, metric=name, value=value)


MANIFEST = SimpleNamespace(
    metrics=(
        metric("accuracy", 0.9),
        metric(threshold_metric(0.01), 1.1),
        metric(threshold_metric(1e-3), 0.7),
        metric(threshold_metric(0.1), 1.6, task="another"),
    ),
    input=SimpleNamespace(template={"points": TEMPLATE}),
)


@pytest.fixture(scope="module")
def model(make_face_model):
    made = make_face_model(Embedding("identity", 8))
    made.manifest = MANIFEST
    return made


@pytest.fixture(scope="module")
def aligner():
    """Answers where the middle of the crop's red is: every point there, moved as the template."""

    class RedFinder(keras.Model):
        tasks = (Landmarks("landmarks5", 5),)
        trunk = SimpleNamespace(input_shape=(None, 48, 48, 3))

        def call(self, images, training=False):
            red = keras.ops.cast(images[..., 0] - images[..., 1], "float32")
            place = (keras.ops.arange(48, dtype="float32") + 0.5) / 48
            total = keras.ops.sum(red, (1, 2)) + 1e-6
            x = keras.ops.sum(red * place[None, None], (1, 2)) / total
            y = keras.ops.sum(red * place[None, :, None], (1, 2)) / total
            nose = keras.ops.convert_to_tensor(np.array(POINTS[2]), "float32")
            points = keras.ops.convert_to_tensor(np.array(POINTS), "float32")[None]
            moved = points + keras.ops.stack([x, y], 1)[:, None] - nose[None, None]
            return {"landmarks5": keras.ops.reshape(moved, (-1, 10))}

    made = RedFinder()
    made.compile()
    return made


@pytest.fixture
def pictures(tmp_path, rng):
    paths = []
    for name in ("a.png", "b.png"):
        path = tmp_path / name
        Image.fromarray(rng.integers(0, 256, (70, 60, 3), np.uint8)).save(path)
        paths.append(str(path))
    return paths


def test_thresholds_are_read_from_the_metrics_of_the_task():
    assert thresholds_of_entry(MANIFEST, "identity") == {0.01: 1.1, 0.001: 0.7}
    assert thresholds_of_entry(None, "identity") == {}


def test_distance_is_that_of_both_sides_of_each_face(model, pictures):
    """In plain steps: cut, mirror, mean, length 1, squared difference."""
    answer = FaceVerifier(model)(*pictures)
    vectors = []
    for path in pictures:
        with Image.open(path) as image:
            crop = CropContract(48, TEMPLATE).cut(np.asarray(image))
        said = [
            np.asarray(model(side[None].astype("float32"))["identity"][0], "float64")
            for side in (crop, crop[:, ::-1])
        ]
        mean = (said[0] + said[1]) / 2
        vectors.append(mean / np.sqrt((mean**2).sum()))
    expected = sum((x - y) ** 2 for x, y in zip(*vectors, strict=True))
    assert answer.distance == pytest.approx(expected, abs=1e-5)
    assert (answer.threshold, answer.far) == (1.1, 0.01)
    assert answer.same == (expected <= 1.1) and answer.images == tuple(pictures)
    mirrored = np.asarray(Image.open(pictures[0]))[:, ::-1]
    assert FaceVerifier(model)(pictures[0], mirrored).distance == pytest.approx(0.0, abs=1e-5)


def test_the_largest_face_is_taken_and_none_is_an_error(model, pictures, two_faces):
    image = np.asarray(Image.open(pictures[0]).resize((120, 90)))
    verifier = FaceVerifier(model, two_faces)
    found, count = verifier.embed(image)
    points = ((20, 30), (40, 30), (30, 40), (22, 50), (38, 50))
    larger = CropContract(48, TEMPLATE).cut(image, Face((10, 12, 40, 52), points=points))
    expected, _ = FaceVerifier(model).embed(larger)
    assert count == 2
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match="no face is found in .*a.png"):
        FaceVerifier(model, lambda image: []).embed(pictures[0])


def test_points_are_found_where_the_aligner_sees_them(aligner):
    """A red spot is the nose; the second look is from where the first found it."""
    image = np.zeros((100, 100, 3), np.uint8)
    image[59:62, 39:42, 0] = 255
    found = PointFinder(aligner)(image, Face((22, 20, 40, 60)))
    np.testing.assert_allclose(found.points[2], (40.5, 60.5), atol=0.7)
    shape = np.array(found.points) - found.points[2]
    square = CropContract().to_picture(image, Face((22, 20, 40, 60)))
    expected = transform_points(POINTS, square) - transform_points([POINTS[2]], square)
    np.testing.assert_allclose(shape, expected, rtol=0.1, atol=1.0)


def test_points_that_are_no_faces_are_not_believed(picture):
    """Twice as wide is the most, half the least; nothing far away, nothing that is no number."""
    shown = np.array(POINTS) * 40 + (10, 20)
    middle = shown.mean(0)
    for size, move, expected in (
        (1.0, (0, 0), True),
        (1.9, (3, -3), True),
        (0.55, (0, 0), True),
        (2.1, (0, 0), False),
        (0.45, (0, 0), False),
        (1.0, (40, 0), False),
        (np.nan, (0, 0), False),
    ):
        assert believable((shown - middle) * size + middle + move, shown) is expected, (size, move)

    class Lost(keras.Model):
        tasks = (Landmarks("landmarks5", 5),)
        trunk = SimpleNamespace(input_shape=(None, 48, 48, 3))

        def call(self, images, training=False):
            return {"landmarks5": keras.ops.ones((keras.ops.shape(images)[0], 10)) * 70.0}

    lost = Lost()
    lost.compile()
    face = Face((10, 12, 40, 52))
    assert PointFinder(lost)(picture, face) == face
    assert PointFinder(lost)(picture).points is None


def test_faces_are_aligned_by_the_aligner(model, aligner, pictures):
    verifier = FaceVerifier(model, lambda image: [Face((10, 10, 40, 50))], aligner)
    image = np.asarray(Image.open(pictures[0]))
    face = PointFinder(aligner)(image, Face((10, 10, 40, 50)))
    cut = CropContract(48, TEMPLATE).cut(image, face)
    np.testing.assert_allclose(
        verifier.embed(image)[0], FaceVerifier(model).embed(cut)[0], atol=1e-5
    )


@pytest.mark.parametrize(
    "more,message",
    [
        ({"far": 0.05}, r"it has 0.001, 0.01.*Received: far=0.05"),
        ({"threshold": 0.0}, "Received: threshold=0.0"),
    ],
)
def test_thresholds_that_are_not_there(model, more, message):
    with pytest.raises(ValueError, match=message):
        FaceVerifier(model, **more)


def test_networks_of_another_kind_are_refused(model):
    points = SimpleNamespace(tasks=[Landmarks("landmarks5", 5)])
    with pytest.raises(ValueError, match="with one embedding.*Received: tasks"):
        FaceVerifier(points)
    with pytest.raises(ValueError, match="a task of five points"):
        PointFinder(model)


@pytest.fixture
def zoo(monkeypatch, model, aligner):
    entries = {"verifier": model, "aligner": aligner}
    monkeypatch.setattr("kerasface.zoo.load", entries.__getitem__, raising=False)


def verify(*words):
    return main(["verify", *map(str, words), "--detector", "none", "--aligner", "none"])


def test_command_exit_codes_and_words(zoo, pictures, tmp_path, capsys):
    assert verify(pictures[0], pictures[0]) == 0
    out = capsys.readouterr().out
    assert out.startswith("same person: distance 0.000, threshold 1.100 (false accept rate 0.01)")
    assert "one pair of strangers in 100" in out
    assert verify(pictures[0], pictures[1], "--threshold", "1e-9") == 1
    assert capsys.readouterr().out.startswith("different people: distance ")
    missing = tmp_path / "none.png"
    assert verify(pictures[0], missing) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "none.png" in error and error.count("\n") == 1
    assert verify(pictures[0], pictures[1], "--far", "0.5") == 2


def test_command_json_with_an_aligner(zoo, pictures, capsys):
    words = ["verify", *pictures, "--detector", "none", "--far", "0.001", "--json"]
    code = main(words)
    record = json.loads(capsys.readouterr().out)
    assert set(record) == {"same", "distance", "threshold", "far", "images", "faces"}
    assert record["threshold"] == 0.7 and record["far"] == 0.001 and record["faces"] == [1, 1]
    assert record["same"] == (record["distance"] <= 0.7) == (code == 0)
    assert record["images"] == pictures


def test_an_aligner_gives_analyze_landmarks(monkeypatch, make_face_model, pictures, capsys):
    entry = make_face_model(Landmarks("landmarks5", 5), Landmarks("landmarks68", 68))
    monkeypatch.setattr("kerasface.zoo.load", lambda name, **more: entry, raising=False)
    words = ["analyze", pictures[0], "--model", "aligner", "--detector", "none", "--json", "-"]
    assert main(words) == 0
    [record] = json.loads(capsys.readouterr().out)
    [face] = record["faces"]
    assert len(face["answers"]["landmarks68"]["picture_points"]) == 68
    assert isinstance(entry, FaceModel)
