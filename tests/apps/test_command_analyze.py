"""`kerasface analyze` with a tiny model in the student's place."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.main import main


@pytest.fixture(autouse=True)
def student(monkeypatch, model):
    """Every name loads the tiny model."""
    asked = []

    def load(name, **choices):
        asked.append(name)
        return model

    monkeypatch.setattr("kerasface.zoo.load", load, raising=False)
    return asked


@pytest.fixture
def folder(tmp_path, rng):
    root = tmp_path / "people"
    for name in ("b.png", "a.JPG", "deep/er/c.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (60, 50, 3), np.uint8)).save(path)
    (root / "notes.txt").write_text("not a picture")
    (root / "broken.png").write_bytes(b"\x89PNG broken")
    return root


def run(*words):
    return main(["analyze", *map(str, words), "--detector", "none"])


def test_json_of_a_folder_in_order_with_the_broken_one(folder, capsys):
    assert run(folder, "--json", "-") == 0
    out, error = capsys.readouterr()
    records = json.loads(out)
    names = [record["image"] for record in records]
    assert names == [str(folder / n) for n in ("a.JPG", "b.png", "broken.png", "deep/er/c.png")]
    assert "error" in records[2] and len(records[0]["faces"]) == 1
    assert error.startswith("error: ") and "broken.png" in error


def test_csv_has_a_row_a_face(folder, capsys):
    assert run(folder, "--csv", "-", "--tasks", "age,race") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 4
    assert {"age", "age_low", "age_high", "race", "race_confidence"} <= set(rows[0])
    assert "gender" not in rows[0] and rows[2]["error"] and not rows[2]["age"]


def test_table_names_faces_and_notes(photo, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run(photo) == 0
    out = capsys.readouterr().out
    assert "years" in out and "gender: as annotators saw it" in out and "race" not in out


def test_drawn_picture_to_a_file(photo, tmp_path):
    target = tmp_path / "new" / "drawn.png"
    assert run(photo, "--out", target) == 0
    with Image.open(target) as drawn:
        assert drawn.size == (120, 90)


def test_drawn_pictures_of_a_folder_keep_its_tree(folder, tmp_path):
    assert run(folder, "--out", tmp_path / "out") == 0
    written = sorted(
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png")
    )
    assert written == ["a.png", "b.png", "deep/er/c.png"]


def test_originals_are_never_written_over(photo, folder, capsys):
    before = photo.read_bytes()
    assert run(photo, "--out", photo) == 2
    assert run(folder, "--out", folder) == 2
    assert run(photo, "--out", photo.with_suffix(".txt")) == 2
    assert photo.read_bytes() == before
    assert capsys.readouterr().err.count("\n") == 3


def test_model_is_passed_on(photo, student, capsys):
    assert run(photo, "--model", "student@1.0.0", "--json", "-") == 0
    assert student == ["student@1.0.0"]


def test_nothing_readable_is_exit_code_2(tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    assert run(bad) == 2
    assert run(tmp_path / "missing.png") == 2
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 2
    assert "no picture in the folder" in capsys.readouterr().err


def test_unknown_task_is_one_line(photo, capsys):
    assert run(photo, "--tasks", "mood") == 2
    assert "Received: 'mood'" in capsys.readouterr().err
