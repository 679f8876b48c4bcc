"""The general model of knowledge: parts that share nothing, sizes, verdicts, and all of it once."""

import argparse
import json
import shutil

import keras
import numpy as np
import pytest

from kerasface.data.source_shards import SourceRows
from kerasface.data.table import FaceRow
from kerasface.models import FaceModel, build_trunk
from recipes.general_knowledge import (
    arms,
    combinations,
    fusion,
    options,
    page,
    publish,
    reconstruction,
    records,
    results,
    sets,
    sources,
    students,
    tables,
    targets,
    transfer_time,
)


def rows_of(name):
    """Rows of a set as its reader makes them, many names and people."""
    if name == "mtfl":
        folders = (("net_7876", "train"), ("lfw_5590", "train"), ("AFLW", "validation"))
        return [FaceRow(f"{f}/{n}.jpg", {}, None, split) for f, split in folders for n in range(20)]
    rows = []
    for number in range(400):
        person = f"person {number % 40}"
        split = "validation" if number % 40 < 5 else "train"
        rows.append(FaceRow(f"x/{number}.jpg", {}, person, split, name))
    return rows


@pytest.mark.parametrize("name", ["fer2013", "celeba", "utkface", "fairface", "mtfl"])
def test_parts_share_no_file_and_no_person(name):
    files, people = {}, {}
    for row in rows_of(name):
        part = sets.part_of(name, row)
        files.setdefault(part, set()).add(row.image)
        people.setdefault(part, set()).add(row.subject)
    assert f"{name}-source" in sets.PARTS and "source" in files
    for one in files:
        for other in set(files) - {one}:
            assert not files[one] & files[other]
            if name == "celeba":  # of the others people have no names
                assert not people[one] & people[other]
    if name == "utkface":
        buckets = {part: {sets.sha1_bucket(f[2:]) for f in each} for part, each in files.items()}
        assert buckets == {"source": {2, 3, 4, 5}, "held": {1}, "target": {0, 6, 7, 8, 9}}


def test_written_parts_are_checked(tmp_path):
    for number, part in enumerate(sets.PARTS):
        subjects = np.array(["ann" if part == "celeba-source" else "", f"{number}"])
        np.savez(tmp_path / f"{part}.npz", names=[f"{number}.jpg"], subjects=subjects)
        sets.check_apart(tmp_path)  # of `--only` some sets are there
    np.savez(tmp_path / "celeba-held.npz", names=["x.jpg"], subjects=["ann"])
    with pytest.raises(ValueError, match="ann is in celeba-source and in celeba-held"):
        sets.check_apart(tmp_path)
    np.savez(tmp_path / "celeba-held.npz", names=["1.jpg"], subjects=[""])
    with pytest.raises(ValueError, match=r"1.jpg is in celeba-source and in celeba-held"):
        sets.check_apart(tmp_path)


def test_copies_leave_the_sources():
    parts = {f"utkface-{each}": sets.smoke(f"utkface-{each}") for each in ("source", "target")}
    parts["utkface-held"] = sets.smoke("utkface-held")
    parts["utkface-source"].images[3] = parts["utkface-target"].images[5]
    parts["utkface-target"].images[7] = parts["utkface-held"].images[9]
    kept = sets.without_copies(parts)
    assert {part: len(each) for part, each in kept.items()} == {
        "utkface-held": 48,
        "utkface-target": 47,
        "utkface-source": 47,
    }
    assert kept["utkface-source"].names[3] == parts["utkface-source"].names[4]


@pytest.mark.parametrize("name", ["lfw", "ck48"])
def test_people_are_on_one_side(name):
    subjects = np.array([f"p{number % 60}" for number in range(300)])
    tests = sets.is_test(name, subjects)
    assert 0.1 < tests.mean() < 0.5
    assert not {*subjects[tests]} & {*subjects[~tests]}


def test_nobody_of_a_target_is_among_what_sources_learnt_from():
    learnt = {about.part for about in sources.SOURCES.values()} | set(sets.UNSUPERVISED)
    asked = {part for each in targets.TARGETS.values() for part in (each.train, each.test)}
    assert learnt == set(sets.UNSUPERVISED)
    assert not learnt & (asked | set(sets.HELD) | {"lfw"})
    # The sources' own tasks are scored on what nobody trained on.
    assert not learnt & {each.test for each in targets.OWN.values()}


def test_the_student_is_small():
    student = FaceModel.from_spec(students.spec_of(sources.FULL)).trunk.count_params()
    source = build_trunk(**{"name": sources.TRUNK["name"], **sources.TRUNK["config"]})
    assert student <= 2.2e6
    assert 6 * source.count_params() >= 20 * student


def test_a_number_a_face():
    outputs = np.array([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]])
    found = np.array([True, True, False])
    hits = targets.each_of(sets.GENDER, outputs, np.array([0, 1, 1]), found)
    assert hits.tolist() == [1, 0, 0]  # the third would be right, but was not found
    with pytest.raises(ValueError, match="'gender' gives numbers that are not finite"):
        targets.each_of(sets.GENDER, outputs * np.nan, np.array([0, 1, 1]), found)
    logits = np.full((2, 59), -50.0)
    logits[:, 10] = 50.0  # bins of two years: 20
    errors = targets.each_of(sets.AGE, logits, np.array([23.0, 8.0]), np.array([True, False]))
    np.testing.assert_allclose(errors, [3.0, 50.0], atol=1e-3)
    eyes = np.array([[[0.3, 0.4], [0.7, 0.4], [0.5, 0.5], [0.4, 0.7], [0.6, 0.7]]])
    moved = (eyes + [0.04, 0.0]).reshape(1, 10)
    np.testing.assert_allclose(targets.each_of(sets.POINTS, moved, eyes), [0.1], atol=1e-6)


def test_each_combination_learns_from_its_own_sources():
    """The label is in the second source alone: whoever has it is right, the others guess."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 6)).astype("float32")
    labels = (values[:, 3] > 0).astype("int32")
    sizes = {"a": 3, "b": 1, "c": 2}
    model = combinations.fit_combinations(values, labels, sizes, sets.GENDER, epochs=80)
    assert len(model.members) == 7 and model.members[-1] == ("a", "b", "c")
    values = rng.normal(size=(400, 6)).astype("float32")
    labels = (values[:, 3] > 0).astype("int32")
    outputs = model.predict(values, verbose=0)
    right = (outputs.argmax(-1) == labels[:, None]).mean(0)
    for each, share in zip(model.members, right, strict=True):
        assert (share > 0.85) if "b" in each else (share < 0.65), (each, share)
    changed = values.copy()
    changed[:, 3] = 9.0
    again = model.predict(changed, verbose=0)
    alone = model.members.index(("a", "c"))
    np.testing.assert_array_equal(again[:, alone], outputs[:, alone])


def test_combinations_of_points_begin_at_the_mean_face():
    """Points move with the second source: whoever lacks it is as good as the mean, not worse."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 24)).astype("float32")
    labels = 0.5 + 0.04 * values[:, 12, None, None] * np.ones((400, 5, 2), "float32")
    sizes = {"a": 12, "b": 1, "c": 11}
    model = combinations.fit_combinations(values[:300], labels[:300], sizes, sets.POINTS)
    outputs = model.predict(values[300:], verbose=0).reshape(100, 7, 5, 2)
    errors = np.abs(outputs - labels[300:, None]).mean((0, 2, 3))
    by_mean = np.abs(labels[300:] - labels[:300].mean(0)).mean()
    for each, error in zip(model.members, errors, strict=True):
        least, most = (0.0, 0.7) if "b" in each else (0.8, 1.3)
        assert least * by_mean < error < most * by_mean, (each, error, by_mean)


def test_a_small_target_is_seen_as_often_as_a_large_one_and_from_scratch_twice():
    assert arms.epochs_of("unique-tuned", 9000) == 3 and arms.epochs_of("pcnn", 800) == 12
    assert [arms.epochs_of("cnn", faces) for faces in (9000, 800)] == [6, 24]
    assert [arms.epochs_of(way, 800) for way in arms.LONGER] == [96, 96]


def test_what_a_code_keeps_is_judged_by_an_interval(tmp_path, monkeypatch):
    """Of 40 faces' variance the first loses 10 points less, give or take; two are not there."""
    asked = argparse.Namespace(kept=tmp_path, sources=("age", "race"))
    errors = np.random.default_rng(0).uniform(0.2, 0.4, (40, 2))
    (tmp_path / reconstruction.FOLDER).mkdir()
    for name, worse in (("plain", 0.0), ("pca", 0.1), ("unique", 0.3)):
        np.save(tmp_path / reconstruction.FOLDER / f"{name}.npy", errors + worse)
    monkeypatch.setattr(reconstruction, "people", lambda asked: np.full(40, ""))
    [claim] = results.kept_more(asked)
    assert claim["verdict"] == "holds"
    assert claim["on"][0]["value"] == pytest.approx(10.0) and claim["on"][0]["rows"] == 40
    table = reconstruction.table(asked)
    assert set(table) == {"plain", "pca", "unique"}
    assert table["pca"]["race"] == pytest.approx((errors[:, 1].mean() + 0.1) ** 0.5)


def test_directions_of_sources_alone_and_together(monkeypatch):
    """Two sources of rank 3 and 2, of which one direction is the same; scales do not count."""
    hidden = np.random.default_rng(0).normal(size=(200, 4))
    first = hidden[:, :3] @ np.random.default_rng(1).normal(size=(3, 8))
    second = 1000.0 * hidden[:, 2:] @ np.random.default_rng(2).normal(size=(2, 6))
    embeddings, scale = np.concatenate([first, second], axis=1), np.repeat([1.0, 1000.0], (8, 6))

    class Shards:
        sizes = {"age": 8, "race": 6}

        def read(self):
            rows, present = np.arange(201), np.ones((201, 2))
            present[200, 1] = 0  # left out
            missing = np.concatenate([embeddings, np.full((1, 14), 9.0)])
            return SourceRows(rows, rows.astype(str), missing, present)

        def moments(self):
            return embeddings.mean(0), scale

    monkeypatch.setattr(reconstruction.fusion, "shards_of", lambda parts, asked: Shards())
    asked = argparse.Namespace(held=(), unsupervised=())
    assert reconstruction.directions(asked) == {"age": 3, "race": 2, "together": 4}


@pytest.fixture(scope="module")
def smoked(tmp_path_factory, eagerly):
    """Everything once, on synthetic faces; the scores by two shares, one after the other."""
    runs = tmp_path_factory.mktemp("general")
    before = keras.config.dtype_policy()
    with eagerly():
        for stage in (sources, fusion, students):
            stage.main(["--smoke", "--runs", str(runs)])
        for share in ("1/2", "2/2"):
            assert "RESULTS.md" not in {each.name for each in runs.iterdir()}
            tables.main(["--smoke", "--runs", str(runs), "--longer", "--share", share])
        tables.main(["--smoke", "--runs", str(runs), "--render"])
    keras.config.set_dtype_policy(before)
    return runs


@pytest.mark.slow
def test_all_stages_make_a_page(smoked):
    found = json.loads((smoked / "results.json").read_text())
    text = (smoked / "RESULTS.md").read_text()
    assert {"points-mtfl", targets.PAIRS} == set(found["targets"])
    trained = {*tables.SMOKE_TUNED, *arms.LONGER}
    assert set(found["targets"]["points-mtfl"]) == {*tables.SMOKE_FROZEN, *trained}
    assert set(found["targets"][targets.PAIRS]) == {*tables.SMOKE_FROZEN}
    for ways in found["targets"].values():
        for number in ways.values():
            assert number["low"] <= number["value"] <= number["high"]
    assert set(found["reconstruction"]) == {"plain", "unique", "plain-3"}
    assert set(found["own"]["smile"]) == {"original", "plain", "unique"}
    assert found["sizes"]["3"][targets.PAIRS]["rows"] == 24
    assert set(found["directions"]) == {*options.SMOKE_SOURCES, "together"}
    assert "| LFW | 47 | 1 |" in text and "[99.1]" in text and "24 times (72,000 faces" in text
    for name in ("size", "hours"):
        assert (smoked / "figures" / f"{name}.png").stat().st_size > 1000


@pytest.mark.slow
def test_the_same_command_trains_nothing_again(smoked, eager):
    kept = [
        path
        for name in ("scores", "choices", "reconstruction")
        for path in (smoked / records.FOLDER / name).rglob("*.*")
    ]
    files = {path: path.stat().st_mtime_ns for path in kept}
    weights = {path: path.stat().st_mtime_ns for path in smoked.rglob("*.weights.h5")}
    for stage in (sources, students):
        stage.main(["--smoke", "--runs", str(smoked)])
    tables.main(["--smoke", "--runs", str(smoked), "--render"])
    assert files and weights
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert {path: path.stat().st_mtime_ns for path in weights} == weights


@pytest.mark.slow
def test_the_page_outlives_the_networks(smoked, tmp_path):
    runs = tmp_path / "runs"
    for name in (records.FOLDER, records.NAME):
        whole = smoked / name
        copy = shutil.copytree if whole.is_dir() else shutil.copy
        runs.mkdir(exist_ok=True)
        copy(whole, runs / name)
    # Nothing is left to score, and no network is there.
    text = tables.main(["--smoke", "--runs", str(runs)])
    assert text == (smoked / "RESULTS.md").read_text()
    assert (runs / "results.json").read_bytes() == (smoked / "results.json").read_bytes()


@pytest.mark.slow
def test_nothing_is_made_of_half_a_source(smoked, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(smoked, runs)
    shutil.rmtree(runs / "embeddings" / "identity" / "lfw")
    config = runs / "source-identity" / "config.json"
    about = json.loads(config.read_text())
    about["config"]["epochs"] += 1
    config.write_text(json.dumps(about))
    with pytest.raises(ValueError, match="source-identity is at epoch 1 of 2"):
        fusion.main(["--smoke", "--runs", str(runs)])
    assert not (runs / "embeddings" / "identity" / "lfw").exists()


@pytest.mark.slow
def test_one_source_embeds_alone(smoked, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(smoked, runs)
    shutil.rmtree(runs / "embeddings")
    shutil.rmtree(runs / "fusion-plain")
    fusion.main(["--smoke", "--runs", str(runs), "--only", "attributes"])
    assert [each.name for each in (runs / "embeddings").iterdir()] == ["attributes"]
    assert len(list((runs / "embeddings" / "attributes").iterdir())) == len(options.SMOKE_PARTS)
    assert not (runs / "fusion-plain").exists()


@pytest.mark.slow
def test_the_student_and_what_it_was_taught_become_entries(smoked, tmp_path):
    from kerasface import zoo

    common = ["--smoke", "--runs", str(smoked), "--zoo", str(tmp_path), "--commit", "0" * 40]
    general = publish.main(["general", "0.1.0", "--results", str(smoked / "results.json"), *common])
    model = zoo.load(general)
    assert [task.kind for task in model.tasks] == ["embedding"]
    assert "fine-tuned" not in model.manifest.description
    taught = publish.main(["attributes", "0.1.0", "--parent", str(general), *common])
    manifest = zoo.load(taught).manifest
    assert [task.name for task in manifest.tasks] == ["smile", "glasses", "pose"]
    assert len(manifest.training_data) == len(model.manifest.training_data) + 1
    assert any("pose was taught by so many faces" in each for each in manifest.limits)
    spent = transfer_time.main(["--entry", str(general), "--faces", "60", "--ways", "frozen"])
    assert set(spent) == {"frozen"}


def test_hours_of_each_way():
    spent = {"source-age": 3600.0, "embed-age": 1800.0, "fusion-plain": 360.0, "way-cnn": 7200.0}
    found = page.hours(spent)
    assert found["sources"] == 1.0 and found["CNN on all targets"] == 2.0
    assert found["E_unique in all, sources included"] == pytest.approx(1.6)


def test_every_way_of_a_claim_is_one():
    known = {*arms.FROZEN, *arms.TRAINED}
    assert {way for _, *ways in results.CLAIMS for way in ways} <= known
    assert {*page.COLUMNS_3, *page.COLUMNS_6, *page.COLUMNS_LONGER} <= known
