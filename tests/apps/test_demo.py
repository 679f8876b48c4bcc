"""The demonstration, with a tiny model in the student's place, on the real portrait."""

import pytest
from PIL import Image

from kerasface.apps import demo


@pytest.fixture(autouse=True)
def student(monkeypatch, model):
    monkeypatch.setattr("kerasface.zoo.load", lambda name: model, raising=False)
    monkeypatch.setenv("COLUMNS", "160")


def test_portrait(tmp_path, capsys):
    assert demo.main(["--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for word in ("faces found: 1", "expression", "years (", "gender", "race", "annotators"):
        assert word in out
    with Image.open(tmp_path / "grace_hopper.png") as drawn:
        assert drawn.size == (512, 600)


def test_own_picture_without_a_face(photo, tmp_path, capsys):
    assert demo.main([str(photo), "--out", str(tmp_path / "out")]) == 0
    assert "faces found: 0" in capsys.readouterr().out


def test_bad_picture_is_one_line(tmp_path, capsys):
    assert demo.main([str(tmp_path / "missing.jpg")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("demo: ") and error.count("\n") == 1
