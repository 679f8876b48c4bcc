"""`kerasface embed` with a tiny model in the student's place, on every kind of input."""

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.main import main
from kerasface.data.embedding_shards import read_embeddings
from kerasface.data.pseudo_labels import read_labels
from kerasface.data.synthetic import synthetic_set
from tests.inference.picture_stores import BROKEN, NAMES, write_parquet, write_tfrecords


@pytest.fixture(autouse=True)
def student(monkeypatch, model):
    """Every name loads the tiny model."""
    monkeypatch.setattr("kerasface.zoo.load", lambda name: model, raising=False)


def run(*words):
    return main(["embed", *map(str, words), "--batch-size", "4"])


def folder_of(form, tmp_path):
    folder = tmp_path / "people"
    if form == "parquet":
        write_parquet(folder)
    elif form == "tfrecord":
        write_tfrecords(folder)
    else:
        write_parquet(folder, "paths")
        for file in folder.glob("*.parquet"):
            file.unlink()
    return folder


@pytest.mark.parametrize("form", ["files", "parquet", "tfrecord"])
def test_every_kind_of_input_gives_the_same_vectors(form, tmp_path, capsys, model):
    folder, out = folder_of(form, tmp_path), tmp_path / "out"
    named = () if form == "files" else ("--name-column", "who")
    words = (folder, "--out", out, "--rows-per-shard", 3, *named)
    assert run(*words) == 0
    printed, errors = capsys.readouterr()
    assert "6 embeddings of 7 pictures in 3 files (0 were there), 1 unreadable" in printed
    assert errors.startswith(f"unreadable: {NAMES[BROKEN]}") and errors.count("\n") == 1
    found = read_embeddings(out)
    assert found.rows.tolist() == [row for row in range(7) if row != BROKEN]
    assert [name.removesuffix(".png") for name in found.names] == [NAMES[i] for i in found.rows]
    from tests.inference.picture_stores import contents

    image = np.asarray(Image.fromarray(contents()[1][0]).resize((48, 48), Image.BILINEAR))
    expected = np.asarray(model.features(image[None].astype("float32")))[0]
    np.testing.assert_allclose(found.values[0], expected, atol=0.05)
    assert run(*words) == 0
    assert "(3 were there)" in capsys.readouterr().out


def test_a_prepared_set_at_a_layer(tmp_path):
    synthetic_set(5, size=48, tasks=()).save(tmp_path / "faces.npz")
    layer = ("--layer", "features", "--dataset", "drawn")
    assert run(tmp_path / "faces.npz", "--out", tmp_path / "out", *layer) == 0
    found = read_embeddings(tmp_path / "out")
    assert (found.run.dataset, found.run.layer, len(found)) == ("drawn", "features", 5)


def test_label_reads_them_too(tmp_path):
    [file, _] = write_parquet(tmp_path / "in")
    words = ["label", file, "--out", tmp_path / "out", "--tasks", "gender", "--transforms", "plain"]
    assert main([*map(str, words), "--batch-size", "4", "--name-column", "who"]) == 0
    labels = read_labels(tmp_path / "out")
    assert labels.tasks["gender"].names.tolist() == ["ann", "bob", "cyd"]
    assert labels.run.dataset == "a" and list(labels.unreadable) == ["dan"]


@pytest.mark.parametrize(
    "words, text",
    [
        (["no/such"], "no such file or folder"),
        (["{folder}", "--layer", "nowhere"], "has no layer of that name"),
        (["{folder}", "--column", "face"], "a.parquet: no column 'face'"),
        (["{folder}", "--batch-size", "0"], "batch_size must be"),
        (["{folder}", "--rows-per-shard", "0"], "one or more a shard"),
        (["{folder}", "--workers", "2"], "--workers is for --engine ray"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, text, tmp_path, capsys):
    write_parquet(tmp_path / "in")
    words = [word.format(folder=tmp_path / "in") for word in words]
    assert main(["embed", *words, "--out", str(tmp_path / "out")]) == 2
    out, error = capsys.readouterr()
    assert out == "" and text in error
    assert error.startswith("error: ") and error.count("\n") == 1
