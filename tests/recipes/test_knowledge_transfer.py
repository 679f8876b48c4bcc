"""The recipe: its measures and claims by loops, and small runs from end to end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kerasface.inference.face_verifier import FaceVerifier, thresholds_of_entry
from kerasface.training.devices import Devices
from kerasface.zoo import load
from recipes import verdicts
from recipes.knowledge_transfer import (
    aligner,
    alignment,
    classification,
    faces,
    measures,
    near_duplicates,
    publish,
    render,
    verification,
    verifier,
)
from recipes.knowledge_transfer.as_used import told_apart_as_used
from recipes.knowledge_transfer.thresholds import thresholds

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("kt")


def test_people_of_smaller_shares_are_among_those_of_larger_ones():
    names = np.array([f"p{number % 40}" for number in range(200)])
    shares = [faces.some_people(names, share) for share in (0.25, 0.5, 1.0)]
    assert [len(each) for each in shares] == [10, 20, 40]
    assert shares[1][:10] == shares[0] and shares[2][:20] == shares[1]


def test_each_person_trains_and_is_tested_and_the_others_are_others():
    data = classification.classes(faces.smoke("celeba-seen"), small=True)
    assert set(data.test.subjects) <= set(data.train.subjects) == set(data.names)
    assert not set(data.train.names) & set(data.test.names)
    assert not set(data.others.subjects) & set(data.names)
    numbers = data.train.labels["person"]
    assert [data.names[number] for number in numbers] == data.train.subjects.tolist()


def test_five_points_of_68_are_means_of_their_groups():
    points = np.random.default_rng(0).uniform(0, 1, (2, 68, 2)).astype("float32")
    w300 = faces.smoke("w300-train").take([0, 1])
    w300.labels["landmarks68"][:] = points
    found = faces.with_five(w300).labels["landmarks5"]
    for face in range(2):
        eye = points[face, 36:42]
        np.testing.assert_allclose(found[face, 0], sum(eye) / 6, rtol=1e-5)
        np.testing.assert_allclose(found[face, 2], points[face, 30])
        np.testing.assert_allclose(found[face, 4], points[face, 54])


def test_the_tight_template_is_the_template_nearer():
    """Every distance is ZOOM times as long; the eyes come to their height."""
    given, tight = np.array(faces.POINTS), np.array(faces.TIGHT)
    for first in range(5):
        for second in range(first):
            one = np.hypot(*(given[first] - given[second]))
            other = np.hypot(*(tight[first] - tight[second]))
            assert other == pytest.approx(faces.ZOOM * one, abs=0.003)
    assert tight[0, 1] == tight[1, 1] == faces.TIGHT_EYES


def test_people_are_aligned_by_a_published_entry_without_lfw():
    entry = faces.aligner_of(faces.ALIGNER)
    assert entry.manifest.reference == faces.ALIGNER
    assert not any("LFW" in data.name for data in entry.manifest.training_data)
    with pytest.raises(ValueError, match="landmarks5.*Received: tasks"):
        faces.aligner_of("student")


def test_pairs_by_hand():
    """Two folds of two pairs; all told right but one stranger who stands near."""
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.02]], float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pair = faces.FacePair
    pairs = [pair("a", "b", True, 0), pair("a", "c", False, 0)]
    pairs += [pair("c", "d", True, 1), pair("a", "e", False, 1), pair("a", "gone", True, 1)]
    found = measures.pair_result(vectors, list("abcde"), pairs)
    assert found["pairs"] == 4 and found["unknown_pairs"] == 1
    assert found["accuracy"]["value"] == np.mean(found["each"])
    assert found["each"][3] == 0.0


def test_gap_is_paired_and_draws_seeds_and_people():
    """A constant gap has no width; two seeds that disagree widen it."""
    chance = np.random.default_rng(0)
    second = chance.uniform(size=40)
    found = measures.gap(second + 0.25, second, [f"p{n // 4}" for n in range(40)])
    assert found["low"] == pytest.approx(0.25) == found["high"]
    wide = measures.gap([second + 0.5, second - 0.5], [second, second])
    assert wide["value"] == pytest.approx(0.0, abs=1e-9)
    assert (wide["low"], wide["high"]) == pytest.approx((-0.5, 0.5))


def test_thresholds_accept_as_many_strangers_as_they_say():
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(20, 8))
    vectors = np.repeat(centres, 5, 0) + 0.3 * chance.normal(size=(100, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = np.repeat([f"p{n}" for n in range(20)], 5)
    for found in thresholds(vectors, people, fars=(0.1, 0.01)):
        accepted = strangers = right = own = 0
        for first in range(100):
            for second in range(first):
                near = ((vectors[first] - vectors[second]) ** 2).sum() <= found["value"] + 1e-9
                if people[first] == people[second]:
                    own, right = own + 1, right + near
                else:
                    strangers, accepted = strangers + 1, accepted + near
        assert accepted / strangers == pytest.approx(found["far"], abs=1 / strangers)
        assert found["tar"] == pytest.approx(right / own) and found["pairs"] == strangers
        assert found["low"] <= found["value"] <= found["high"]


def test_shared_pictures_are_found_by_their_vectors():
    ours, theirs = faces.smoke("celeba-unseen"), faces.smoke("lfw")
    chance = np.random.default_rng(0)
    own, others = (chance.normal(size=(len(each), 32)) for each in (ours, theirs))
    none = near_duplicates.shared_pictures(ours, theirs, own, others)
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a in own for b in others]
    assert none["near"] == 0 and none["alike"] is None and none["pairs"] == []
    assert none["highest"] == pytest.approx(max(cosines), abs=1e-4)

    theirs.images[3] = ours.images[5][:, ::-1]  # a picture in a mirror is the same picture
    others[3] = 7.0 * own[5] + 0.1 * chance.normal(size=32)
    found = near_duplicates.shared_pictures(ours, theirs, own, others)
    assert [pair[:2] for pair in found["pairs"]] == [[ours.names[5], theirs.names[3]]]
    assert found["near"] == 1 and found["alike"] == pytest.approx(1.0)
    assert found["pairs"][0][2] == found["highest"] > 0.99


def test_what_the_search_finds_of_known_copies_is_counted():
    copies, originals = faces.smoke("lfw-copies"), faces.smoke("lfw")
    vectors = np.random.default_rng(0).normal(size=(len(originals), 32))
    moved = vectors.copy()
    moved[4] = -moved[4]  # one that the network brings nowhere near
    known = near_duplicates.found_copies(copies, originals, moved, 2.0 * vectors)
    assert known["copies"] == len(originals) and known["median"] == pytest.approx(1.0)
    assert known["near"] == pytest.approx(1 - 1 / len(originals))


def numbers(value, rows=60):
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "rows": rows}


def test_the_page_of_made_up_results_says_what_they_say():
    """All right against 30 % right: from scratch soft is best; FitNets ties with it."""
    rows = 60
    people = [f"p{n // 3}" for n in range(rows)]
    good = [1.0] * rows
    bad = [float(n % 10 < 3) for n in range(rows)]

    def run(each):
        number = numbers(float(np.mean(each)))
        return {"top1": number, "each": each, "people": people, "lfw": numbers(0.6)}

    students = {
        f"8-{kind}-s{seed}": run(good if kind in ("soft", "fitnet", "ours") else bad)
        for kind in ("labels", "hidden", "logits", "soft", "fitnet", "ours")
        for seed in (0, 1)
    }
    students["8-online-s0"] = run(good)
    found = {"temperature": 3.0, "temperatures": {"3": 0.5}, "people": 20, "train": 1, "test": 1}
    found |= {"initialised_rate": 0.05, "initialised_rates": {"0.05": 0.4, "0.1": 0.3}}
    found |= {"divisor": 2, "teacher": run(bad), "students": students}
    results = render.results_of({"classification": found}, {})
    judged = results["classification"]["claims"]
    said = {each["claim"].split(":")[1].strip()[:22]: each["verdict"] for each in judged}
    assert said["from scratch, soft pre"] == verdicts.HOLDS
    assert said["for /8 full initialisa"] == verdicts.OPEN
    assert said["a teacher asked online"] == verdicts.OPEN  # as right as the soft one
    assert said["a teacher helps a /8 f"] == verdicts.HOLDS
    page = render.render(results)["KNOWLEDGE_TRANSFER"]
    assert "| /8: scratch, soft predictions | 2 | 100.0 | 0.0 | 66.12, 61.27, 64.49 |" in page
    # What one machine found stays where the next has only the rest.
    other = {"five": {"teacher": {"nrmse": numbers(0.1), "faces": 9}, "students": {}}}
    other["five"]["teacher"]["each_nrmse"] = [0.1] * 9
    other["five"]["mean_face"] = {"nrmse": numbers(0.2)}
    tried = {"1": 0.06, "0.1": 0.05}
    other["five"]["weights"] = {"chosen": {"hidden": 0.1}, "scores": {"hidden": tried}}
    later = render.results_of({"alignment": other}, json.loads(json.dumps(results)))
    assert later["classification"] == results["classification"]
    assert '"each' not in json.dumps(later) and '"people": [' not in json.dumps(later)
    both = render.render(later)["KNOWLEDGE_TRANSFER"]
    assert "of the hidden target 0.1 (1: 6.0 %, 0.1: 5.0 %)" in both
    assert "## Table 3" in both and page.split("## The paper")[0] in both


def test_parts_that_are_trained_alone_are_all_of_the_table(tmp_path):
    parts = ["teacher", "labels", "8-s0", "8-s1", "8-s2", "4-s0", "2-s0"]
    assert classification.parts() == parts
    words = ["--smoke", "--runs", str(tmp_path), "--only", "8-s1"]
    with pytest.raises(ValueError, match="--only teacher. Received: no .*choices.json"):
        classification.main(words)
    assert not list(tmp_path.iterdir())


def test_students_without_a_teacher_need_nothing_of_it(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(classification.Students, "train", lambda _, *student: asked.append(student))
    words = ["--smoke", "--runs", str(tmp_path), "--only", "labels"]
    assert classification.main(words) == {} and not list(tmp_path.iterdir())
    sizes = [(8, 0), (8, 1), (8, 2), (4, 0), (2, 0)]
    assert asked == [(divisor, "labels", seed, None) for divisor, seed in sizes]
    with pytest.raises(ValueError, match="--only teacher. Received: no .*choices.json"):
        classification.main([*words, "8-s1"])


def test_the_rate_of_initialised_networks_is_chosen_by_other_people(runs, monkeypatch):
    options = SimpleNamespace(smoke=False, runs=runs, devices=Devices())
    data = SimpleNamespace(train=range(640), others="others")
    students = classification.Students(options, data)
    asked = []

    def train(divisor, kind, seed, temperature, name):
        asked.append((divisor, kind, seed, temperature, students.initialised_rate))
        return name

    scores = {"choice-r0.015": 0.3, "choice-r0.05": 0.5, "choice-r0.15": 0.4}
    monkeypatch.setattr(students, "train", train)
    monkeypatch.setattr(classification, "near", lambda run, faces: scores[run])
    found = students.choose_initialised_rate(4.0)
    assert found == {"0.015": 0.3, "0.05": 0.5, "0.15": 0.4}
    assert asked == [(8, "ours", 0, 4.0, rate) for rate in classification.INITIALISED_RATES]
    assert students.initialised_rate == 0.05


KILLED = """
import os, signal, sys
import tensorflow
from kerasface.training.run_state import RunState
from recipes.knowledge_transfer import classification
tensorflow.config.run_functions_eagerly(True)
save = RunState.on_epoch_end
def kill(state, *epoch):
    if "labels" in state.folder.name:
        (state.folder / "unfinished.weights.h5").write_bytes(b"cut short")
        os.kill(os.getpid(), signal.SIGKILL)
    save(state, *epoch)
RunState.on_epoch_end = kill
classification.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_table_goes_on_where_it_stood(tmp_path, runs, eager):
    """kill -9 while a student's epoch is saved: the teacher is kept, the rest as unbroken."""
    words = ["--smoke", "--runs", str(tmp_path)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    kept = [*(tmp_path / "classify-teacher").glob("*.h5"), tmp_path / "classify-taught.npz"]
    before = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 2 and not (tmp_path / "classification.json").exists()
    found = classification.main(words)
    assert [path.stat().st_mtime_ns for path in kept] == before
    whole = classification.main(["--smoke", "--runs", str(runs)])
    assert found == whole and not list(tmp_path.rglob("unfinished*"))


@pytest.mark.slow
def test_classification_alignment_and_verification(runs, eager):
    """The three tables in little, in the order that they need each other, then the page."""
    words = ["--smoke", "--runs", str(runs)]
    first = classification.main(words)
    assert set(first["students"]) == {"8-ours-s0"}
    found = alignment.main(words)
    assert np.isfinite(found["five"]["students"]["distill-hidden"]["nrmse"]["value"])
    assert 0 < found["five"]["mean_face"]["nrmse"]["value"] < 1
    with pytest.raises(ValueError, match="--only margin. Received: no .*margins.json"):
        verification.main([*words, "--only", "softmax"])
    (runs / "weights.json").unlink()
    with pytest.raises(ValueError, match="--only weights. Received: no .*weights.json"):
        alignment.main([*words, "--only", "five"])
    verification.main([*words, "--only", "margin"])
    verification.main([*words, "--only", "softmax"])
    trained = (runs / "verify-softmax-8-distill-soft").stat().st_mtime_ns
    found = verification.main(words)
    assert set(found["softmax"]["students"]) == {"8-distill-soft"}
    assert (runs / "verify-softmax-8-distill-soft").stat().st_mtime_ns == trained
    again = classification.main(words)  # trains nothing: what is done is skipped
    assert again == first
    page = render.main(["--runs", str(runs), "--out", str(runs)])["KNOWLEDGE_TRANSFER"]
    assert "## Table 3" in page and "ResNet-50/2" in page
    kept = json.loads((runs / "results.json").read_text())
    assert set(kept) >= {"classification", "alignment", "verification"}


@pytest.mark.slow
def test_the_aligner_is_trained_and_published(runs, eager, tmp_path):
    words = ["--smoke", "--runs", str(runs), "--arms"]
    assert "gain_of_distillation" not in aligner.main([*words, "teacher", "student"])
    assert faces.aligner_of(runs / "aligner-teacher").count_params() > 0
    found = aligner.main([*words, "alone"])
    assert np.isfinite(found["gain_of_distillation"]["mtfl-test landmarks5"]["value"])
    entry = publish.main(["aligner", "1.0.0", "--runs", str(runs), "--zoo", str(tmp_path)])
    model = load(entry)
    assert {task.name for task in model.tasks} == {"landmarks5", "landmarks68"}
    unlabelled = [each.name for each in model.manifest.training_data if not each.labels]
    assert unlabelled == ["UTKFace", "FairFace", "CelebA"]
    assert model.manifest.input.template["points"] == tuple(map(tuple, faces.POINTS))


@pytest.mark.slow
def test_the_verifier_is_published_without_its_people(runs, eager, tmp_path):
    arms = ["teacher", "alone", "student"]
    found = verifier.main(["--smoke", "--runs", str(runs), "--arms", *arms])
    assert set(found["arms"]) == set(arms) and "gain_from_one_teacher" not in found
    assert np.isfinite(found["gain_of_distillation"]["lfw"]["value"])
    assert 0 <= found["together"]["unseen"]["top1"]["value"] <= 1
    words = ["verifier", "1.0.0", "--smoke", "--runs", str(runs), "--zoo", str(tmp_path)]
    model = load(publish.main(words))
    assert [task.name for task in model.tasks] == ["identity"]
    used = {each.metric: each.n for each in model.manifest.metrics if "verify" in each.protocol}
    same = sum(pair.same for pair in faces.smoke_pairs())
    assert used == {
        "accuracy as used": 24,
        "accepted of one person": same,
        "accepted of two people": 24 - same,
    }
    known = thresholds_of_entry(model.manifest, "identity")
    assert set(known) == {0.1} and 0 < known[0.1] < 4
    images = faces.smoke("lfw").images
    answer = FaceVerifier(model, far=0.1)(images[0], images[0][:, ::-1])
    assert answer.same and answer.distance == pytest.approx(0.0, abs=1e-5)


class Told:
    """In place of a verifier: a picture is its vector."""

    threshold = 0.5

    def embed(self, picture):
        return np.array(picture, float), 1


def test_pairs_as_used_are_judged_by_the_verifiers_threshold():
    near, far = (1.0, 0.0), (0.0, 1.0)
    pictures = {"a": near, "b": near, "c": far, "d": far}
    told = [("a", "b", True), ("a", "c", True), ("a", "d", False), ("c", "d", False)]
    pairs = [faces.FacePair(*each, fold) for fold in (0, 1) for each in told]
    found = told_apart_as_used(Told(), pictures.__getitem__, pairs)
    assert found["pairs"] == {"all": 8, "one": 4, "two": 4}
    assert found["accepted"]["one"]["value"] == found["accepted"]["two"]["value"] == 0.5
    assert found["accuracy"]["value"] == 0.5
    apart = [each for each in pairs if each.second != "c" and each.first != "c"]
    assert told_apart_as_used(Told(), pictures.__getitem__, apart)["accuracy"]["value"] == 1


def test_the_page_has_a_row_of_each_arm_of_the_entries_and_what_teaching_brought():
    number = {"value": 0.891, "low": 0.883, "high": 0.8994}
    told = {"lfw": {"accuracy": number, "equal_error": 0.112}, "unseen": {"top1": number}}
    told = {"people": 1678, "parameters": 2.4e6, **told}
    shared = {"pictures": 20813, "near": 108, "highest": 0.779, "known": {"copies": 9, "near": 1}}
    error = {"nme": {"value": 0.0675, "low": 0.0663, "high": 0.0687}, "failures": 0.1, "area": 0.4}
    both = {"landmarks68": error, "landmarks5": error}
    arms = {"teacher": {"mtfl-test": both, "w300-test": both}}
    found = {
        "verifier": {
            "arms": {"alone": told, "student": told},
            "gain_of_distillation": {"lfw": number, "unseen": number},
            "shared_with_lfw": shared,
        },
        "aligner": {"arms": arms},
    }
    results = render.results_of(found, {})
    assert [part["claims"] for part in results.values()] == [[], []]
    pages = render.render(results)
    assert set(pages) == {"ALIGNER", "VERIFIER"}
    page = pages["VERIFIER"]
    rows = [line for line in page.splitlines() if "89.1 (88.3 to 89.9)" in line]
    assert [row.count("89.1 (88.3 to 89.9)") for row in rows] == [2, 2, 2]
    assert "| two teachers |" in rows[2] and "108 are as near" in page
    assert pages["ALIGNER"].count("| teacher | 6.75 (6.63 to 6.87) | 10.0 | 40.0 |") == 3
