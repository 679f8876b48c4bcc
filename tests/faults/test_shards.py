"""Folders of labels and embeddings from a stranger, and pictures whose names are no text."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from kerasface.data.embedding_shards import EmbeddingRun, embedding_table, read_embeddings
from kerasface.data.parquet import DamagedShard
from kerasface.data.pseudo_labels import read_labels
from kerasface.data.shard_folder import LONGEST_NAME, ShardFolder
from kerasface.inference.label_sources import FileSource, ReadRows
from kerasface.inference.labeller import Labeller
from kerasface.inference.labelling import label_images
from tests.data.label_files import write_labels
from tests.models.tiny import tiny_model

MANY = 10**18
RUN = EmbeddingRun("set", "net", "ab" * 32, None, None, 3, "cd" * 32, 5, 5, "0.1.0")


def change_about(folder, **changes):
    path = folder / "about.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_embeddings(folder, names=None):
    """Five pictures of three numbers each."""
    names = np.array(names or [f"{row}.png" for row in range(5)])
    rows = ReadRows(np.arange(5), names, np.zeros((5, 1, 1, 3), np.uint8), {}, {})
    values = {"embedding": np.ones((5, 3), "float32")}
    ShardFolder(folder, RUN).write_tables(0, embedding_table(RUN, rows, values))


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": MANY},
        {"rows": MANY, "rows_per_shard": MANY},
        {"rows": 1.5},
        {"rows": "9"},
        {"rows_per_shard": True},
        {"rows": 10**400, "rows_per_shard": 1},
        {"thresholds": []},
        {"tasks": [{"kind": "landmarks", "name": "points", "points": 10**9}]},
        {"tasks": [{"kind": "regression", "name": "a", "unit": "", "range": [0, 1], "bins": 1e99}]},
    ],
)  # fmt: skip
def test_labels_whose_description_cannot_be(tmp_path, changes):
    """Neither looked for without end nor made room for."""
    write_labels(tmp_path)
    change_about(tmp_path, **changes)
    with pytest.raises(
        ValueError, match="about.json: no description|not come to its end"
    ) as caught:
        read_labels(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [MANY, 0, 2.5, "3", None])
def test_embeddings_whose_description_cannot_be(tmp_path, size):
    write_embeddings(tmp_path)
    change_about(tmp_path, size=size)
    with pytest.raises(DamagedShard, match="about.json: no description of embeddings"):
        read_embeddings(tmp_path)


def test_a_description_without_end(tmp_path):
    (tmp_path / "about.json").write_text("[" * 100_000)
    with pytest.raises(DamagedShard, match="about.json: no description"):
        read_embeddings(tmp_path)


def test_one_name_that_would_make_all_others_wide(tmp_path):
    """Five names are one array, as wide as the longest."""
    longest = "x" * LONGEST_NAME
    write_embeddings(tmp_path / "long", ["a", "b", longest, "d", "e"])
    assert read_embeddings(tmp_path / "long").names[2] == longest
    write_embeddings(tmp_path / "longer", ["a", "b", longest + "x", "d", "e"])
    with pytest.raises(DamagedShard, match="row 2 has no name of at most 4096 characters"):
        read_embeddings(tmp_path / "longer")


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_are_labelled(tmp_path):
    """`\\xff` is nowhere in UTF-8; a system may have a file of that name all the same."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for path in (folder / "sound.png", tmp_path / "odd.png"):
        Image.effect_noise((20, 20), 60).save(path)
    try:
        os.rename(tmp_path / "odd.png", os.fsencode(folder) + b"/odd-\xff.png")
        (folder / "broken-\udcff.png").write_bytes(b"no picture")
    except OSError:
        pytest.skip("this file system takes no such names")
    source = FileSource(sorted(folder.iterdir()), "odd", root=folder, size=16)
    labeller = Labeller(tiny_model(seed=1), ["gender"], transforms=["plain"])
    report = label_images(labeller, source, tmp_path / "labels")
    assert (report.pictures, report.labels, report.unreadable) == (3, 2, 1)
    labels = read_labels(tmp_path / "labels")
    assert sorted(labels.tasks["gender"].names) == ["odd-\\udcff.png", "sound.png"]
    assert list(labels.unreadable) == ["broken-\\udcff.png"]
