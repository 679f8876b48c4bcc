"""The one table: filters, labels, and a report that says why a row is not there."""

from pathlib import Path

import numpy as np
import pytest

from kerasface.data.table import FaceRow, FaceTable, ReadReport


def three_rows():
    rows = [
        FaceRow("a.png", {"age": 3.0, "gender": "male"}, "p", "train", "demo"),
        FaceRow("b.png", {"gender": "female"}, "q", "validation", "demo"),
        FaceRow(np.zeros((2, 2), np.uint8), {"age": 9.0}, None, "test", "demo"),
    ]
    return FaceTable(Path("root"), rows, ReadReport("demo", read=3))


def test_filters_by_split_task_and_condition():
    table = three_rows()
    assert [row.image for row in table.filter(split="train")] == ["a.png"]
    assert len(table.filter(split=("train", "test"))) == 2
    assert len(table.filter(task="age")) == 2
    assert len(table.filter(split="validation", task="age")) == 0
    assert len(table.filter(where=lambda row: row.subject == "q")) == 1
    assert table.filter(split="train").report is table.report


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match="Received: split='dev'"):
        three_rows().filter(split="dev")


def test_labels_are_none_where_unknown():
    table = three_rows()
    assert table.labels_of("age") == [3.0, None, 9.0]
    assert table.labels_of("race") == [None, None, None]
    assert table.tasks() == {"age": 2, "gender": 2}


def test_names_a_row_by_path_or_place():
    table = three_rows()
    assert table.name_of(0) == "a.png"
    assert table.name_of(2) == "row 2"


def test_report_says_reasons_by_number_with_examples():
    report = ReadReport("set", read=5)
    for number in range(4):
        report.skip("missing file", f"{number}.jpg")
    report.skip("bad name", "x")
    report.note("2 blank pictures")
    assert str(report).splitlines() == [
        "set: 5 read, 5 skipped",
        "  4 x missing file (0.jpg, 1.jpg, 2.jpg, ...)",
        "  1 x bad name (x)",
        "  note: 2 blank pictures",
    ]


def test_reports_do_not_share_counts():
    first, second = ReadReport("a"), ReadReport("b")
    first.skip("reason", "x")
    assert second.total_skipped == 0 and second.examples == []


def test_report_is_saved_with_its_full_lists(tmp_path):
    report = ReadReport("set", read=1)
    report.lists["copy"] = ["a", "b"]
    report.save(tmp_path / "report.txt")
    text = (tmp_path / "report.txt").read_text()
    assert text == "set: 1 read, 0 skipped\n\n# copy (2)\na\nb\n"
