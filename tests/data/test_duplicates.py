"""Copies on both sides of a split leave training, and only training."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.duplicates import (
    drop_identical,
    drop_near_duplicates,
    file_digests,
    near_pairs,
    perceptual_hash,
    perceptual_hashes,
)
from kerasface.data.table import FaceRow, ReadReport


def row(name, label, split):
    return FaceRow(name, {"age": label}, None, split, "demo")


def scene(seed, size=64):
    """A smooth random picture, different for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def test_identical_training_rows_go_and_contradictions_are_counted():
    rows = [
        row("train/a", 1, "train"),
        row("train/b", 2, "train"),
        row("train/c", 3, "train"),
        row("validation/a", 1, "validation"),
        row("validation/b", 9, "validation"),
    ]
    report = ReadReport("demo")
    kept = drop_identical(rows, ["A", "B", "C", "A", "B"], report, "age")
    assert [r.image for r in kept] == ["train/c", "validation/a", "validation/b"]
    assert report.total_skipped == 2
    assert "2 groups of identical pictures, 1 with contradicting age" in report.notes[0]
    assert "1 of them with another age" in report.notes[0]
    assert report.lists["byte-identical to a held-out picture"] == ["train/a", "train/b"]


def test_copies_within_training_stay():
    rows = [row("a", 1, "train"), row("b", 1, "train")]
    assert drop_identical(rows, ["A", "A"], ReadReport("demo"), "age") == rows


def test_unreadable_files_are_copies_of_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    digests = file_digests(tmp_path, ["a", "gone", "also gone"], workers=1)
    assert digests[1:] == ["", ""] and len(digests[0]) == 40
    rows = [row("gone", 1, "train"), row("also gone", 1, "validation")]
    assert len(drop_identical(rows, digests[1:], ReadReport("demo"), "age")) == 2


def test_near_pairs_equal_a_loop():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**16, 300).astype(np.uint64)
    expected = [
        (i, j, (int(hashes[i]) ^ int(hashes[j])).bit_count())
        for i in range(300)
        for j in range(i + 1, 300)
        if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= 2
    ]
    assert near_pairs(hashes, 2) == expected and expected


def test_hash_survives_saving_and_light_but_not_another_picture(tmp_path):
    picture = scene(1)
    picture.save(tmp_path / "worse.jpg", quality=40)
    Image.fromarray(np.asarray(picture) // 2 + 60).save(tmp_path / "dim.png")
    scene(2).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"no")
    names = ["worse.jpg", "dim.png", "other.png", "broken.png"]
    hashes, good = perceptual_hashes(tmp_path, names, workers=1)
    bits = np.bitwise_count(hashes ^ perceptual_hash(np.asarray(picture)))
    assert bits[0] <= 4 and bits[1] <= 4 and bits[2] > 12
    assert good.tolist() == [True, True, True, False]


def test_hash_by_hand():
    """Bright left, dark right: along x the frequencies 1, 5 (+) and 3, 7 (-) hold all energy.

    Without vertical change only the first row is not zero; zero is the median, so just the
    bits of the positive coefficients 0, 1 and 5 of that row are set: 0b11000100 first.
    """
    half = np.zeros((32, 32), np.uint8)
    half[:, :16] = 255
    assert int(perceptual_hash(half)) >> 56 == 0b11000100


def test_near_duplicates_leave_training_only(tmp_path):
    scene(1).save(tmp_path / "train.png")
    scene(1).save(tmp_path / "held.jpg", quality=60)
    scene(2).save(tmp_path / "other.png")
    (tmp_path / "broken1.png").write_bytes(b"no")
    (tmp_path / "broken2.png").write_bytes(b"no")
    rows = [
        row("held.jpg", 30, "validation"),
        row("train.png", 31, "train"),
        row("other.png", 5, "train"),
        row("broken1.png", 5, "train"),
        row("broken2.png", 5, "validation"),
    ]
    report = ReadReport("demo")
    kept = drop_near_duplicates(rows, tmp_path, report, 4, "age")
    assert [r.image for r in kept] == ["held.jpg", "other.png", "broken1.png", "broken2.png"]
    (line,) = report.lists["near-duplicate of a held-out picture"]
    assert line.split("\t")[:2] == ["train.png", "held.jpg"]
    assert "1 of them disagree on age; 1 across the split" in report.notes[0]


@pytest.mark.parametrize("count", [0, 1])
def test_no_pairs_among_none_or_one(count):
    assert near_pairs(np.zeros(count, np.uint64), 64) == []
