"""A data set embedded into shards: one vector a picture that reads, gone on with, checked."""

from dataclasses import replace

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from kerasface.data.embedding_shards import EmbeddingRun, read_embeddings
from kerasface.data.parquet import DamagedShard
from kerasface.data.shard_folder import ForeignShard
from kerasface.data.synthetic import synthetic_set
from kerasface.inference.embedding import embed_images
from kerasface.inference.label_sources import FileSource
from kerasface.inference.source import Source
from tests.models.tiny import tiny_model

SECOND = "embeddings-00001-of-00003.parquet"


def halved(pixels):
    """A preprocessing with a name."""
    return pixels * 0.5


@pytest.fixture(scope="module")
def network():
    return Source(tiny_model(seed=1), batch_size=4)


@pytest.fixture(scope="module")
def faces():
    return replace(synthetic_set(10, size=16, tasks=("gender",)), domain="drawn")


def test_every_picture_has_its_vector_once(network, faces, tmp_path):
    seen = []
    report = embed_images(network, faces, tmp_path / "new" / "out", 4, seen.append)
    found = read_embeddings(tmp_path / "new" / "out")
    assert (report.pictures, report.embeddings, report.shards, report.unreadable) == (10, 10, 3, 0)
    assert sum(seen) == 10 and report.resumed == 0
    assert found.names.tolist() == faces.names.tolist() and found.rows.tolist() == [*range(10)]
    model = network.model
    expected = model.trunk(faces.images / np.float32(127.5) - 1, training=False)
    np.testing.assert_allclose(found.values, keras.ops.convert_to_numpy(expected), atol=1e-5)
    run = found.run
    assert (run.dataset, run.network, run.layer, run.preprocess) == (
        "drawn",
        "face_model",
        None,
        None,
    )
    assert run.network_sha256 == network.sha256 and run.size == network.size == 8


def test_finished_shards_are_left_and_missing_ones_made(network, faces, tmp_path):
    first = embed_images(network, faces, tmp_path, 4)
    before = read_embeddings(tmp_path).values
    (tmp_path / SECOND).unlink()
    kept = (tmp_path / "embeddings-00002-of-00003.parquet").stat().st_mtime_ns
    with pytest.raises(ValueError, match=f"not come to its end.*1 of 3.*{SECOND}"):
        read_embeddings(tmp_path)
    assert read_embeddings(tmp_path, partial=True).rows.tolist() == [0, 1, 2, 3, 8, 9]
    again = embed_images(network, faces, tmp_path, 4)
    assert again == replace(first, resumed=2)
    assert (tmp_path / "embeddings-00002-of-00003.parquet").stat().st_mtime_ns == kept
    np.testing.assert_array_equal(read_embeddings(tmp_path).values, before)


def test_another_network_layer_or_preprocessing_is_refused(network, faces, tmp_path):
    embed_images(network, faces, tmp_path, 4)
    model = network.model
    for other, words in (
        (Source(model, layer="group1"), "network_sha256, layer"),
        (Source(model, preprocess=halved), "network_sha256, preprocess"),
        (Source(model, name="other"), "network"),
    ):
        with pytest.raises(ForeignShard, match=f"embeddings of another run.*different {words}$"):
            embed_images(other, faces, tmp_path, 4)
    with pytest.raises(ForeignShard, match="different source$"):
        embed_images(network, faces.take(range(9, -1, -1)), tmp_path, 4)
    with pytest.raises(ValueError, match="must be a function of a module.*Received: .*<lambda>"):
        embed_images(Source(model, preprocess=lambda pixels: pixels), faces, tmp_path / "b", 4)


def test_pictures_that_cannot_be_read_are_set_aside(network, tmp_path, rng):
    for number in range(5):
        pixels = rng.integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"nothing")
    source = FileSource(sorted(tmp_path.glob("*.png")), "few", tmp_path, size=16)
    report = embed_images(network, source, tmp_path / "out", 2)
    found = read_embeddings(tmp_path / "out")
    assert (report.embeddings, report.unreadable) == (4, 1)
    assert found.names.tolist() == ["0.png", "1.png", "3.png", "4.png"]
    assert list(found.unreadable) == ["2.png"] and "2.png" in found.unreadable["2.png"]


@pytest.mark.parametrize(
    "column, value, words",
    [
        ("embedding", [float("nan")] * 8, "the embedding of .* is not finite"),
        ("row", 9, "rows are twice there or of another part"),
        ("row", 5, "rows are twice there or of another part"),
    ],
)
def test_what_is_no_embedding_is_named(network, faces, tmp_path, column, value, words):
    embed_images(network, faces, tmp_path, 4)
    table = parquet.read_table(tmp_path / SECOND)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    columns[column][0] = value
    new = pa.table(columns, schema=table.schema)
    parquet.write_table(new.replace_schema_metadata(table.schema.metadata), tmp_path / SECOND)
    with pytest.raises(DamagedShard, match=f"{SECOND}: {words}"):
        read_embeddings(tmp_path)


def test_labels_are_no_embeddings(tmp_path, network, faces):
    from kerasface.data.pseudo_labels import read_labels

    embed_images(network, faces, tmp_path, 4)
    with pytest.raises(DamagedShard, match="about.json: no description of labels"):
        read_labels(tmp_path)
    with pytest.raises(DamagedShard, match="about.json: no description of embeddings"):
        EmbeddingRun.read(tmp_path / "nothing")


@pytest.mark.parametrize(
    "given, words",
    [
        ({"engine": "spark"}, "engine must be one of local, ray. Received: 'spark'"),
        ({"workers": 2}, "workers are those of the engine 'ray'.*Received: workers=2"),
        ({"engine": "ray", "workers": 0}, "workers are those.*Received: workers=0"),
        ({"rows_per_shard": 0}, "one or more a shard"),
    ],
)
def test_bad_arguments(network, faces, tmp_path, given, words):
    with pytest.raises(ValueError, match=words):
        embed_images(network, faces, tmp_path, **given)
