"""`kerasface export`: files where they were asked for, one line where they cannot be."""

from importlib.util import find_spec

import numpy as np
import pytest

from kerasface.apps.main import main
from kerasface.inference import PublishedModel, RuntimeModel
from kerasface.tasks import Classification

needs_litert = pytest.mark.skipif(
    find_spec("ai_edge_litert") is None, reason="NOT TESTED: ai-edge-litert is not installed"
)


@pytest.fixture
def entry(tmp_path, make_face_model):
    """A tiny entry outside of any zoo."""
    import shutil

    from kerasface.zoo import publish

    where = {"dataset": "S", "split": "validation", "metric": "accuracy", "protocol": "one crop"}
    folder = publish(
        make_face_model(Classification("smile", ("no", "yes"))),
        "tiny",
        "1.0.0",
        root=tmp_path / "zoo",
        description="Never trained.",
        licences={"code": "Apache-2.0", "weights": "none"},
        data=[{"name": "S", "terms": "ours", "labels": ["smile"]}],
        metrics=[{"task": "smile", **where, "value": 0.5, "ci95": (0.4, 0.6), "n": 90}],
        crop="template",
        template={"eyes": [0.5, 0.343]},
        resize="bilinear",
        recipe="recipes/face_zoo/train.py",
        commit="0123456789" * 4,
        probe={"count": 1},
    )
    return shutil.copytree(folder, tmp_path / "build")


def failed(capsys, *words):
    assert main([str(word) for word in words]) == 2
    caught = capsys.readouterr()
    assert not caught.out
    return caught.err


@needs_litert
def test_a_file_of_ones_own(entry, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(entry), "--format", "litert"]) == 0
    assert capsys.readouterr().out == "tiny-1.0.0-float32.tflite\n"
    model = RuntimeModel.from_file("tiny-1.0.0-float32.tflite", entry / "config.json")
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    from kerasface.zoo import load

    loaded = load(entry)
    assert isinstance(loaded, PublishedModel)
    wanted = np.asarray(loaded(images)["smile"])
    np.testing.assert_allclose(model(images)["smile"], wanted, atol=1e-4)
    assert "exports" not in {path.name for path in entry.iterdir()}


def test_saved_model_is_a_folder(entry, tmp_path, monkeypatch, capsys):
    """Its name holds the version, which looks like a suffix."""
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(entry), "--format", "saved_model"]) == 0
    assert capsys.readouterr().out == "tiny-1.0.0-float32\n"
    assert (tmp_path / "tiny-1.0.0-float32" / "saved_model.pb").is_file()


@needs_litert
def test_into_the_entry_calibrated_on_drawn_faces(entry, capsys):
    words = ["export", str(entry), "--format", "litert", "--precision", "int8", "--into-entry"]
    assert main(words) == 0
    out, error = capsys.readouterr()
    assert out == f"{entry / 'exports/litert-int8.tflite'}\n"
    assert "ranges are measured on drawn faces" in error
    assert main(["zoo", "verify", "--model", str(entry)]) == 0
    assert main(["zoo", "info", str(entry)]) == 0
    assert "other runtimes: litert-int8" in capsys.readouterr().out
    assert "were measured on 512 drawn faces" in (entry / "README.md").read_text()


def test_bad_input_is_one_line(entry, tmp_path, capsys):
    def check(message, *words):
        error = failed(capsys, "export", entry, *words)
        assert message in error and error.count("\n") == 1

    check("onnx is written in float32, int8", "--format", "onnx", "--precision", "float16")
    check("--calibration is for int8", "--format", "litert", "--calibration", tmp_path)
    check("has its own place", "--format", "litert", "--into-entry", "--out", "x.tflite")
    check("litert files end in '.tflite'", "--format", "litert", "--out", tmp_path / "x.onnx")
    nothing = tmp_path / "nothing"
    words = ("--format", "litert", "--precision", "int8", "--calibration", nothing)
    check(f"no such file or folder: {nothing}", *words)


def test_published_entry_is_left_alone(entry, tmp_path, capsys):
    published = tmp_path / "zoo" / "tiny" / "1.0.0"
    words = ("export", published, "--format", "litert", "--into-entry")
    if find_spec("ai_edge_litert") is None:
        pytest.skip("NOT TESTED: ai-edge-litert is not installed")
    assert "a published version never changes" in failed(capsys, *words)
