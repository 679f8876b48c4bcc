"""The recipe of the first zoo from end to end, on a few synthetic faces."""

import json

import keras
import numpy as np
import pytest

from recipes.face_zoo import evaluate, settle, train
from recipes.face_zoo.sets import TASKS, smoke_sets


@pytest.mark.slow
def test_teacher_student_and_scores(tmp_path):
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    train.main(["teacher", "--smoke", "--run", str(teacher)])
    train.main(["student", "--smoke", "--run", str(student), "--teacher", str(teacher)])
    keras.config.set_dtype_policy("float32")

    lines = [json.loads(line) for line in (student / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[-1]["expression_labelled"] == 2 * train.PER_BATCH["fer2013"]
    # Nobody's race is drawn: no label, so no accuracy; but the teacher has an answer.
    assert "race_accuracy" not in lines[-1] and lines[-1]["race_soft_loss"] > 0

    model = train.load_finished(student)
    assert [task.name for task in model.tasks] == [task.name for task in TASKS]
    assert model.get_spec()["trunk"] == train.SMOKE_TRUNKS["student"]
    scores = evaluate.score(model, smoke_sets("validation"))
    measured = {(row["task"], row["dataset"]) for row in scores["metrics"]}
    assert ("expression", "FER2013") in measured and ("age", "UTKFace") in measured
    assert not any(task == "race" for task, _ in measured)
    for row in scores["metrics"]:
        assert row["ci95"][0] <= row["value"] <= row["ci95"][1] and row["n"] > 0

    evaluate.draw(model, smoke_sets("validation"), tmp_path / "figures")
    figures = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert figures == [
        "fer2013_expression_confusion.png",
        "fer2013_expression_reliability.png",
        "utkface_age.png",
    ]

    # The same command again has nothing left to do and changes nothing.
    weights = model.get_weights()
    train.main(["student", "--smoke", "--run", str(student), "--teacher", str(teacher)])
    keras.config.set_dtype_policy("float32")
    for then, now in zip(weights, train.load_finished(student).get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)

    # The last steps on plain faces: a run of its own, from the weights of the one before.
    settle.main([str(student), "--smoke", "--epochs", "1", "--teacher", str(teacher)])
    keras.config.set_dtype_policy("float32")
    settled = tmp_path / "student-settled"
    [line] = (settled / "history.jsonl").read_text().splitlines()
    assert json.loads(line)["race_soft_loss"] > 0
    moved = train.load_finished(settled).get_weights()
    largest = [np.abs(now - then).max() for then, now in zip(weights, moved, strict=True)]
    assert 0 < max(largest) < 0.1 and np.isfinite(largest).all()
    config = json.loads((settled / "config.json").read_text())["config"]
    assert config["settled"]["augmentation"]["rotate"] == 0
    assert train.faces_seen(config) == (2 + 1) * 2 * sum(train.PER_BATCH.values())


def test_a_run_of_other_settings_is_refused(tmp_path):
    folder = tmp_path / "teacher"
    train.RunState(folder, {"seed": 1})
    with pytest.raises(ValueError, match="other settings"):
        train.RunState(folder, {"seed": 2})


def test_an_unfinished_run_is_not_published(tmp_path):
    train.RunState(tmp_path / "run", {"epochs": 3, "teacher": "none"})
    with pytest.raises(ValueError, match="epoch 0 of 3"):
        train.load_finished(tmp_path / "run")
