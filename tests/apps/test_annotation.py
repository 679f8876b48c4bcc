"""Drawn pictures: same size, original untouched, boxes where they belong, any picture size."""

import numpy as np
import pytest

from kerasface.apps.annotation import FRAME, LANDMARK, annotate
from kerasface.inference.analysis import analyze


def test_boxes_are_drawn_and_the_picture_is_kept(model, two_faces):
    image = np.zeros((300, 400, 3), np.uint8)
    [record] = analyze(model, image, detector=two_faces)
    drawn = np.asarray(annotate(image, record))
    assert drawn.shape == image.shape and image.max() == 0
    for face in record["faces"]:
        left, top, width, _ = map(int, face["box"])
        assert (drawn[top, left : left + width] == FRAME).all()


def test_landmarks_are_drawn_where_they_were_found():
    answers = {
        "landmarks5": {"points": [[0.5, 0.5]], "picture_points": [[40.0, 30.0], [70.2, 9.9]]}
    }
    face = {"box": [20, 5, 60, 70], "points": None, "answers": answers}
    record = {"width": 100, "height": 80, "faces": [face]}
    drawn = np.asarray(annotate(np.zeros((80, 100, 3), np.uint8), record))
    assert (drawn[30, 40] == LANDMARK).all() and (drawn[10, 70] == LANDMARK).all()
    assert 2 <= (drawn == LANDMARK).all(-1).sum() < 30


@pytest.mark.parametrize("shape", [(1, 1), (20, 30), (30, 2000)])
@pytest.mark.parametrize("box", [(0, 0, 10, 10), (-5, -5, 4000, 4000), (15, 18, 3, 2)])
def test_any_picture_and_any_box(shape, box):
    answers = {"expression": {"label": "happy", "confidence": 0.9}, "points": {"points": []}}
    face = {"box": list(box), "points": None, "answers": answers}
    record = {"width": shape[1], "height": shape[0], "faces": [face]}
    assert annotate(np.zeros((*shape, 3), np.uint8), record).size == (shape[1], shape[0])


def test_record_of_another_picture(model, picture):
    [record] = analyze(model, picture)
    with pytest.raises(ValueError, match="another size"):
        annotate(picture[:50], record)
