"""Folds and portions: no person on both sides, every row tested once, the same for everyone."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from kerasface.data.table import FaceRow, FaceTable, ReadReport
from kerasface.evaluation.protocols import (
    Split,
    for_selection,
    load_splits,
    portion,
    rows_of,
    save_splits,
    subject_kfold,
    without_near_duplicates,
)

# Ninety rows of 23 people in uneven numbers, and ten rows of nobody known.
NAMES = [f"happy/S{n % 23:03d}_{n:03d}.png" for n in range(90)] + [f"x/{n}.png" for n in range(10)]
WHO = [f"S{n % 23:03d}" for n in range(90)] + [None, ""] * 5
SUBJECTS = dict(zip(NAMES, WHO, strict=True))


def people(rows):
    return {SUBJECTS[name] for name in rows} - {None, ""}


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


@pytest.mark.parametrize("folds", [2, 10])
@pytest.mark.parametrize("repeats", [1, 3])
def test_every_row_tests_once_and_no_person_is_on_both_sides(folds, repeats):
    splits = subject_kfold(NAMES, WHO, folds, repeats)
    assert len(splits) == folds * repeats == len({split.name for split in splits})
    for repeat in range(repeats):
        some = splits[repeat * folds : (repeat + 1) * folds]
        tested = [name for split in some for name in split.test]
        assert sorted(tested) == sorted(NAMES)
    for split in splits:
        assert sorted((*split.train, *split.test)) == sorted(NAMES)
        assert not people(split.train) & people(split.test)
    if repeats > 1:
        assert splits[0].test != splits[folds].test != splits[2 * folds].test


def test_people_are_dealt_out_in_the_order_of_their_sha1():
    """As the data's README says, by one loop; a row of nobody counts as a person."""
    order = sorted({who or f"row {name}" for name, who in SUBJECTS.items()}, key=sha1)
    splits = subject_kfold(NAMES, WHO, 10)
    for place, person in enumerate(order):
        rows = [name for name, who in SUBJECTS.items() if (who or f"row {name}") == person]
        assert set(rows) <= set(splits[place % 10].test)
    assert [split.name for split in splits] == [f"fold-{n}" for n in range(10)]
    assert subject_kfold(NAMES, WHO, 10, 2)[0].test == splits[0].test


def test_a_portion_is_by_person_or_by_row_and_moves_nobody_when_rows_go():
    """`int(sha1(person), 16) % 5 == 0` tests."""
    [split] = portion(NAMES, WHO, 5)
    for name, who in SUBJECTS.items():
        held_out = int(sha1(who or f"row {name}"), 16) % 5 == 0
        assert (name in split.test) == held_out
    assert split.name == "4to1" and not people(split.train) & people(split.test)
    [fewer] = portion(NAMES[20:], WHO[20:], 5)
    assert set(fewer.test) == set(split.test) - set(NAMES[:20])
    many = [f"{n}.jpg" for n in range(4000)]
    [split] = portion(many, [None] * 4000, 5)
    assert abs(len(split.test) / 4000 - 0.2) < 0.02
    again = portion(many, [None] * 4000, 5, repeats=2)
    assert again[0].test == split.test != again[1].test
    assert [each.name for each in again] == ["repeat-0-4to1", "repeat-1-4to1"]


def test_rows_to_choose_by_are_of_other_people():
    train, chosen_by = for_selection(NAMES, WHO, 5)
    assert sorted((*train, *chosen_by)) == sorted(NAMES) and chosen_by
    assert not people(train) & people(chosen_by)
    [split] = portion(NAMES, WHO, 5)
    assert set(chosen_by) != set(split.test)


@pytest.mark.parametrize(
    "call",
    [
        lambda: subject_kfold(["a", "b"], ["p", "q"], 3),
        lambda: subject_kfold(["a", "b"], ["p", "p"], 2),
        lambda: subject_kfold(["a", "a"], ["p", "q"], 2),
        lambda: subject_kfold(["a", "b"], ["p"], 2),
        lambda: subject_kfold(["a", "b"], ["p", "q"], 2, repeats=0),
        lambda: portion(["a", "b"], ["p", "q"], 1),
        lambda: portion(["a", "b"], ["p", "p"], 2),
    ],
)
def test_what_cannot_be_split_is_refused(call):
    with pytest.raises(ValueError, match="Received: "):
        call()


def test_the_list_of_folds_is_written_out_and_read_back(tmp_path):
    splits = subject_kfold(NAMES, WHO, 10)
    path = tmp_path / "folds" / "ck48.json"
    save_splits(path, "ck48_10fold", splits, SUBJECTS)
    assert load_splits(path) == splits
    written = json.loads(path.read_text())
    assert written["protocol"] == "ck48_10fold"
    assert written["splits"][0]["test_people"] == sorted(people(splits[0].test))
    path.write_text('{"splits": [{"name": "fold-0"}]}')
    with pytest.raises(ValueError, match="no list of splits: KeyError 'train'"):
        load_splits(path)


def test_rows_of_names_that_could_not_be_read_are_left_out():
    assert rows_of(["c", "x", "a"], np.array(["a", "b", "c"])).tolist() == [2, 0]
    assert rows_of([], ["a"]).dtype.kind == "i"


def test_training_rows_that_look_like_tested_ones_are_dropped(tmp_path, rng):
    """Two faces, each once in training and once, a grey level brighter, in the test."""
    rows = []
    for number in range(4):
        if number < 2:
            picture = rng.integers(0, 250, (32, 32)).astype("uint8")
            picture = np.kron(picture[:8, :8], np.ones((4, 4), "uint8"))
            kept = [*(picture,), picture + 1]
        else:
            kept = [rng.integers(0, 255, (8, 8)).astype("uint8").repeat(4, 0).repeat(4, 1)]
        for copy, pixels in enumerate(kept):
            name = f"{number}-{copy}.png"
            Image.fromarray(pixels).save(tmp_path / name)
            rows.append(FaceRow(name, {"age": 30.0}))
    table = FaceTable(tmp_path, rows, ReadReport("four faces"))
    split = Split("test", ("0-0.png", "1-0.png", "2-0.png"), ("0-1.png", "1-1.png", "3-0.png"))
    cleaned, lines = without_near_duplicates(split, table)
    assert cleaned == Split("test", ("2-0.png",), split.test)
    assert sorted(line.split("\t")[:2] for line in lines) == [
        ["0-0.png", "0-1.png"],
        ["1-0.png", "1-1.png"],
    ]
