"""Readers of landmark sets, on tiny trees in each set's own layout."""

import pytest
from PIL import Image

from kerasface.data.readers import read
from kerasface.data.readers.points import pairs_of, read_pts


def draw(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), "grey").save(root / name)


def pts(count, first=1.0):
    lines = "".join(f"{first + place} {2 * first + place}\n" for place in range(count))
    return f"version: 1\nn_points: {count}\n{{\n{lines}}}\n"


def test_mtfl(tmp_path):
    root = tmp_path / "MTFL"
    draw(root, "lfw_5590/Ann_Lee_0001.jpg", "net_7876/0_0.jpg", "AFLW/1-image.jpg", "AFLW/2.jpg")
    numbers = "1 2 3 4 5 11 12 13 14 15"
    (root / "training.txt").write_text(
        f" lfw_5590\\Ann_Lee_0001.jpg {numbers} 1 1 2 3\n"
        f" net_7876\\0_0.jpg {numbers} 2 2 1 5\n"
        f" net_7876\\0_0.jpg {numbers} 2 2 1 5\n"
        f" net_7876\\gone.jpg {numbers} 1 1 1 1\n"
        f" AFLW\\2.jpg {numbers} 1 3 1 1\n\n"
        " AFLW\\3.jpg 1 2 3\n"
    )
    (root / "testing.txt").write_text(
        f"AFLW\\1-image.jpg {numbers} 1 2 2 1\nAFLW\\2.jpg {numbers.replace('3', 'x')} 1 1 1 1\n"
    )
    table = read("mtfl", tmp_path)
    assert table.report.read == len(table) == 3
    assert table.rows[0].labels == {
        "landmarks5": [[1, 11], [2, 12], [3, 13], [4, 14], [5, 15]],
        "gender": "male",
        "smile": "smiling",
        "glasses": "no glasses",
        "pose": "frontal",
    }
    assert [row.split for row in table] == ["train", "train", "validation"]
    assert [row.subject for row in table] == ["Ann_Lee", None, None]
    assert table.rows[1].labels["pose"] == "right profile"
    assert table.report.skipped == {
        "named twice": 2,
        "missing file": 1,
        "label out of range": 1,
        "bad line": 1,
    }
    assert "1 pictures are also in LFW" in str(table.report)
    assert "training.txt line 7" in str(table.report)
    without = read("mtfl", root, with_lfw=False)
    assert [row.image for row in without] == ["net_7876/0_0.jpg", "AFLW/1-image.jpg"]


def test_w300_counts_pixels_from_zero(tmp_path):
    root = tmp_path / "300W"
    names = ("afw/1_1.jpg", "helen/trainset/2_1.jpg", "helen/testset/3_1.jpg", "ibug/4.jpg")
    draw(root, *names, "afw/1_1_mirror.jpg", "afw/5.jpg", "afw/6.jpg", "afw/7.jpg")
    for name in (*names, "afw/1_1_mirror.jpg"):
        (root / name).with_suffix(".pts").write_text(pts(68))
    (root / "afw/6.pts").write_text(pts(67))
    (root / "afw/7.pts").write_text("nothing")
    table = read("w300", tmp_path)
    assert {row.image: row.split for row in table} == {
        "afw/1_1.jpg": "train",
        "helen/trainset/2_1.jpg": "train",
        "helen/testset/3_1.jpg": "validation",
        "ibug/4.jpg": "test",
    }
    assert table.rows[0].labels["landmarks68"][0] == [0.0, 1.0]
    assert table.report.skipped == {"flipped twin": 1, "no .pts file": 1, "bad .pts file": 2}
    assert "67 points where 68 are needed" in str(table.report)
    assert len(read("w300", root, mirrored=True)) == 5


def test_w300_test_pictures_alone(tmp_path):
    draw(tmp_path, "300W/01_Indoor/indoor_001.png")
    (tmp_path / "300W/01_Indoor/indoor_001.pts").write_text(pts(68))
    assert [row.split for row in read("w300", tmp_path)] == ["test"]


def test_pts_in_their_own_count(tmp_path):
    (tmp_path / "a.pts").write_text(pts(3, 10.5))
    assert read_pts(tmp_path / "a.pts", 3)[2] == [12.5, 23.0]


@pytest.mark.parametrize("values", [["1"], ["1", "inf"], ["1", "nan"], ["1", "one"]])
def test_points_that_are_none(values):
    with pytest.raises(ValueError):
        pairs_of(values)
