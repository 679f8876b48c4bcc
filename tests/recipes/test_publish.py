"""From a finished run to a published entry with files for other runtimes, by the two commands."""

import dataclasses
import json
from importlib.util import find_spec

import numpy as np
import pytest

from kerasface.data.synthetic import synthetic_set
from kerasface.models import FaceModel
from kerasface.zoo import load
from kerasface.zoo.entry import read_manifest
from recipes.face_zoo import evaluate, publish, train
from recipes.face_zoo.sets import SETS, TASKS

ROWS = 40
LABELS = {
    "fer2013": ("expression",),
    "utkface": ("age", "gender", "race"),
    "fairface": ("age_group", "gender", "race7"),
    "celeba": ("gender",),
}
NEEDED = ("ai_edge_litert", "onnxruntime", "tf2onnx")
MISSING = [package for package in NEEDED if find_spec(package) is None]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Drawn faces with invented labels in place of the four sets."""
    folder = tmp_path_factory.mktemp("prepared")
    random = np.random.default_rng(0)
    for number, name in enumerate(SETS):
        drawn = synthetic_set(ROWS, size=48, seed=number, tasks=())
        labels = {}
        for task in (task for task in TASKS if task.name in LABELS[name]):
            age = task.name == "age"
            labels[task.name] = (
                random.uniform(1, 80, ROWS).astype("float32")
                if age
                else random.integers(0, task.output_size, ROWS).astype("int32")
            )
        masks = {task: np.ones(ROWS, bool) for task in labels}
        made = dataclasses.replace(drawn, labels=labels, masks=masks, domain=name)
        for split in ("train", "validation"):
            made.save(folder / f"{name}-{split}.npz")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    config = {"epochs": 2, "steps_per_epoch": 3, "per_batch": train.PER_BATCH, "teacher": "none"}
    (folder / "config.json").write_text(json.dumps({"config": config}))
    return folder


@pytest.fixture
def trained(monkeypatch):
    """Says the same class of everybody, so that rounding to int8 changes no answer."""
    model = FaceModel.from_spec(
        {
            "trunk": train.SMOKE_TRUNKS["student"],
            "tasks": [task.get_config() for task in TASKS],
            "input": train.INPUT,
        }
    )
    for weight in model.weights:
        if "head" in weight.path and weight.path.endswith("bias"):
            weight.assign(4.0 * np.eye(weight.shape[0])[0])
        elif "head" in weight.path and weight.path.endswith("kernel"):
            weight.assign(0.1 * weight)
    for module in (evaluate, publish):
        monkeypatch.setattr(module, "load_finished", lambda folder: model)
    return model


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"NOT TESTED: {MISSING} are not installed")
def test_two_commands_make_an_entry(run, prepared, trained, tmp_path, capsys):
    evaluate.main([str(run), "--prepared", str(prepared)])
    facts = {
        fact["task"]: fact
        for fact in json.loads((run / "metrics.json").read_text())["temperatures"]
    }
    assert list(facts) == ["expression", "age_group", "gender", "race", "race7"]
    assert f"gender: temperature {facts['gender']['temperature']:.3f}" in capsys.readouterr().out

    words = [str(run), "student", "9.0.0", "--prepared", str(prepared), "--zoo", str(tmp_path)]
    words += ["--exports", "litert-float16", "litert-int8"]
    publish.main(words)
    folder = tmp_path / "student" / "9.0.0"
    manifest = read_manifest(folder)
    assert [export.name for export in manifest.exports] == words[-2:]
    int8 = manifest.exports[-1]
    assert int8.calibration.startswith("160 faces: 40 of fer2013-train.npz")
    assert {row.dataset for row in int8.measures} == {"FER2013", "UTKFace", "FairFace", "CelebA"}
    assert "figures/calibration_gender.png" in manifest.files

    expected = {task: fact["temperature"] for task, fact in facts.items()}
    assert load(folder).temperatures == expected
    assert load(folder, runtime="litert").temperatures == expected
    assert "## Calibrated confidence" in (folder / "README.md").read_text()


def test_an_older_evaluation_is_refused(tmp_path, capsys):
    (tmp_path / "metrics.json").write_text('{"metrics": []}')
    with pytest.raises(SystemExit):
        publish.main([str(tmp_path), "student", "9.0.0"])
    assert "run evaluate again" in capsys.readouterr().err


def test_the_student_is_exported_and_the_teacher_is_not():
    assert publish.EXPORTS_OF["student"] == publish.EXPORTS and not publish.EXPORTS_OF["teacher"]
