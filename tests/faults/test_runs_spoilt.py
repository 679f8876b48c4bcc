"""Descriptions of folders of labels and embeddings, and points of a face, spoilt at random."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kerasface.data.embedding_shards import EmbeddingRun
from kerasface.data.parquet import DamagedShard
from kerasface.data.readers import read
from tests.data.label_files import run_of
from tests.faults.damaged_text import altered, spoilt, steady

RUNS = (run_of(), EmbeddingRun("set", "net", "ab" * 32, None, None, 3, "cd" * 32, 5, 5, "0.1.0"))
POINTS = "version: 1\nn_points: 68\n{\n" + "1.5 2.5\n" * 68 + "}\n"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.KIND)
@steady
@given(data=st.data())
def test_a_description_is_a_runs_or_is_refused(run, data, tmp_path_factory):
    sound = {"format": 1, **run.as_json()}
    folder = tmp_path_factory.mktemp("run")
    for content in (altered(sound), spoilt(json.dumps(sound).encode())):
        (folder / "about.json").write_bytes(data.draw(content))
        try:
            assert type(run).read(folder).shards >= 1
        except DamagedShard as error:
            assert "about.json" in str(error) and "\n" not in str(error), repr(error)


@steady
@given(content=spoilt(POINTS.encode()))
def test_points_are_read_or_cost_their_face(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("points")
    (folder / "afw").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "afw" / "1.jpg")
    (folder / "afw" / "1.pts").write_bytes(content)
    try:
        table = read("w300", folder)
    except (ValueError, FileNotFoundError) as error:
        assert "\n" not in str(error), repr(error)
    else:
        assert table.report.read == len(table) <= 1
