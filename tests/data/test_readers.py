"""The table of readers, and readers of one's own files."""

import pytest
from PIL import Image

from kerasface.data.readers import READERS, read
from kerasface.data.splits import sha1_split


def draw(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), "grey").save(root / name)


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_reader_says_where_its_layout_comes_from_and_its_faults(name):
    module, function = READERS[name].split(":")
    reader = getattr(__import__(module, fromlist=[function]), function)
    text = reader.__doc__.lower()
    assert "layout" in text or "description" in text or name == "csv"
    assert "terms" in text and "faults" in text and "raises:" in text
    assert reader.__module__ == module


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_reader_refuses_a_folder_that_is_not_there(name, tmp_path):
    options = {"labels": {}} if name == "csv" else {}
    with pytest.raises(FileNotFoundError, match="absent"):
        read(name, tmp_path / "absent", **options)


def test_unknown_reader_names_near_ones(tmp_path):
    with pytest.raises(ValueError, match="near are: utkface.*Received: name='utk_face'"):
        read("utk_face", tmp_path)


def test_class_folder(tmp_path):
    draw(tmp_path, "joy/a.png", "joy/deep/b.png", "anger/c.png", "odd/d.png", "e.png")
    (tmp_path / "joy" / "notes.txt").write_text("not a picture")
    table = read(
        "class_folder", tmp_path, classes=("happy", "anger"), rename={"joy": "happy"}, domain="mine"
    )
    assert {row.image: row.labels["expression"] for row in table} == {
        "anger/c.png": "anger",
        "joy/a.png": "happy",
        "joy/deep/b.png": "happy",
    }
    assert all(row.split == sha1_split(row.image) and row.domain == "mine" for row in table)
    assert table.report.skipped == {"unknown class": 1, "not in a class folder": 1}


def test_class_folder_below_split_folders(tmp_path):
    draw(tmp_path, "train/male/a.png", "val/female/b.png")
    table = read("class_folder", tmp_path, task="gender")
    assert [(row.split, row.labels) for row in table] == [
        ("train", {"gender": "male"}),
        ("validation", {"gender": "female"}),
    ]


CSV = """file,Age,Sex,who,part,x1,y1,x2,y2
a.png,30,M,p,train,1,2,3,4
b.png,,F,q,validation,,,,
gone.png,30,M,p,train,1,2,3,4
a.png,200,M,p,train,1,2,3,4
a.png,thirty,M,p,train,1,2,3,4
a.png,30,X,p,train,1,2,3,4
a.png,30,M,p,holiday,1,2,3,4
a.png,30,M,p,train,1,2,3,
,30,M,p,train,1,2,3,4

a.png,30,M
"""


def csv_options(**more):
    return {
        "image": "file",
        "labels": {"age": "Age", "gender": "Sex", "points": ["x1", "y1", "x2", "y2"]},
        "rename": {"gender": {"M": "male", "F": "female"}},
        "classes": {"gender": ("male", "female")},
        **more,
    }


def test_csv_skips_bad_rows_by_line(tmp_path):
    draw(tmp_path, "a.png", "b.png")
    (tmp_path / "faces.csv").write_text(CSV)
    table = read("csv", tmp_path / "faces.csv", **csv_options(subject="who", split="part"))
    assert [row.labels for row in table] == [
        {"age": 30.0, "gender": "male", "points": [[1, 2], [3, 4]]},
        {"gender": "female"},
    ]
    assert [(row.subject, row.split) for row in table] == [("p", "train"), ("q", "validation")]
    assert table.report.skipped == {
        "missing file": 1,
        "age": 2,
        "gender": 1,
        "split": 2,
        "points": 1,
        "no picture named": 1,
    }
    text = str(table.report)
    assert "line 4: gone.png" in text and "line 5: '200' is no number from 0 to 120" in text


def test_csv_strict_raises_with_file_and_line(tmp_path):
    draw(tmp_path, "a.png", "b.png")
    (tmp_path / "faces.csv").write_text(CSV)
    with pytest.raises(ValueError, match=r"faces.csv line 4: missing file: gone.png"):
        read("csv", tmp_path / "faces.csv", **csv_options(strict=True))


def test_csv_splits_by_person_and_reads_from_another_folder(tmp_path):
    draw(tmp_path / "pictures", "a.png")
    (tmp_path / "faces.csv").write_text("image,score,name\na.png,2.5,Ann\n")
    table = read(
        "csv",
        tmp_path / "faces.csv",
        labels={"score": "score"},
        numbers={"score": (0, 5)},
        subject="name",
        folder=tmp_path / "pictures",
    )
    assert table.rows[0].labels == {"score": 2.5}
    assert table.rows[0].split == sha1_split("Ann")


def test_csv_without_a_column_names_it(tmp_path):
    (tmp_path / "faces.csv").write_text("image,age\n")
    with pytest.raises(ValueError, match="faces.csv: no column sex"):
        read("csv", tmp_path / "faces.csv", labels={"age": "age", "gender": "sex"})
