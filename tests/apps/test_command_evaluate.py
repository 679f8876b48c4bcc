"""`kerasface evaluate`: runs and entries under protocols, and what goes wrong in one line."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.apps.main import main
from kerasface.apps.protocol_runs import in_training, plan
from kerasface.data.synthetic import synthetic_set
from kerasface.data.template import SET_BOXES, crop_box
from kerasface.evaluation.protocols import load_splits, subject_kfold
from kerasface.models import FaceModel
from kerasface.tasks import Classification
from kerasface.training.run_state import RunState

CK = ("angry", "disgust", "fear", "happy", "sad", "surprise", "contempt")
FOLDERS = dict(
    zip(CK[:6], ("anger", "disgust", "fear", "happy", "sadness", "surprise"), strict=True)
)
TASK = Classification("expression", CK)
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [TASK.get_config()],
    "input": {"height": 24, "width": 24, "channels": 3},
}
PEOPLE = 11


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Synthetic faces in the layouts of CK+48 (six expressions, 11 people) and FER2013."""
    root = tmp_path_factory.mktemp("data")
    faces = synthetic_set(7 * PEOPLE, identities=PEOPLE, tasks=("expression", "identity"))
    names = (*CK[:6], "neutral")
    for place, picture in enumerate(faces.images):
        name = names[faces.labels["expression"][place]]
        person = faces.labels["identity"][place]
        where = [f"fer2013/validation/{name}/PublicTest_{place}.png"]
        if name != "neutral":
            where.append(f"CK+48/{FOLDERS[name]}/S{person:03d}_001_{place:08d}.png")
        for path in where:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).convert("L").save(root / path)
    return root


def make_run(folder, **config):
    """A run of one epoch of one step that saw nothing but zeros; heads are strong and random."""
    keras.utils.set_random_seed(len(str(config)))
    model = FaceModel.from_spec(SPEC)
    model.compile("sgd")
    state = RunState(folder, {"spec": SPEC, **config})
    pictures, labels = np.zeros((2, 24, 24, 3)), {"expression": np.array([0, 3])}
    model.fit(pictures, labels, epochs=1, verbose=0)
    heads = model.heads.head("expression")
    heads.set_weights(
        [4.0 * np.random.default_rng(0).normal(size=w.shape) for w in heads.get_weights()]
    )
    state.set_model(model)
    state.set_params({"epochs": 1})
    state.on_epoch_end(0, {"loss": 1.0, "expression_loss": 1.0, "expression_accuracy": 0.5})
    return model


def by_hand(model, data, rows):
    """Share of rows that the model has right, picture by picture."""
    hits = []
    for name in rows:
        pixels = Image.open(data / "CK+48" / name).convert("RGB")
        crop = crop_box(np.asarray(pixels), SET_BOXES["ck48"], 24)
        guess = int(np.argmax(model(crop[None].astype("float32"))["expression"]))
        hits.append(FOLDERS.get(CK[guess]) == name.split("/")[0])
    return sum(hits) / len(hits)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, make_run(folder, per_batch={"utkface": 2})


def evaluate(*words):
    return main(["evaluate", *map(str, words)])


def test_a_run_on_all_folds_as_json(run, data, tmp_path, capsys):
    folder, model = run
    words = (folder, "--protocol", "ck48_10fold", "--data", data, "--resamples", 50)
    assert evaluate(*words, "--figures", tmp_path, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    rows = [str(path.relative_to(data / "CK+48")) for path in (data / "CK+48").rglob("*.png")]
    assert result["views"]["all"]["rows"] == len(rows) == 6 * PEOPLE
    assert result["headline"]["value"] == pytest.approx(by_hand(model, data, rows))
    assert result["headline"]["low"] <= result["headline"]["value"] <= result["headline"]["high"]
    assert len(result["views"]["all"]["splits"]) == 10
    [about] = result["models"]
    assert about["kind"] == "run" and about["epoch"] == 1
    assert about["tested_set_in_training"] is False and len(about["splits"]) == 10
    assert result["protocol"]["name"] == "ck48_10fold" and result["notes"] == []
    for file in ("ck48_10fold_all_confusion.png", f"{folder.name}_curves.png"):
        Image.open(tmp_path / file).verify()


def test_one_split_and_across_sets(run, data, tmp_path, capsys):
    folder, model = run
    words = (folder, "--protocol", "ck48_10fold", "--data", data, "--split", "fold-3")
    assert evaluate(*words, "--json", tmp_path / "out" / "fold.json") == 0
    result = json.loads((tmp_path / "out" / "fold.json").read_text())
    assert [each["split"] for each in result["views"]["all"]["splits"]] == ["fold-3"]
    assert "ck48_10fold: CK+" in capsys.readouterr().out
    assert evaluate(folder, "--protocol", "ck48_to_fer2013", "--data", data) == 0
    out = capsys.readouterr().out
    assert f"seven classes ({7 * PEOPLE} rows" in out and f"six classes ({6 * PEOPLE} rows" in out
    assert "at most 85.7 % could be right" in out


def test_runs_are_tested_on_the_folds_of_their_settings(data, tmp_path, capsys):
    for fold in (2, 5):
        settings = {"protocol": "ck48_10fold", "split": f"fold-{fold}", "per_batch": {"ck48": 2}}
        make_run(tmp_path / f"run-{fold}", **settings)
    words = ("--protocol", "ck48_10fold", "--data", data, "--resamples", 20, "--json")
    assert evaluate(tmp_path / "run-5", tmp_path / "run-2", *words) == 0
    out, error = capsys.readouterr()
    result = json.loads(out)
    assert [each["split"] for each in result["views"]["all"]["splits"]] == ["fold-5", "fold-2"]
    assert error.count("note: ") == 2 and "fair if the tested rows were left out" in error
    make_run(tmp_path / "other", protocol="fer2013", split="validation")
    for pair, text in (
        ((tmp_path / "run-5", tmp_path / "other"), "other"),
        ((tmp_path / "run-5", tmp_path / "run-5"), "each split is tested by one model"),
    ):
        assert evaluate(*pair, *words) == 2
        assert text in capsys.readouterr().err


def test_the_splits_are_written_without_a_model(data, tmp_path, capsys):
    target = tmp_path / "folds.json"
    words = ("--protocol", "ck48_10fold", "--data", data, "--write-splits", target)
    assert evaluate(*words) == 0
    splits = load_splits(target)
    tested = [name for split in splits for name in split.test]
    assert len(splits) == 10 and len(tested) == len(set(tested)) == 6 * PEOPLE
    words = ("--protocol", "ck48_to_fer2013", "--data", data, "--write-splits", target)
    assert evaluate(*words) == 0
    [split] = load_splits(target)
    assert len(split.train) == 6 * PEOPLE and len(split.test) == 7 * PEOPLE
    assert capsys.readouterr().out == ""


def test_the_protocols_are_listed(capsys):
    assert evaluate("--list") == 0
    out = capsys.readouterr().out
    assert out.startswith("ck48_10fold ") and "ck48_to_fer2013" in out


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    """A published entry that names CK+ among its training data."""
    from kerasface.zoo import publish
    from tests.zoo.conftest import FACTS, measure

    spec = {**SPEC, "input": {"height": 48, "width": 48, "channels": 3}}
    facts = {
        **FACTS,
        "metrics": [measure("expression")],
        "data": [{"name": "CK+", "terms": "research only", "labels": ["expression"]}],
    }
    root = tmp_path_factory.mktemp("zoo")
    return publish(FaceModel.from_spec(spec), "tiny", "1.0.0", root=root, **facts)


def test_an_entry_and_what_it_was_trained_on(entry, data, capsys):
    words = ("--protocol", "ck48_10fold", "--data", data, "--resamples", 20, "--json")
    assert evaluate(f"{entry}/", *words) == 0
    out, error = capsys.readouterr()
    result = json.loads(out)
    assert result["models"][0]["name"] == "tiny@1.0.0"
    assert result["models"][0]["tested_set_in_training"] is True
    assert error == "note: tiny@1.0.0 was trained on ck48 and is tested on all of it\n"


@pytest.mark.parametrize(
    "words, text",
    [
        (["RUN"], "--protocol and --data are needed"),
        (["--protocol", "fer2013", "--data", "DATA"], "name a model to test"),
        (["RUN", "--protocol", "ck48_10fold", "--data", "DATA/none"], "no such folder"),
        (["RUN", "--protocol", "ck48_10folds", "--data", "DATA"], "near are ck48_10fold"),
        (["RUN", "--protocol", "utkface_gender", "--data", "DATA"], "no row has a label for"),
        (["RUN", "--protocol", "morph2_two_ages_4to1", "--data", "DATA"], "no folder with Album2"),
        (["RUN", "--protocol", "fer2013_private", "--data", "DATA"], "no row of the part 'test'"),
        (["RUN", "--protocol", "ck48_10fold", "--data", "DATA", "--split", "x"], "no split 'x'"),
        (["DATA", "--protocol", "ck48_10fold", "--data", "DATA"], "neither an entry's folder"),
        (["no/such", "--protocol", "ck48_10fold", "--data", "DATA"], "no/such"),
        (["RUN", "--protocol", "fer2013", "--data", "DATA", "--resamples", "1"], "Received: 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, text, run, data, capsys):
    put = {"RUN": str(run[0])}
    words = [put.get(word, word.replace("DATA", str(data))) for word in words]
    assert main(["evaluate", *words]) == 2
    out, error = capsys.readouterr()
    assert out == "" and text in error
    assert error.startswith("error: ") and error.count("\n") == 1


def test_a_model_without_the_task_is_one_line(run, data, tmp_path, capsys):
    for age in (20, 60):
        for number in range(30):
            (tmp_path / "UTKFace").mkdir(exist_ok=True)
            picture = Image.fromarray(np.full((12, 12, 3), number, np.uint8))
            picture.save(tmp_path / "UTKFace" / f"{age}_1_0_{number}.jpg")
    assert evaluate(run[0], "--protocol", "utkface_gender", "--data", tmp_path) == 2
    assert "must have a classification task 'gender'" in capsys.readouterr().err


def test_one_model_of_several_splits_needs_no_settings():
    splits = subject_kfold(["a", "b", "c"], ["p", "q", "r"], 3)
    assert [split.name for split in plan(["student"], "x", splits)[0].splits] == [
        "fold-0",
        "fold-1",
        "fold-2",
    ]
    with pytest.raises(ValueError, match="--split is for one model. Received: 2"):
        plan(["a", "b"], "x", splits, "fold-0")


def test_names_of_data_sets_are_known_in_their_forms():
    assert in_training(["CK+", "UTKFace"], "ck48") and in_training(["FER2013"], "fer2013")
    assert not in_training(["UTKFace"], "ck48") and in_training(None, "ck48") is None
    assert in_training(["Oulu-CASIA"], "oulu_casia") and in_training(["MORPH II"], "morph2")


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--help"])
    assert stop.value.code == 0
    assert "usage: kerasface evaluate" in capsys.readouterr().out
