"""The recipe of Distill-2MD-MTL from end to end on a few synthetic faces, and what it may see."""

import json
import os
import shutil
import sys
from argparse import Namespace
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kerasface.training.trained_run import load_trained
from recipes import verdicts
from recipes.distill_2md_mtl import (
    answers,
    claims,
    records,
    results,
    runs,
    splits,
    table,
    train,
)
from recipes.distill_2md_mtl.methods import METHODS, ROWS_IN_BATCH
from recipes.distill_2md_mtl.paper_figures import PAPER, PROTOCOLS
from recipes.distill_2md_mtl.sets import DOMAINS, FILES, files_of, smoke_set, without_label
from recipes.distill_2md_mtl.splits import stated, training_sets
from recipes.whole_files import write_json

HERE = DOMAINS["here"]
EXPRESSION = HERE.tasks["expression"]
drawn = partial(smoke_set, None)


def seen(split, domains=HERE):
    """The training sets, and the files that were read for them."""
    files = []

    def load(file):
        files.append(file)
        return drawn(file)

    return training_sets(load, split, domains), files


@pytest.mark.parametrize("split", ["across", "fold-0", "fold-7"])
@pytest.mark.parametrize("domains", DOMAINS.values(), ids=list(DOMAINS))
def test_no_picture_of_fer2013_and_nobody_who_tests_trains(split, domains):
    sets, files = seen(split, domains)
    assert not any(part in file for file in files for part in ("fer2013", "validation", "test"))
    for protocol, prepared in splits.testing_sets(drawn, split, domains).items():
        if protocol == domains.folds:
            assert not set(sets["expression"].subjects) & set(prepared.subjects)


def test_folds_test_every_row_once():
    whole = drawn("ck48")
    parts = [
        splits.testing_sets(drawn, f"fold-{fold}", HERE, (HERE.folds,))[HERE.folds]
        for fold in range(10)
    ]
    names = [name for part in parts for name in part.names]
    assert sorted(names) == sorted(whole.names)


def test_only_what_is_asked_is_read():
    files = []
    sets = splits.testing_sets(
        lambda file: files.append(file) or drawn(file), "fold-1", HERE, ("nobody",)
    )
    assert not sets and not files


def test_each_set_brings_its_own_label_and_contempt_is_not_trained_across():
    sets, _ = seen("across")
    for name, prepared in sets.items():
        task = HERE.tasks[name].name
        assert list(prepared.labels) == [task] and prepared.masks[task].all()
    contempt = EXPRESSION.classes.index("contempt")
    assert contempt not in sets["expression"].labels["expression"]
    assert contempt in seen("fold-0")[0]["expression"].labels["expression"]


def test_a_class_without_its_label_stays_legal():
    faces = drawn("ck48")
    without = without_label(faces, EXPRESSION, "happy")
    happy = faces.labels["expression"] == EXPRESSION.classes.index("happy")
    np.testing.assert_array_equal(without.masks["expression"], ~happy)


def test_methods_are_equal_in_what_they_see():
    """128 rows a batch; age and gender also alone with as many of their own as with others."""
    full = METHODS["2md-mtl"].per_batch
    assert full == {"age": 32, "gender": 32, "expression": 64}
    for name, method in METHODS.items():
        rows = sum(method.per_batch.values())
        assert rows == (ROWS_IN_BATCH if method.filled else full[method.sets[0]]), name
        assert method.teacher is None or METHODS[method.teacher].teacher is None
        assert method.paper == (name in PAPER)
    alone = {METHODS[f"{task}-alone"].per_batch[task] for task in ("age", "gender")}
    assert alone == {full["age"]} == {full["gender"]}


def test_the_paper_has_seven_rows_on_six_protocols():
    assert len(PAPER) == 7 and {len(row) for row in PAPER.values()} == {len(PROTOCOLS)}
    assert PAPER["dr-distill-da-2md-mtl"]["ck48_to_fer2013"] == 38.9
    assert PAPER["baseline"]["ck48_10fold"] == 89.4


def test_the_files_of_real_and_drawn_faces_are_the_same():
    assert {file for domains in DOMAINS.values() for file in files_of(domains)} == set(FILES)
    for file, (_, _, tasks) in FILES.items():
        faces = drawn(file)
        assert {task.name for task in tasks} <= set(faces.labels)
        assert np.ptp(faces.images, axis=-1).max() == 0, "a picture has colour"


def test_settings_name_the_protocol():
    assert stated("across", HERE) == {"protocol": "ck48_to_fer2013", "split": "validation"}
    assert stated("fold-3", HERE) == {"protocol": "ck48_10fold", "split": "fold-3"}


@pytest.mark.slow
def test_a_run_its_teacher_and_the_page(tmp_path):
    folder = tmp_path / "runs"
    command = ["dr-distill-da-2md-mtl", "--smoke", "--runs", str(folder)]
    train.main(command)
    across = folder / "across"
    assert sorted(path.name for path in across.iterdir()) == [
        "da-2md-mtl-s0",
        "dr-distill-da-2md-mtl-s0",
    ]
    teacher, student = across / "da-2md-mtl-s0", across / "dr-distill-da-2md-mtl-s0"
    lines = [json.loads(line) for line in (teacher / "history.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and lines[-1]["domain_labelled"] == 2 * ROWS_IN_BATCH
    for entry in (
        "domain_active_share",
        "domain_strength",
        "expression_weight",
        "age_two_class_weight",
        "probe/balanced_accuracy",
    ):
        assert np.isfinite(lines[-1][entry]), entry
    labels = sorted(path.name for path in (teacher / "labels").iterdir())
    assert labels == ["fairface-expression", "utkface-expression"]

    lines = [json.loads(line) for line in (student / "history.jsonl").read_text().splitlines()]
    # The whole batch has an expression: 64 true labels and 64 of the teacher's.
    assert lines[-1]["labelled"] == 2 * ROWS_IN_BATCH
    assert lines[-1]["learning_rate"] > 0
    finished = json.loads((student / "metrics.json").read_text())
    assert set(finished["results"]) == {"ck48_to_fer2013"} and finished["wall_seconds"] > 0
    assert [task.name for task in load_trained(student).tasks] == ["expression"]

    before = (student / "metrics.json").stat().st_mtime_ns
    train.main(command)
    assert (student / "metrics.json").stat().st_mtime_ns == before

    own = Path(table.__file__).with_name("RESULTS.md")
    stamp = own.stat().st_mtime_ns if own.exists() else None
    table.main(["--smoke", "--render", "--runs", str(folder)])
    # What a smoke run found never takes the place of the table's own results.
    assert (own.stat().st_mtime_ns if own.exists() else None) == stamp
    found = json.loads((folder / "results.json").read_text())
    headline = finished["results"]["ck48_to_fer2013"]["headline"]["value"]
    seven = found["ck48_to_fer2013"]
    assert seven["dr-distill-da-2md-mtl"]["accuracy"] == pytest.approx(headline)
    assert set(found["utkface_gender"]) == {"da-2md-mtl"} and not found["ck48_10fold"]
    six = found["six classes"]["da-2md-mtl"]
    assert six["rows"] < seven["da-2md-mtl"]["rows"]
    assert six["accuracy"] >= seven["da-2md-mtl"]["accuracy"]
    page = (folder / "RESULTS.md").read_text()
    assert "(38.9)" in page and "| DR-Distill-DA-2MD-MTL | - (97.7) |" in page
    assert set(found["probe"]) == {"da-2md-mtl"} and 0 <= found["probe"]["da-2md-mtl"] <= 1
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert {"confusion-ck48_to_fer2013.png", "curves-gender.png"} <= figures
    assert list((folder / "hparams").rglob("events.out.tfevents.*"))

    # The records alone are enough for the same page, and for not training again.
    kept = folder / records.FOLDER
    assert sorted(file.name for file in kept.rglob("*.json")) == [
        "da-2md-mtl-s0.json",
        "dr-distill-da-2md-mtl-s0.json",
    ]
    shutil.rmtree(across)
    table.main(["--smoke", "--render", "--runs", str(folder)])
    assert (folder / "RESULTS.md").read_text() == page
    again = json.loads((folder / "results.json").read_text())
    assert again == found
    with pytest.raises(ValueError, match="other settings.*Received: trunk="):
        table.main(["--render", "--runs", str(folder), "--out", str(folder)])


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_never_stopped(tmp_path, monkeypatch, eager):
    def run(folder):
        train.main(["baseline", "--smoke", "--runs", str(tmp_path / folder)])

    class Killed(BaseException):
        """What no part of the recipe can catch."""

    def kill(*arguments, **named):
        raise Killed

    run("whole")
    with monkeypatch.context() as patch:
        patch.setattr(train.TensorBoardReport, "on_epoch_end", kill)  # after the state is saved
        with pytest.raises(Killed):
            run("killed")
    whole, killed = (tmp_path / name / "across" / "baseline-s0" for name in ("whole", "killed"))
    assert not (killed / runs.METRICS).exists()
    assert len((killed / "history.jsonl").read_text().splitlines()) == 1
    run("killed")
    answers_of = [np.load(each / "answers-ck48_to_fer2013.npz") for each in (whole, killed)]
    np.testing.assert_allclose(*(each["expression"] for each in answers_of), atol=1e-3)


def test_what_is_to_be_run():
    wanted = table.wanted(None)
    rows = [name for name, method in METHODS.items() if method.paper]
    assert len(set(wanted)) == len(wanted) == 3 * len(METHODS) + 10 * len(rows)
    assert len(table.wanted("across")) + len(table.wanted("folds")) == len(wanted)
    # The paper's rows of one seed are whole before the next begins.
    assert [run.method for run in wanted[:7]] == rows
    assert {run[1:] for run in wanted[:7]} == {("across", 0)}
    assert {run.method for run in table.wanted("folds")} == set(rows)


def test_finished_runs_are_skipped_and_a_process_is_left_in_time(monkeypatch):
    wanted = [runs.Run("a", f"fold-{fold}", 0) for fold in range(5)]
    seconds = {wanted[1]: 60.0}
    started, anew, written = [], [], []
    monkeypatch.setattr(runs, "RUNS_A_PROCESS", 2)
    monkeypatch.setattr(os, "execv", lambda program, command: anew.append((program, command)))
    runs.run_all(wanted, seconds.get, started.append, lambda: written.append(len(started)))
    assert started == [wanted[0], *wanted[2:]] and written == [1, 2, 3, 4]
    assert anew == [(sys.executable, [sys.executable, *sys.orig_argv[1:]])]
    assert runs.outlook({wanted[0]: None, wanted[1]: 60.0}) == (
        "1 of 2 runs left: about 1 minutes, by 1 timed"
    )


def test_a_stopwatch_goes_on():
    watch = runs.Stopwatch()
    watch.set_state({"seconds": 100.0})
    assert 100.0 <= watch.get_state()["seconds"] < 160.0


def test_interval_by_hand():
    """One person with three rows of 1, one with one row of 0: means of 0, 3/4 or 1."""
    low, high = answers.interval(np.array([1.0, 1, 1, 0]), np.array(["a", "a", "a", "b"]))
    assert (low, high) == (0.0, 1.0)


def part(given):
    """Answers to two rows, of which class 0 and class 1 are right."""
    people = np.array(["a", "b"])
    outputs = np.eye(7)[given]
    return results.Tested("s", EXPRESSION, outputs, np.array([0, 1]), people, people, None)


def test_difference_is_paired():
    """Method right on rows 0 and 1, baseline on row 1: half a row of two, 0.5 apart."""
    found = {"baseline": {"s0": part([1, 1])}, "other": {"s0": part([0, 1]), "s1": part([1, 0])}}
    numbers = results.numbers(found, ("baseline",), False)
    gap = numbers["other"]["over"]["baseline"]
    # Seed 1, which the baseline lacks, counts for the accuracy and not for the difference.
    assert gap["difference"] == 0.5 and gap["runs"] == 1
    assert numbers["other"]["accuracy"] == 0.5 and not numbers["baseline"]["over"]
    confusion = np.array(numbers["other"]["confusion"])
    assert confusion[:2, :2].tolist() == [[1, 1], [1, 1]] and confusion.sum() == 4


def test_claims_by_hand():
    """Of 3 in 4 rows the student is right and its teacher wrong, of the fourth both are right."""
    people = np.arange(40).astype(str)
    labels, other = np.zeros(40, int), np.ones(40, int)
    worse = np.where(np.arange(40) % 4, other, labels)

    def tested(given):
        return {
            "s0": results.Tested("s", EXPRESSION, np.eye(7)[given], labels, people, people, None)
        }

    found = {
        "baseline": tested(worse),
        "2md-mtl": tested(worse),
        "distill-2md-mtl": tested(labels),
        "distill-baseline": tested(other),
    }
    column = "ck48_to_fer2013"
    judged = claims.judged({column: results.numbers(found, (), False)}, (column, "another"))
    by_rows = {(each["better"], each["other"]): each for each in judged}
    gap = by_rows["distill-2md-mtl", "2md-mtl"]["gaps"][column]
    assert gap["difference"] == 0.75 and gap["paper"] == 2.8 and gap["interval"][0] > 0.5
    assert by_rows["distill-2md-mtl", "2md-mtl"]["verdict"] == verdicts.HOLDS
    assert by_rows["distill-baseline", "baseline"]["verdict"] == verdicts.CONTRADICTED
    # No difference, and rows that are not there.
    assert by_rows["2md-mtl", "baseline"]["verdict"] == verdicts.OPEN
    assert by_rows["da-2md-mtl", "2md-mtl"]["gaps"] == {}
    assert {name for pair in by_rows for name in pair} == set(PAPER)


def record_of(test, said):
    """Of a run that gave these faces these classes."""
    answer = {"faces": records.faces_id(test.names), "said": "".join(map(str, said))}
    return {"config": {"method": {"title": "A"}}, "answers": {"ck48_to_fer2013": answer}}


def test_a_record_of_other_settings_or_of_a_lost_teacher_is_refused(tmp_path):
    usual = train.complete(options())
    student = runs.Run("dr-distill-da-2md-mtl", "across", 0)
    teacher = student._replace(method="da-2md-mtl")

    def write(run, strength, alpha=None):
        domain = [{"kind": "domain", "strength": strength}] if strength else []
        config = {name: getattr(usual, name) for name in records.SETTINGS}
        config |= {"method": asdict(METHODS[run.method]), "alpha": alpha}
        config |= {"spec": {"trunk": usual.trunk, "tasks": domain}}
        file = records.file_of(run, tmp_path)
        file.parent.mkdir(exist_ok=True)
        write_json(file, {"config": config})

    def check():
        records.check([student], METHODS, tmp_path, usual)

    check()  # nothing is finished
    write(student, None)
    with pytest.raises(ValueError, match="remove it, too. Received: no record of da-2md-mtl"):
        check()
    write(teacher, usual.strength, usual.alpha)
    check()
    write(teacher, 0.5 * usual.strength, usual.alpha)
    with pytest.raises(ValueError, match="da-2md-mtl-s0.json was made under.*Received: strength="):
        check()
    write(teacher, usual.strength, 1.5)
    with pytest.raises(ValueError, match="Received: alpha=1.5, now 0.0"):
        check()


def test_a_record_is_read_as_it_was_answered():
    test = drawn("fer2013-validation")
    said = np.arange(len(test)) % 7
    found = records.tested(record_of(test, said), "ck48_to_fer2013", test, "across")
    np.testing.assert_array_equal(found.outputs.argmax(1), said)
    np.testing.assert_array_equal(answers.hits(found), said == test.labels["expression"])
    assert records.tested(record_of(test, said), "utkface_gender", test, "across") is None
    with pytest.raises(ValueError, match="answers other pictures than ck48_to_fer2013"):
        records.tested(record_of(test, said), "ck48_to_fer2013", test.take(said < 6), "across")


def options(**more):
    base = dict(paper=False, smoke=False, sets="here", prepared=None, runs=None)
    base |= dict(update=None, rate=None)
    base |= dict(devices=1, hosts=1, host=None, coordinator=None)
    return Namespace(**base | {"default_runs": Path("runs/2md")} | more)


def test_options():
    paper = train.complete(options(paper=True))
    assert paper.trunk["name"] == "vgg16" and paper.epochs == 200 and paper.special
    assert paper.runs == Path("runs/2md-vgg16")
    assert (paper.update, paper.rate) == ("momentum", 0.1)
    usual = train.complete(options())
    assert usual.runs == Path("runs/2md") and not usual.special
    # 44,800 pictures, about the 45,000.
    assert usual.epochs * usual.steps_per_epoch * ROWS_IN_BATCH == 44_800
    assert train.complete(options(smoke=True)).special
    assert (usual.update, usual.rate) == ("muon", 0.01)
    assert train.complete(options(update="momentum", rate=0.03)).rate == 0.03


def test_history_of_one_task_has_its_name():
    entries = [{"epoch": 1, "accuracy": 0.5, "val_ck48_expression_accuracy": 0.25}]
    [named] = table.by_task(entries, ["expression"])
    assert named["expression_accuracy"] == 0.5 and "val_ck48_expression_accuracy" in named
    assert table.by_task(entries, ["age", "gender"]) is entries
