"""The paper's own data sets, as synthetic trees in their layouts, through the recipe."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.data.readers.vocabulary import EXPRESSIONS
from kerasface.data.synthetic import synthetic_set
from recipes.distill_2md_mtl import sets, splits, table

OULU = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise")
PAPER = sets.DOMAINS["paper"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folder of the prepared files."""
    data, out = (tmp_path_factory.mktemp(name) for name in ("data", "prepared"))
    faces = iter(synthetic_set(220, seed=3, identities=20).images)

    def draw(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(next(faces)).save(path, format="PNG" if path.suffix == ".png" else "JPEG")

    for person in range(12):
        for name in OULU:
            draw(data / f"Oulu_CASIA_NIR_VIS/VL/Strong/P{person + 1:03d}/{name}/000.jpeg")
    for person in range(40):
        age = 20 + person
        draw(data / f"MORPH/Album2/{person:06d}_1{'MF'[person % 2]}{age}.JPG")
    lines = {fold: [] for fold in range(5)}
    for user in range(40):
        row = [f"{user}@N01", f"p{user}.jpg", "7", "(25, 32)", "mf"[user % 2]]
        lines[user % 5].append("\t".join(row))
        draw(data / f"Adience/faces/{row[0]}/coarse_tilt_aligned_face.7.{row[1]}")
    head = "user_id\toriginal_image\tface_id\tage\tgender"
    for fold, rows in lines.items():
        (data / f"Adience/fold_{fold}_data.txt").write_text("\n".join([head, *rows]) + "\n")
    for name in EXPRESSIONS:
        for part, number in (("train", 1), ("validation", 2), ("test", 1)):
            for place in range(number):
                draw(data / "fer2013" / part / name / f"{part}_{place}.png")
    sets.main(["--data", str(data), "--out", str(out), "--sets", "paper"])
    return out


def test_trees_are_read_and_split(prepared):
    def load(file):
        return sets.load_set(prepared, file)

    train = splits.training_sets(load, "fold-0", PAPER)
    assert {name: each.domain for name, each in train.items()} == {
        "age": "morph2",
        "gender": "adience",
        "expression": "oulu_casia",
    }
    # Forty people of 20 to 59, of whom those of 38 to 43 have no class.
    years = load("morph2-train").labels["age"], load("morph2-test").labels["age"]
    assert sorted(np.concatenate(years)) == [*range(20, 38), *range(44, 60)] and len(years[1])
    assert set(train["age"].labels["age_two_class"]) == {0, 1}
    tests = splits.testing_sets(load, "fold-0", PAPER)
    assert set(tests) == {PAPER.folds, *PAPER.tests}
    assert not set(tests[PAPER.folds].subjects) & set(train["expression"].subjects)
    assert not set(load("adience-test").subjects) & set(train["gender"].subjects)
    assert len(tests[PAPER.across]) == 14 and sorted(set(tests[PAPER.across].labels["expression"]))


@pytest.mark.slow
def test_the_table_on_the_papers_sets(prepared, tmp_path, monkeypatch, eager):
    before = keras.config.dtype_policy()
    monkeypatch.setattr(table, "SMOKED", ("baseline",))
    command = ["--smoke", "--sets", "paper", "--prepared", str(prepared), "--only", "across"]
    try:
        table.main([*command, "--runs", str(tmp_path)])
    finally:
        keras.config.set_dtype_policy(before)
    results = json.loads((tmp_path / "results.json").read_text())
    for protocol in (PAPER.across, "six classes"):
        assert 0 <= results[protocol]["baseline"]["accuracy"] <= 1, protocol
    page = (tmp_path / "RESULTS.md").read_text()
    assert "1 run (35.2)" in page and "| - (87.6) |" in page and "gender, Adience" in page
