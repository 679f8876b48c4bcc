"""Records give back the prepared set that was written, or say in one line what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.prepared import PreparedSet
from kerasface.data.records import read_records, stream_records, write_records
from kerasface.data.synthetic import synthetic_set


@pytest.fixture(scope="module")
def faces():
    """Partly labelled faces with a teacher's outputs; NaN stands under a mask."""
    faces = synthetic_set(11, size=16, tasks=("expression", "age", "landmarks5"))
    known = np.arange(11) % 3 > 0
    faces.labels["age"][~known] = np.nan
    soft = np.linspace(-4, 4, 77, dtype=np.float32).reshape(11, 7)
    return replace(
        faces,
        masks=faces.masks | {"age": known},
        soft={"expression": soft},
        subjects=np.array([*faces.subjects[:9], "", "Zoë"]),
    )


def assert_same(first: PreparedSet, second: PreparedSet):
    assert (first.domain, first.report) == (second.domain, second.report)
    for name in ("images", "subjects", "names"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for kind in ("labels", "masks", "soft"):
        columns, others = getattr(first, kind), getattr(second, kind)
        assert list(columns) == list(others)
        for name, column in columns.items():
            assert column.dtype == others[name].dtype, name
            np.testing.assert_array_equal(column, others[name])


@pytest.mark.parametrize("rows, compression, files", [(4, "", 3), (100, "GZIP", 1), (11, "", 1)])
def test_what_is_read_is_what_was_written(faces, tmp_path, rows, compression, files):
    paths = write_records(faces, tmp_path / "set", rows, compression)
    assert len(paths) == files and all(path.is_file() for path in paths)
    assert_same(faces, read_records(tmp_path / "set"))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_an_empty_set_and_one_without_labels(faces, tmp_path):
    empty = faces.take([])
    write_records(empty, tmp_path / "empty")
    read = read_records(tmp_path / "empty")
    assert read.images.shape == (0, 16, 16, 3) and set(read.labels) == set(faces.labels)
    bare = replace(faces, labels={}, masks={}, soft={})
    write_records(bare, tmp_path / "bare")
    assert_same(bare, read_records(tmp_path / "bare"))


def test_rows_stream_one_at_a_time_in_order(faces, tmp_path):
    write_records(faces, tmp_path / "set", rows_per_file=4)
    rows = stream_records(tmp_path / "set")
    assert rows.element_spec["image"].shape == (16, 16, 3)
    assert rows.element_spec["labels"]["landmarks5"].shape == (5, 2)
    streamed = list(rows.as_numpy_iterator())
    assert [row["name"].decode() for row in streamed] == list(faces.names)
    np.testing.assert_array_equal(streamed[6]["image"], faces.images[6])
    assert streamed[6]["masks"]["age"] == faces.masks["age"][6]
    assert streamed[3]["labels"]["expression"] == faces.labels["expression"][3]


def test_a_folder_is_replaced_only_when_asked(faces, tmp_path):
    write_records(faces, tmp_path / "set", rows_per_file=2)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_records(faces.take([0]), tmp_path / "set")
    assert_same(faces, read_records(tmp_path / "set"))
    paths = write_records(faces.take([0]), tmp_path / "set", overwrite=True)
    assert_same(faces.take([0]), read_records(tmp_path / "set"))
    assert len(list((tmp_path / "set").iterdir())) == len(paths) + 1


def test_an_interrupted_write_leaves_what_was_there(faces, tmp_path, monkeypatch):
    import tensorflow as tf

    real = tf.io.TFRecordWriter

    def full_disk(path, compression):
        if "00002-of" in path:
            raise OSError("no space left")
        return real(path, compression)

    write_records(faces.take([0]), tmp_path / "set")
    with monkeypatch.context() as patch:
        patch.setattr(tf.io, "TFRecordWriter", full_disk)
        with pytest.raises(OSError, match="no space left"):
            write_records(faces, tmp_path / "set", rows_per_file=4, overwrite=True)
    assert_same(faces.take([0]), read_records(tmp_path / "set"))
    write_records(faces, tmp_path / "set", overwrite=True)
    assert_same(faces, read_records(tmp_path / "set"))
    assert not (tmp_path / "set.part").exists()


def test_damage_is_one_line_that_names_the_folder(faces, tmp_path):
    with pytest.raises(ValueError, match="nothing: no finished set of records"):
        read_records(tmp_path / "nothing")
    folder = tmp_path / "set"
    first, second, third = write_records(faces, folder, rows_per_file=4)
    about = json.loads((folder / "about.json").read_text())

    stored = third.read_bytes()
    third.write_bytes(stored[: len(stored) // 2])
    with pytest.raises(ValueError, match="set: damaged records") as error:
        read_records(folder)
    assert "\n" not in str(error.value)

    third.write_bytes(second.read_bytes())
    with pytest.raises(ValueError, match="11 rows were written. Received: 12 rows"):
        read_records(folder)

    third.unlink()
    with pytest.raises(ValueError, match="1 files are missing. Received: .*00002-of-00003"):
        read_records(folder)

    (folder / "about.json").write_text(json.dumps(about | {"format": 9, "files": []}))
    with pytest.raises(ValueError, match="format must be 1. Received: 9"):
        stream_records(folder)


def test_what_cannot_be_stored_without_loss_is_refused(faces, tmp_path):
    wide = replace(faces, soft={"age": np.zeros((11, 1), np.float64)})
    with pytest.raises(ValueError, match="'soft/age' must be.* Received: dtype=float64"):
        write_records(wide, tmp_path / "set")
    with pytest.raises(ValueError, match="Received: 0"):
        write_records(faces, tmp_path / "set", rows_per_file=0)
    with pytest.raises(ValueError, match="Received: 'ZIP'"):
        write_records(faces, tmp_path / "set", compression="ZIP")
    assert not (tmp_path / "set").exists()
