"""From a table to a prepared set: broken files and labels are lines, never black rows."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.prepare import prepare
from kerasface.data.table import FaceRow, FaceTable, ReadReport
from kerasface.data.template import crop_box
from kerasface.tasks import Landmarks
from tests.data.partial_sets import AGE, EXPRESSION

TASKS = (EXPRESSION, AGE)


def whole(pixels, row):
    return crop_box(pixels, size=8)


def table_of(root, rows):
    return FaceTable(root, rows, ReadReport("demo", read=len(rows)))


def picture(path, value):
    Image.new("RGB", (10, 12), (value, 20, 30)).save(path)


@pytest.fixture
def mixed_table(tmp_path):
    """Four good pictures, and four rows of which each is broken in its own way."""
    for number in range(4):
        picture(tmp_path / f"{number}.png", 100 + number)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "0.png").read_bytes()[:50])
    rows = [
        FaceRow("0.png", {"expression": "sad"}, "ann", "train", "demo"),
        FaceRow("text.png", {"expression": "sad"}, None, "train", "demo"),
        FaceRow("1.png", {"age": 30.0}, None, "train", "demo"),
        FaceRow("cut.png", {"age": 30.0}, None, "train", "demo"),
        FaceRow("missing.png", {}, None, "train", "demo"),
        FaceRow("2.png", {"expression": "bored", "age": 3.0}, None, "train", "demo"),
        FaceRow("2.png", {"age": 400.0}, None, "train", "demo"),
        FaceRow("3.png", {"glasses": "yes"}, None, "train", "demo"),
    ]
    return table_of(tmp_path, rows)


def test_good_rows_stay_and_the_others_are_reported(mixed_table):
    before = str(mixed_table.report)
    prepared = prepare(mixed_table, TASKS, whole)
    assert prepared.names.tolist() == ["0.png", "1.png", "3.png"]
    assert prepared.images.shape == (3, 8, 8, 3)
    assert prepared.images[:, 4, 4, 0].tolist() == [100, 101, 103]
    assert (prepared.images[..., 1] == 20).all()  # no picture is black, none is another's
    assert prepared.subjects.tolist() == ["ann", "", ""] and prepared.domain == "demo"
    assert prepared.masks["expression"].tolist() == [True, False, False]
    assert prepared.masks["age"].tolist() == [False, True, False]
    report = "\n".join(prepared.report)
    assert "3 read, 5 skipped" in report
    assert "3 x broken picture" in report and "2 x illegal label" in report
    for words in ("text.png", "cut.png", "missing.png", "2.png: 'expression' must be one of"):
        assert words in report
    assert str(mixed_table.report) == before  # the table's own report tells of its other splits


def test_pictures_given_as_arrays():
    grey = np.full((6, 6), 50, np.uint8)
    clear = np.zeros((6, 6, 4), np.uint8)
    rows = [FaceRow(grey, {"age": 1.0}), FaceRow(grey[..., None], {}), FaceRow(clear, {})]
    rows += [FaceRow(grey.astype(float), {}), FaceRow(np.stack([grey] * 3, -1), {})]
    prepared = prepare(table_of(None, rows), TASKS, whole, domain="own")
    assert prepared.images[:, 0, 0].tolist() == [[50] * 3, [50] * 3, [255] * 3, [50] * 3]
    assert prepared.names.tolist() == ["row 0", "row 1", "row 2", "row 4"]
    assert prepared.domain == "own" and "pixels must be uint8" in "\n".join(prepared.report)


def test_points_are_shares_of_the_crop_as_the_crop_says():
    def half(pixels, row):
        points = np.array(row.labels["landmarks5"], float) / pixels.shape[0] * 2
        return crop_box(pixels, (0, 0, 0.5, 0.5), size=8), {**row.labels, "landmarks5": points}

    points = [[1, 2], [3, 2], [2, 3], [1, 4], [3, 4]]
    rows = [FaceRow(np.zeros((10, 10, 3), np.uint8), {"landmarks5": points, "age": 9.0})]
    task = Landmarks("landmarks5", 5)
    prepared = prepare(table_of(None, rows), (task, AGE), half)
    np.testing.assert_allclose(prepared.labels["landmarks5"][0], np.array(points) / 5)
    assert prepared.labels["age"].tolist() == [9.0]
    with pytest.raises(TypeError, match="crop must return .pixels, labels.") as error:
        prepare(table_of(None, rows), (task,), whole)
    assert "Received:" in str(error.value)


def test_a_crop_that_fails_costs_its_row():
    def picky(pixels, row):
        if row.labels:
            raise ValueError("no face")
        return whole(pixels, row)

    rows = [FaceRow(np.ones((6, 6, 3), np.uint8), labels) for labels in ({}, {"age": 1.0})]
    prepared = prepare(table_of(None, rows), TASKS, picky)
    assert len(prepared) == 1 and "1 x no crop (row 1: no face)" in "\n".join(prepared.report)


def test_crops_of_several_sizes_and_no_rows_are_refused(tmp_path):
    rows = [FaceRow(np.ones((side, side, 3), np.uint8), {}) for side in (6, 7)]
    with pytest.raises(ValueError, match="one size"):
        prepare(table_of(None, rows), TASKS, lambda pixels, row: pixels)
    with pytest.raises(ValueError, match="no row of demo could be used") as error:
        prepare(table_of(tmp_path, [FaceRow("gone.png", {})]), TASKS, whole)
    assert "gone.png" in str(error.value)
