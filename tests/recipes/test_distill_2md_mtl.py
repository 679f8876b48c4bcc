"""The recipe of Distill-2MD-MTL from end to end on a few synthetic faces, and what it may see."""

import json
from argparse import Namespace

import keras
import numpy as np
import pytest

from recipes.distill_2md_mtl import table, train
from recipes.distill_2md_mtl.methods import METHODS, PAPER, ROWS_IN_BATCH
from recipes.distill_2md_mtl.sets import EXPRESSION, FILES, OWN_TASK, smoke_set, without_label


@pytest.fixture(autouse=True)
def policy():
    """The recipe sets the global policy; other tests want it as it was."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def seen(split):
    """The training sets, and the files that were read for them."""
    files = []

    def load(file):
        files.append(file)
        return smoke_set(None, file)

    return train.training_sets(load, split), files


@pytest.mark.parametrize("split", ["across", "fold-0", "fold-7"])
def test_no_picture_of_fer2013_and_nobody_who_tests_trains(split):
    sets, files = seen(split)
    assert not any("fer2013" in file or "validation" in file for file in files)
    tests = train.testing_sets(lambda file: smoke_set(None, file), split)
    for prepared in tests.values():
        for trained in sets.values():
            if trained.domain == prepared.domain == "ck48":
                assert not set(trained.subjects) & set(prepared.subjects)


def test_folds_test_every_row_once():
    whole = smoke_set(None, "ck48")
    parts = [
        train.testing_sets(lambda file: smoke_set(None, file), f"fold-{fold}")["ck48_10fold"]
        for fold in range(len(set(whole.subjects)))
        if fold < 10
    ]
    names = [name for part in parts for name in part.names]
    assert sorted(names) == sorted(set(names)) and set(names) <= set(whole.names)


@pytest.fixture(autouse=True)
def enough_people(monkeypatch):
    """Ten folds need ten people or more."""
    import recipes.distill_2md_mtl.sets as sets

    drawn = sets.synthetic_set

    def more(rows, **options):
        return drawn(rows, identities=20, **options)

    monkeypatch.setattr(sets, "synthetic_set", more)


def test_each_set_brings_its_own_label_and_contempt_is_not_trained_across():
    sets, _ = seen("across")
    for name, prepared in sets.items():
        assert list(prepared.labels) == [OWN_TASK[name].name]
        assert prepared.masks[OWN_TASK[name].name].all()
    contempt = EXPRESSION.classes.index("contempt")
    assert contempt not in sets["ck48"].labels["expression"]
    assert contempt in seen("fold-0")[0]["ck48"].labels["expression"]


def test_a_class_without_its_label_stays_legal():
    faces = smoke_set(None, "ck48")
    without = without_label(faces, EXPRESSION, "happy")
    happy = faces.labels["expression"] == EXPRESSION.classes.index("happy")
    np.testing.assert_array_equal(without.masks["expression"], ~happy)


def test_methods_are_equal_in_what_they_see():
    assert {sum(method.per_batch.values()) for method in METHODS.values()} == {ROWS_IN_BATCH}
    for name, method in METHODS.items():
        assert method.teacher is None or METHODS[method.teacher].teacher is None
        assert method.paper == (name in PAPER)
    assert METHODS["2md-mtl"].per_batch == {"utkface": 32, "fairface": 32, "ck48": 64}


def test_the_files_of_real_and_drawn_faces_are_the_same():
    for file, (_, _, _, tasks) in FILES.items():
        drawn = smoke_set(None, file)
        assert {task.name for task in tasks} <= set(drawn.labels)
        assert np.ptp(drawn.images, axis=-1).max() == 0, "a picture has colour"


@pytest.mark.slow
def test_a_run_its_teacher_and_the_page(tmp_path):
    runs = tmp_path / "runs"
    command = ["dr-distill-da-2md-mtl", "--smoke", "--runs", str(runs)]
    train.main(command)
    folder = runs / "across"
    assert sorted(path.name for path in folder.iterdir()) == [
        "da-2md-mtl-s0",
        "dr-distill-da-2md-mtl-s0",
    ]
    teacher, student = folder / "da-2md-mtl-s0", folder / "dr-distill-da-2md-mtl-s0"
    lines = [json.loads(line) for line in (teacher / "history.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and lines[-1]["domain_labelled"] == 2 * ROWS_IN_BATCH
    for entry in (
        "domain_active_share",
        "domain_strength",
        "expression_weight",
        "age_two_class_weight",
    ):
        assert np.isfinite(lines[-1][entry]), entry
    labels = sorted(path.name for path in (teacher / "labels").iterdir())
    assert labels == ["fairface-expression", "utkface-expression"]

    lines = [json.loads(line) for line in (student / "history.jsonl").read_text().splitlines()]
    # The whole batch has an expression: 64 true labels and 64 of the teacher's.
    assert lines[-1]["labelled"] == 2 * ROWS_IN_BATCH
    assert lines[-1]["learning_rate"] > 0
    assert set(json.loads((student / "metrics.json").read_text())) == {"ck48_to_fer2013"}
    assert [task.name for task in train.finished(student).tasks] == ["expression"]

    before = (student / "metrics.json").stat().st_mtime_ns
    train.main(command)
    assert (student / "metrics.json").stat().st_mtime_ns == before

    table.main(["--smoke", "--render", "--runs", str(runs), "--out", str(tmp_path)])
    results = json.loads((tmp_path / "results.json").read_text())
    found = results["ck48_to_fer2013"]
    metrics = json.loads((student / "metrics.json").read_text())["ck48_to_fer2013"]
    assert found["dr-distill-da-2md-mtl"]["accuracy"] == pytest.approx(metrics["headline"]["value"])
    assert set(results["utkface_gender"]) == {"da-2md-mtl"} and not results["ck48_10fold"]
    six = results["six classes"]["da-2md-mtl"]
    assert (
        six["rows"] < found["da-2md-mtl"]["rows"]
        and six["accuracy"] >= found["da-2md-mtl"]["accuracy"]
    )
    page = (tmp_path / "RESULTS.md").read_text()
    assert "(38.9)" in page and "| DR-Distill-DA-2MD-MTL | - (97.7) |" in page


def test_what_is_to_be_run():
    runs = table.wanted(None)
    assert len(set(runs)) == len(runs) == 3 * len(METHODS) + 10 * (len(METHODS) - 2)
    assert len(table.wanted("across")) + len(table.wanted("folds")) == len(runs)


def test_interval_by_hand():
    """One person with three rows of 1, one with one row of 0: means of 0, 3/4 or 1."""
    low, high = table.interval(np.array([1.0, 1, 1, 0]), np.array(["a", "a", "a", "b"]))
    assert (low, high) == (0.0, 1.0)


def test_difference_is_paired():
    """Method right on rows 0 and 1, baseline on row 1: half a row of two, 0.5 apart."""

    def part(answers):
        outputs = np.eye(2)[answers]
        people = np.array(["a", "b"])
        return table.Tested("s", EXPRESSION, outputs, np.array([0, 1]), people, people, None)

    numbers = table.numbers(
        {"baseline": [part([1, 1])], "other": [part([0, 1])]}, "baseline", False
    )
    assert numbers["other"]["over_baseline"]["difference"] == 0.5
    assert "over_baseline" not in numbers["baseline"]


def test_options():
    options = train.complete(Namespace(paper=True, smoke=False))
    assert options.trunk["name"] == "vgg16" and options.epochs == 200
