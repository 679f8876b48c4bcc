"""Pictures inside of Parquet and TFRecord files: any part of them, whatever file it is in."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from kerasface.inference import ParquetSource, RecordSource
from tests.inference.picture_stores import (
    BROKEN,
    NAMES,
    SIZE,
    contents,
    write_parquet,
    write_tfrecords,
)

FORMS = ("bytes", "paths", "both", "records", "gzip")


def make(form, folder, named=True, **kwargs):
    if form in ("records", "gzip"):
        files = write_tfrecords(folder, "GZIP" if form == "gzip" else "")
        return RecordSource(files, "few", name_feature="who" if named else None, **kwargs)
    files = write_parquet(folder, form)
    return ParquetSource(files, "few", name_column="who" if named else None, **kwargs)


@pytest.mark.parametrize("form", FORMS)
def test_any_part_is_read_over_the_borders_of_files(form, tmp_path):
    source = pickle.loads(pickle.dumps(make(form, tmp_path / "in", size=SIZE)))
    _, pixels = contents()
    assert len(source) == len(NAMES) and source.names is None
    # Files end after row 4 and row groups after 2, 4 and 6.
    for start, stop in ((0, 7), (0, 2), (1, 3), (2, 5), (4, 7), (3, 4), (6, 7)):
        found = source.read(np.arange(start, stop))
        rows = [row for row in range(start, stop) if row != BROKEN]
        assert found.rows.tolist() == rows
        assert found.names.tolist() == [NAMES[row] for row in rows]
        for image, row in zip(found.images, rows, strict=True):
            np.testing.assert_array_equal(image, pixels[row])
        assert list(found.unreadable) == [BROKEN] * (start <= BROKEN < stop)
    name, why = source.read(np.arange(BROKEN, BROKEN + 1)).unreadable[BROKEN]
    assert name == NAMES[BROKEN] and "\n" not in why and "image bytes" not in why


@pytest.mark.parametrize(
    "form, second, sixth",
    [
        ("bytes", "a.parquet#1", "b.parquet#1"),
        ("both", "bob.png", "fay.png"),
        ("paths", "bob.png", "fay.png"),
        ("records", "x.tfrecord-00000-of-00002#1", "x.tfrecord-00001-of-00002#1"),
    ],
)
def test_pictures_without_a_name_have_their_place(form, second, sixth, tmp_path):
    found = make(form, tmp_path, named=False, size=SIZE).read(np.arange(7))
    assert (found.names[1], found.names[4]) == (second, sixth)


@pytest.mark.parametrize("form", ["bytes", "records"])
def test_the_digest_is_of_what_is_read(form, tmp_path):
    one = make(form, tmp_path, size=SIZE)
    assert one.digest() == make(form, tmp_path, size=SIZE).digest()
    assert one.digest() != make(form, tmp_path, named=False, size=SIZE).digest()
    assert one.digest() != make(form, tmp_path, size=2 * SIZE).digest()
    fewer = type(one)(one.files[:1], "few", size=SIZE)
    assert len(fewer) == 4 and fewer.digest() != one.digest()


def test_rows_without_a_picture_are_set_aside(tmp_path):
    parquet.write_table(pa.table({"image": pa.array([None, b""], pa.binary())}), tmp_path / "n")
    found = ParquetSource([tmp_path / "n"], "none").read(np.arange(2))
    assert len(found.rows) == 0 and len(found.images) == 0
    assert found.unreadable[1] == ("n#1", "n#1: no picture in this row")
    records = RecordSource(write_tfrecords(tmp_path / "t"), "few", feature="other", size=SIZE)
    assert len(records.read(np.arange(7)).unreadable) == 7


@pytest.mark.parametrize(
    "kwargs, words",
    [
        ({"column": "face"}, "a.parquet: no column 'face'; columns: who, image, age"),
        ({"name_column": "id"}, "no column 'id'"),
        ({"column": "age"}, "column 'age' must be of encoded pictures.*Received: int64"),
    ],
)
def test_wrong_columns_are_named(kwargs, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        ParquetSource(write_parquet(tmp_path), "few", **kwargs)


def test_files_of_another_kind_are_one_line(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"neither of them, but long enough")
    for source, words in (
        (ParquetSource, "other: no readable Parquet file"),
        (RecordSource, "other: no TFRecord file, or one cut short after 0 records"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            source([other], "few")
        assert "\n" not in str(error.value)
        with pytest.raises(FileNotFoundError, match="no such file: .*nothing"):
            source([tmp_path / "nothing"], "few")
        with pytest.raises(ValueError, match="Received: no file"):
            source([], "few")


@pytest.mark.parametrize("form", ["bytes", "records", "gzip"])
def test_damage_is_named(form, tmp_path):
    source = make(form, tmp_path, size=SIZE)
    file = source.files[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    with pytest.raises(ValueError, match=f"{file.name}: no (readable|TFRecord)"):
        make_again(source)
    spoilt = bytearray(whole)
    for place in range(20, len(whole) // 2, 40):
        spoilt[place] ^= 4
    file.write_bytes(spoilt)
    with pytest.raises(ValueError, match=f"{file.name}: (no readable|damaged|no TFRecord)"):
        source.read(np.arange(7))


def make_again(source):
    return type(source)(source.files, "few", size=SIZE)


def test_a_file_that_changed_is_named(tmp_path):
    source = make("records", tmp_path, size=SIZE)
    source.files[0].write_bytes(source.files[1].read_bytes())
    with pytest.raises(ValueError, match="has changed since it was opened. Received: 3 rows"):
        source.read(np.arange(7))
