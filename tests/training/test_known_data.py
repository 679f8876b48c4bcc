"""A run's data is looked at before its first step, and known again when the run goes on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.synthetic import synthetic_set
from kerasface.tasks import Classification, Regression
from kerasface.training import ChangedData, check_data

TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116)))


@pytest.fixture
def faces():
    return synthetic_set(6, size=16, tasks=("gender", "age"))


def check(folder, train, validation=None, **kwargs):
    check_data(folder, {"train": train, "validation": validation or train}, TASKS, **kwargs)


def test_the_same_data_passes_and_is_written_once(faces, tmp_path):
    check(tmp_path / "run", {"a": faces})
    written = (tmp_path / "run" / "data.json").read_text()
    assert json.loads(written)["train/a"]["rows"] == 6
    check(tmp_path / "run", {"a": synthetic_set(6, size=16, tasks=("gender", "age"))})
    assert (tmp_path / "run" / "data.json").read_text() == written
    check(tmp_path / "other", {"a": faces}, writes=False)
    assert not (tmp_path / "other").exists()


def relabelled(faces):
    labels = {**faces.labels, "gender": 1 - faces.labels["gender"]}
    return replace(faces, labels=labels)


@pytest.mark.parametrize(
    "changed, words",
    [
        (lambda faces: {"a": faces.take(range(5))}, "train/a has 5 rows where there were 6"),
        (lambda faces: {"a": relabelled(faces)}, "train/a has other pictures or labels"),
        (lambda faces: {"a": replace(faces, images=255 - faces.images)}, "has other pictures"),
        (lambda faces: {"b": faces}, "train/a is missing"),
        (lambda faces: {"a": faces, "b": faces}, "train/b is new"),
    ],
)
def test_other_data_is_named(faces, changed, words, tmp_path):
    check_data(tmp_path, {"train": {"a": faces}}, TASKS)
    with pytest.raises(ChangedData, match=words) as error:
        check_data(tmp_path, {"train": changed(faces)}, TASKS)
    assert "\n" not in str(error.value) and "Received: " in str(error.value)


@pytest.mark.parametrize("task, label", [("gender", 2), ("gender", -1), ("age", np.nan)])
@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_label_out_of_range_is_named_with_its_row(faces, task, label, part, tmp_path):
    column = faces.labels[task].copy()
    column[4] = label
    broken = replace(faces, labels={**faces.labels, task: column})
    parts = {"train": {"a": faces}, "validation": {"a": faces}, part: {"a": broken}}
    with pytest.raises(ValueError, match=rf"row 4 \(.*'{task}' cannot have"):
        check_data(tmp_path, parts, TASKS)
    assert not (tmp_path / "data.json").exists()
    broken.masks[task][4] = False
    check_data(tmp_path, parts, TASKS)
