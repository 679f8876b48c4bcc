"""What the page shows of a record, and what a stranger's text cannot do in it."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.face_analyzer import FaceAnalyzer
from kerasface.apps.page import asked_for, faces_html, limits_html, read_photo
from tests.inference.test_pictures import encoded

FACE = {
    "box": [0, 0, 9, 9],
    "confidence": 0.9,
    "points": None,
    "detected": True,
    "answers": {
        "expression": {
            "label": "sad",
            "confidence": 0.61,
            "probabilities": {"happy": 0.39, "sad": 0.61},
        },
        "age": {"value": 31.4, "unit": "years", "low": 24.0, "high": 38.6},
        "race": {"label": "A", "confidence": 0.9, "probabilities": {"A": 0.9}, "note": "a guess"},
    },
}
RECORD = {"image": None, "width": 9, "height": 9, "faces": [FACE]}


def test_answers_bars_and_ranges():
    html = faces_html(asked_for(RECORD, False, 0.6))
    assert "<b>expression</b>: sad 61 %" in html and "<b>age</b>: 31 years (24 to 39)" in html
    assert html.index('value="0.6100"') < html.index('value="0.3900"'), "the likeliest comes first"
    assert html.count("<section") == 1 and "the middle 80 %" in html
    assert "race" not in html and "a guess" not in html


def test_race_comes_with_its_note_to_who_asks():
    html = faces_html(asked_for(RECORD, True, 0.0))
    assert "<b>race</b>: A 90 %" in html and "<i>race: a guess</i>" in html


def test_not_sure_under_the_threshold():
    html = faces_html(asked_for(RECORD, False, 0.62))
    assert "<b>expression</b>: not sure 61 %" in html and 'value="0.6100"' in html


def test_the_record_itself_stays():
    asked_for(RECORD, False, 1.0)
    assert FACE["answers"]["expression"]["label"] == "sad" and "race" in FACE["answers"]


def test_no_face_and_no_picture():
    assert "No face found" in faces_html({**RECORD, "faces": []})
    html = faces_html({**RECORD, "faces": [], "error": "<b>cut short"})
    assert 'role="alert">&lt;b&gt;cut short<' in html


def test_text_of_a_stranger_is_no_markup():
    """Class names, notes and cards come from entries."""
    bad = "<script>x()</script>"
    answer = {"label": bad, "confidence": 1.0, "probabilities": {bad: 1.0}, "note": bad}
    html = faces_html({**RECORD, "faces": [{**FACE, "answers": {bad: answer}}]})
    source = SimpleNamespace(name=bad, terms=bad)
    manifest = SimpleNamespace(
        reference=bad,
        description=bad,
        limits=(bad,),
        training_data=(source,),
        licences=SimpleNamespace(weights=bad),
    )
    html += limits_html(manifest)
    assert "<script" not in html and html.count("&lt;script&gt;") == 5 + 6


def test_limits_of_a_model_without_a_card():
    assert "without a card" in limits_html(None)


@pytest.fixture
def analyzer(model, two_faces):
    return FaceAnalyzer(model, two_faces, tasks=[task.name for task in model.tasks])


def test_photo(analyzer, picture):
    drawn, html = read_photo(analyzer, encoded(Image.fromarray(picture)), race=True)
    assert drawn.size == (120, 90) and html.count("<section") == 2 and "race" in html
    assert (np.asarray(drawn) != picture).any()


def test_large_photo_goes_back_small(analyzer):
    drawn, _ = read_photo(analyzer, encoded(Image.new("RGB", (3200, 400))))
    assert drawn.size == (1600, 200)


@pytest.mark.parametrize("content", [b"no picture", b"", encoded(Image.new("L", (9, 9)))[:30]])
def test_what_is_no_picture(analyzer, content):
    drawn, html = read_photo(analyzer, content)
    assert drawn is None and 'role="alert"' in html


def test_nothing_dropped(analyzer):
    assert read_photo(analyzer, None) == (None, "")
