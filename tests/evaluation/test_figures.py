"""Figures: PNG files of the right things, the same bytes for the same numbers."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kerasface.evaluation import figures


def size_of(png):
    picture = Image.open(io.BytesIO(png))
    picture.verify()
    assert picture.format == "PNG"
    return picture.size


def blue(png):
    """Share of pixels that are clearly blue."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return float(((pixels[..., 2] - pixels[..., 0]) > 60).mean())


def test_confusion_is_dark_where_the_faces_are():
    sharp = figures.confusion_figure(np.diag([9, 9, 9]), ("a", "b", "c"), "expression")
    flat = figures.confusion_figure(np.full((3, 3), 3), ("a", "b", "c"))
    assert size_of(sharp)[0] > 300 and sharp != flat
    grown = figures.confusion_figure(np.ones((9, 9)), [str(n) for n in range(9)])
    assert size_of(grown)[1] > size_of(flat)[1]


def test_confusion_survives_a_class_without_faces():
    assert size_of(figures.confusion_figure([[2, 0], [0, 0]], ("a", "b")))


def test_confusion_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"Received: \(2, 2\)"):
        figures.confusion_figure(np.eye(2), ("a", "b", "c"))


def test_the_same_numbers_are_the_same_file():
    first, second = (figures.confusion_figure(np.eye(2), ("a", "b")) for _ in range(2))
    assert first == second


def write_history(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def test_history_keeps_the_later_of_two_entries(tmp_path):
    path = write_history(
        tmp_path / "history.jsonl",
        [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 9.0}, {"epoch": 2, "loss": 2.0}],
    )
    assert figures.read_history(path) == [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}]


def test_history_of_a_run_that_is_writing_leaves_the_last_line_out(tmp_path):
    path = write_history(tmp_path / "history.jsonl", [{"epoch": 1, "loss": 3.0}])
    path.write_text(path.read_text() + '{"epoch": 2, "lo')
    assert figures.read_history(path) == [{"epoch": 1, "loss": 3.0}]


def test_curves_share_a_panel_with_their_validation_form(tmp_path):
    entries = [
        {"epoch": n, "loss": 3.0 / n, "val_loss": 4.0 / n, "accuracy": n / 4} for n in (1, 2, 3)
    ]
    entries[1].pop("accuracy")
    one = size_of(figures.learning_curves({"a": entries}, ["loss", "val_loss"]))
    two = size_of(figures.learning_curves({"a": entries, "b": entries[:1]}))
    assert two[0] == pytest.approx(2 * one[0], abs=2)


def test_curves_of_nothing_are_refused():
    with pytest.raises(ValueError, match="Received: runs="):
        figures.learning_curves({"a": [{"epoch": 1}]}, ["loss"])


def test_ages():
    labels = np.array([1.0, 5.0, 30.0, 80.0])
    assert size_of(figures.value_scatter(labels, labels + 3, title="UTKFace"))
    bands = figures.error_by_band(labels, labels + 3, (0, 3, 10, 70))
    assert blue(bands) > 0.05
    assert blue(figures.error_by_band(labels, labels, (0, 3, 10, 70))) < 0.01


def test_reliability():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
    right = figures.reliability_diagram(probabilities, [0, 0, 1], title="gender")
    wrong = figures.reliability_diagram(probabilities, [1, 1, 0])
    assert size_of(right) and blue(right) > blue(wrong)


def test_calibration_shows_both():
    before = np.array([[0.99, 0.01], [0.98, 0.02], [0.97, 0.03]])
    after = np.array([[0.7, 0.3], [0.66, 0.34], [0.64, 0.36]])
    drawn = figures.calibration_diagram(before, after, [0, 0, 1], title="gender")
    one = figures.reliability_diagram(before, [0, 0, 1])
    assert size_of(drawn)[0] > 1.5 * size_of(one)[0]
    assert drawn != figures.calibration_diagram(before, before, [0, 0, 1], title="gender")
    light = figures.calibration_diagram(before, after, [0, 0, 1], weights=[1, 1, 0])
    assert light != figures.calibration_diagram(before, after, [0, 0, 1])


def test_matplotlib_is_imported_when_the_first_figure_is_drawn():
    code = "import sys, kerasface.evaluation.figures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
