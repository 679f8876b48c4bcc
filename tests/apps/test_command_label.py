"""`kerasface label` with a tiny model in the student's place."""

import json

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from kerasface.apps.commands.label import parse_threshold
from kerasface.apps.main import main
from kerasface.data.pseudo_labels import read_labels
from kerasface.data.records import write_records
from kerasface.data.synthetic import synthetic_set


@pytest.fixture(autouse=True)
def student(monkeypatch, model):
    """Every name loads the tiny model."""
    asked = []

    def load(name):
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


def run(*words, transforms="plain,flip"):
    words = [*map(str, words), "--batch-size", "4"]
    return main(["label", *words, *(["--transforms", transforms] if transforms else [])])


def test_a_folder_is_labelled_and_gone_on_with(folder, tmp_path, capsys):
    out = tmp_path / "labels"
    assert run(folder, "--out", out, "--rows-per-shard", 3, "--tasks", "gender,age") == 0
    printed, errors = capsys.readouterr()
    assert "6 labels of 4 pictures in 2 files (0 were there), 1 unreadable" in printed
    assert errors.startswith("unreadable: broken.png: ") and errors.count("\n") == 1
    labels = read_labels(out)
    assert labels.run.dataset == "people" and labels.run.transforms == ("plain", "flip")
    assert labels.tasks["gender"].names.tolist() == ["a.JPG", "b.png", "deep/er/c.png"]
    assert run(folder, "--out", out, "--rows-per-shard", 3, "--tasks", "gender,age") == 0
    assert "(2 were there)" in capsys.readouterr().out
    assert run(folder, "--out", out, "--rows-per-shard", 3, "--tasks", "age") == 2
    out, error = capsys.readouterr()
    assert out == "" and "another run" in error and error.count("\n") == 1


@pytest.mark.parametrize("form", ["npz", "records"])
def test_a_prepared_set_is_labelled_for_what_it_lacks(form, tmp_path, capsys):
    faces = synthetic_set(9, size=48, tasks=("gender",))
    faces.masks["gender"][:4] = False
    path = tmp_path / "faces"
    if form == "npz":
        path = tmp_path / "faces.npz"
        faces.save(path)
    else:
        write_records(faces, path)
    threshold = "gender=0.5,age=0.25"
    words = ("--tasks", "gender,age", "--threshold", threshold, "--dataset", "drawn")
    assert run(path, "--out", tmp_path / "labels", *words) == 0
    labels = read_labels(tmp_path / "labels")
    assert labels.run.dataset == "drawn"
    assert labels.run.thresholds == {"gender": 0.5, "age": 0.25}
    assert (len(labels.tasks["gender"]), len(labels.tasks["age"])) == (4, 9)


def test_the_default_is_all_but_race_and_six_transforms(folder, tmp_path, student):
    out = tmp_path / "labels"
    assert run(folder, "--out", out, "--teacher", "student@1.0.0", transforms=None) == 0
    run_of = read_labels(out).run
    assert student == ["student@1.0.0"] and len(run_of.transforms) == 6
    assert [task["name"] for task in run_of.tasks] == ["expression", "age", "gender", "landmarks5"]


def test_own_weights_are_named_by_their_file(folder, tmp_path, model, capsys):
    from hashlib import sha256

    config, weights = tmp_path / "config.json", tmp_path / "mine.weights.h5"
    config.write_text(json.dumps(model.get_spec()))
    model.save_weights(weights)
    words = ("--teacher", weights, "--config", config, "--tasks", "gender")
    assert run(folder, "--out", tmp_path / "labels", *words) == 0
    table = parquet.read_table(sorted((tmp_path / "labels").glob("labels-*.parquet")))
    assert set(table["teacher"].to_pylist()) == {"mine"}
    expected = sha256(weights.read_bytes()).hexdigest()
    assert set(table["teacher_sha256"].to_pylist()) == {expected}
    assert run(folder, "--out", tmp_path / "other", "--teacher", weights) == 2
    assert "need the --config" in capsys.readouterr().err
    weights.write_bytes(b"no weights")
    assert run(folder, "--out", tmp_path / "other", *words) == 2
    assert "mine.weights.h5 is no readable HDF5" in capsys.readouterr().err


def test_nothing_readable_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "bad").mkdir()
    for number in range(7):
        (tmp_path / "bad" / f"{number}.png").write_bytes(b"no")
    assert run(tmp_path / "bad", "--out", tmp_path / "labels") == 2
    out, error = capsys.readouterr()
    assert "0 labels of 7 pictures" in out and "and 2 more in unreadable" in error


@pytest.mark.parametrize(
    "words, text",
    [
        (["no/such"], "no such file or folder: no/such"),
        (["{empty}"], "no picture in the folder"),
        (["{file}"], "no prepared set"),
        (["{folder}", "--tasks", "mood"], "Received: 'mood'"),
        (["{folder}", "--transforms", "turn"], "a transform is plain"),
        (["{folder}", "--threshold", "high"], "--threshold must be"),
        (["{folder}", "--threshold", "1.5"], "a threshold is a confidence"),
        (["{folder}", "--threshold", "mood=0.5"], "a threshold is a confidence"),
        (["{folder}", "--batch-size", "0"], "batch_size must be"),
        (["{folder}", "--rows-per-shard", "0"], "one or more a shard"),
        (["{folder}", "--threads", "0"], "--threads must be"),
        (["{folder}", "--workers", "2"], "--workers is for --engine ray"),
        (["{folder}", "--engine", "ray", "--workers", "0"], "--workers is for --engine ray"),
        (["{folder}/notes.txt"], "is no prepared set (.npz), Parquet file"),
        (["{small}"], "takes uint8 pictures"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, text, folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.npz").write_bytes(b"no numbers")
    synthetic_set(2, size=16, tasks=()).save(tmp_path / "small.npz")
    places = {
        "folder": folder,
        "empty": tmp_path / "empty",
        "file": tmp_path / "file.npz",
        "small": tmp_path / "small.npz",
    }
    words = [word.format(**places) for word in words]
    assert main(["label", *words, "--out", str(tmp_path / "out")]) == 2
    out, error = capsys.readouterr()
    assert out == "" and text in error
    assert error.startswith("error: ") and error.count("\n") == 1


def test_without_pyarrow_the_extra_is_named(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert run(folder, "--out", tmp_path / "labels") == 2
    error = capsys.readouterr().err
    assert "pip install 'kerasface[labels]'" in error and error.count("\n") == 1
    assert not (tmp_path / "labels").exists()


def test_thresholds():
    assert parse_threshold(None) is None and parse_threshold("0.8") == 0.8
    assert parse_threshold("a=0.5, b=1") == {"a": 0.5, "b": 1.0}
    for text in ("a", "a=", "a=b", "a=1=2", ""):
        with pytest.raises(ValueError, match="Received: "):
            parse_threshold(text)
