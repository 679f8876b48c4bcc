"""One reader for all ways in: typed results, doubt, calibration, threads, and the stated rule."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from kerasface.data.decode import ImageError
from kerasface.inference.face_reader import FaceReader
from kerasface.inference.pictures import NamedPicture, picture_files
from kerasface.inference.results import PictureResult


def test_results_are_frozen_and_plain_by_one_method(model, photo, two_faces):
    [result] = FaceReader(model, two_faces)(photo)
    assert result.width == 120 and len(result.faces) == 2 and result.error is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.width = 1
    record = result.to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["faces"][0]["detected"] and "error" not in record and "time" not in record


def test_landmarks_are_also_pixels_of_the_picture(model, picture):
    """Taken whole a 120 x 90 picture is widened by 15 rows above and below."""
    [result] = FaceReader(model, tasks="landmarks5")(picture)
    answer = result.faces[0].answers["landmarks5"]
    expected = np.array(answer["points"]) * 120 - (0, 15)
    np.testing.assert_allclose(answer["picture_points"], expected, atol=0.01)


def test_undetected_faces_follow_the_rule(model, picture):
    nothing = {"detector": lambda image: []}
    [empty] = FaceReader(model, **nothing)(picture)
    assert empty.faces == () and empty.error is None
    [whole] = FaceReader(model, undetected="whole", **nothing)(picture)
    [given] = FaceReader(model)(picture)
    assert whole.faces == given.faces and not whole.faces[0].detected


def test_not_sure_below_a_threshold(model, picture):
    reader = FaceReader(model, threshold={"expression": 1.0}, tasks=["expression", "gender", "age"])
    answers = reader(picture)[0].faces[0].answers
    assert answers["expression"]["label"] is None and answers["expression"]["sure"] is False
    assert answers["expression"]["probabilities"] and "sure" not in answers["gender"]
    answers = FaceReader(model, threshold=0.0)(picture)[0].faces[0].answers
    assert answers["gender"]["sure"] is True and "sure" not in answers["age"]


@pytest.mark.parametrize("threshold", [1.5, -0.1, "high", {"age": 0.5}, {"nothing": 0.5}, True])
def test_thresholds_that_are_none(model, threshold):
    with pytest.raises(ValueError, match="Received:"):
        FaceReader(model, threshold=threshold)


def test_confidence_is_calibrated_where_there_is_a_temperature(make_face_model, picture):
    model = make_face_model()
    plain = FaceReader(model)(picture)[0].faces[0].answers
    model.temperatures = {"gender": 4.0}
    answers = FaceReader(model)(picture)[0].faces[0].answers
    assert answers["gender"]["calibrated"] is True and "calibrated" not in answers["expression"]
    odds = [np.log(a["gender"]["probabilities"]["male"]) for a in (plain, answers)]
    odds_of_others = [np.log(a["gender"]["probabilities"]["female"]) for a in (plain, answers)]
    before, after = np.array(odds) - odds_of_others
    assert after == pytest.approx(before / 4.0, abs=2e-3)


def test_sixteen_threads_answer_as_one(model, rng, two_faces):
    pictures = list(rng.integers(0, 256, (32, 90, 120, 3), np.uint8))
    reader = FaceReader(model, two_faces)
    alone = [reader(picture)[0].to_dict() for picture in pictures]
    with ThreadPoolExecutor(16) as pool:
        together = [result[0].to_dict() for result in pool.map(reader, pictures)]
    assert together == alone


def test_stream_holds_few_pictures_where_few_show_faces(model, picture):
    """One face and then none: results come before the batch of faces is full."""
    taken = []

    def pictures():
        for number in range(1000):
            taken.append(number)
            yield picture

    def first_only(image):
        return [] if len(taken) > 1 else [{"box": (10, 10, 40, 50)}]

    next(FaceReader(model, first_only, batch_size=4).stream(pictures()))
    assert len(taken) == 16


def test_folders_named_pictures_and_what_cannot_be_read(model, tmp_path, rng):
    for name in ("b/2.png", "a.PNG", "b/1.jpg", "c/none.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.endswith("txt"):
            (tmp_path / name).write_text("no picture")
        else:
            pixels = rng.integers(0, 256, (30, 30, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name)
    assert [str(tmp_path / n) for n in ("a.PNG", "b/1.jpg", "b/2.png")] == list(
        picture_files(tmp_path)
    )

    def broken():
        raise ImageError("the line is dead")

    frame = NamedPicture("frame 7", np.zeros((20, 20, 3), np.uint8), time=0.25)
    images = [tmp_path, frame, NamedPicture("far", broken), tmp_path / "c"]
    results = FaceReader(model)(images)
    assert [len(each.faces) for each in results] == [1, 1, 1, 1, 0, 0]
    assert results[3].image == "frame 7" and results[3].to_dict()["time"] == 0.25
    assert results[4] == PictureResult("far", error="the line is dead")
    assert results[5].error


def test_warm_up_takes_what_the_first_call_would_wait_for(make_face_model, picture):
    reader = FaceReader(make_face_model(), batch_size=4)
    assert 0.0 < reader.warm_up(4) and reader.warm_up() >= 0.0
    assert len(reader([picture] * 5)) == 5


def test_unknown_rule(model):
    with pytest.raises(ValueError, match="undetected is one of empty, whole. Received"):
        FaceReader(model, undetected="guess")
