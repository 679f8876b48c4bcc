"""Splits by hash and by subject."""

import hashlib

import pytest

from kerasface.data.splits import sha1_bucket, sha1_split, subject_folds


def test_bucket_is_the_rule_of_the_data_page():
    for name in ("1.jpg", "100_0_0_20170112213500903.jpg.chip.jpg", "9999"):
        assert sha1_bucket(name) == int(hashlib.sha1(name.encode()).hexdigest(), 16) % 10


def test_one_name_in_ten_is_validation():
    names = [f"{number}.jpg" for number in range(5000)]
    held_out = [name for name in names if sha1_split(name) == "validation"]
    assert all(sha1_bucket(name) == 1 for name in held_out)
    assert 0.08 < len(held_out) / len(names) < 0.12


def test_folds_are_even_disjoint_and_do_not_depend_on_order():
    subjects = [f"S{number:03d}" for number in range(25)]
    folds = subject_folds(subjects * 2)
    assert folds == subject_folds(reversed(subjects))
    sizes = [list(folds.values()).count(fold) for fold in range(10)]
    assert sorted(set(sizes)) == [2, 3]
    first = min(subjects, key=lambda name: hashlib.sha1(name.encode()).hexdigest())
    assert folds[first] == 0


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match="Received: folds=1"):
        subject_folds(["a"], folds=1)
