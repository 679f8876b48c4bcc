"""Which rows train and which test: folds and portions by person, written out as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasface.data.duplicates import drop_near_duplicates
from kerasface.data.splits import sha1_bucket, subject_folds
from kerasface.data.table import FaceTable, ReadReport


class Split(NamedTuple):
    """Names of the rows that train and of those that test.

    Attributes:
        name: "fold-3", "repeat-1-fold-3", "4to1", "validation".
        train: names of rows, as `FaceTable.name_of` gives them.
        test: the same of rows that are never in `train`.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]


def person_of(name: str, subject: str | None) -> str:
    """Who is in a row: its subject, or where that is not known a person of the row's own."""
    return subject or f"row {name}"


def subject_kfold(
    names: Sequence[str], subjects: Sequence[str | None], folds: int = 10, repeats: int = 1
) -> list[Split]:
    """Subject-independent k-fold: people in the order of their sha1, dealt out in turn.

    Within a repeat every row tests exactly once, and the people of a fold's two sides are
    disjoint. The first repeat is the one of `kerasface.data.subject_folds`, and so of the readers'
    `fold=`; a later repeat r deals the people out in the order of `sha1("<person>#<r>")`.

    Args:
        names: of the rows, all different.
        subjects: who is in each row; None or "" is a person of its own.
        folds: at least 2.
        repeats: at least 1.

    Returns:
        `folds * repeats` splits: "fold-0", ..., and from two repeats on "repeat-0-fold-0", ....

    Raises:
        ValueError: numbers below their least, fewer people than folds, or a name twice.
    """
    people = _people(names, subjects)
    if repeats < 1 or len(set(people)) < folds:
        raise ValueError(
            "repeats must be 1 or more, and there must be as many people as folds. "
            f"Received: repeats={repeats}, folds={folds}, {len(set(people))} people"
        )
    splits = []
    for repeat in range(repeats):
        salted = [f"{person}#{repeat}" if repeat else person for person in people]
        place = subject_folds(salted, folds)
        start = f"repeat-{repeat}-" if repeats > 1 else ""
        for fold in range(folds):
            held_out = [place[person] == fold for person in salted]
            splits.append(_split(f"{start}fold-{fold}", names, held_out))
    return splits


def portion(
    names: Sequence[str], subjects: Sequence[str | None], parts: int = 5, repeats: int = 1
) -> list[Split]:
    """One part of several tests: by person where the set names them, else by row.

    A person (or row) tests where `int(sha1(person), 16) % parts` is 0, so rows that come or go
    move nobody else; the share is `1 / parts` on average. Repeat r hashes `"<person>#<r>"`.

    Args:
        names: of the rows, all different.
        subjects: who is in each row; None or "" is a person of its own.
        parts: at least 2; 5 is four to one.
        repeats: at least 1.

    Returns:
        A split a repeat: "4to1", or "repeat-0-4to1" and so on.

    Raises:
        ValueError: numbers below their least, a side without rows, or a name twice.
    """
    people = _people(names, subjects)
    if parts < 2 or repeats < 1:
        raise ValueError(
            "parts must be 2 or more and repeats 1 or more. "
            f"Received: parts={parts}, repeats={repeats}"
        )
    splits = []
    for repeat in range(repeats):
        salt = f"#{repeat}" if repeat else ""
        held_out = [sha1_bucket(person + salt, parts) == 0 for person in people]
        start = f"repeat-{repeat}-" if repeats > 1 else ""
        split = _split(f"{start}{parts - 1}to1", names, held_out)
        if not split.train or not split.test:
            raise ValueError(
                "both sides must have rows. Received: "
                f"{len(split.train)} to train and {len(split.test)} to test"
            )
        splits.append(split)
    return splits


def for_selection(
    names: Sequence[str], subjects: Sequence[str | None], parts: int = 10
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training rows again in two, so that models are chosen on people nobody tests on.

    Args:
        names: rows of one training side.
        subjects: who is in each.
        parts: a person is held out where `int(sha1("<person>#selection"), 16) % parts` is 0.

    Returns:
        `(rows to train on, rows to choose by)`.

    Raises:
        ValueError: as `portion`.
    """
    salted = [f"{person}#selection" for person in _people(names, subjects)]
    [split] = portion(names, salted, parts)
    return split.train, split.test


def without_near_duplicates(
    split: Split, table: FaceTable, max_bits: int = 4, task: str = "age"
) -> tuple[Split, list[str]]:
    """A split without the training rows that look nearly the same as a row that tests.

    A split by row leaves near-equal pictures of a set that names nobody (UTKFace has hundreds of
    pairs) on both sides; every picture is decoded.

    Args:
        split: of the table's rows, which have paths.
        table: where they are from.
        max_bits: bits of 64 of the perceptual hash in which they may differ.
        task: label by which pairs are compared in the report.

    Returns:
        The split, and the report's lines `train name, test name, bits` with tabs between.
    """
    side = dict.fromkeys(split.train, "train") | dict.fromkeys(split.test, "test")
    rows = [row._replace(split=side[row.image]) for row in table if row.image in side]
    report = ReadReport(table.report.source)
    kept = drop_near_duplicates(rows, table.root, report, max_bits, task)
    train = tuple(row.image for row in kept if row.split == "train")
    [lines] = report.lists.values()
    return split._replace(train=train), lines


def rows_of(wanted: Iterable[str], names: Sequence[str]) -> np.ndarray:
    """`(n,)` int places of the wanted names, in their order; what is not there is left out.

    Pictures that could not be read are in a table's split and in no prepared set.
    """
    place = {str(name): index for index, name in enumerate(names)}
    found = [place[str(name)] for name in wanted if str(name) in place]
    return np.array(found, int)


def save_splits(
    path: str | Path, protocol: str, splits: Sequence[Split], subjects: dict[str, str | None]
) -> None:
    """Writes the list of splits with all names, so that a fold can be made again anywhere.

    Args:
        path: a JSON file.
        protocol: its name.
        splits: to write.
        subjects: by name of row, who is in it.
    """
    listed = [
        {
            "name": split.name,
            "test_people": sorted({subjects.get(name) or "" for name in split.test} - {""}),
            "test": list(split.test),
            "train": list(split.train),
        }
        for split in splits
    ]
    content = {"protocol": protocol, "splits": listed}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_splits(path: str | Path) -> list[Split]:
    """Reads what `save_splits` wrote.

    Raises:
        ValueError: the file is no such list.
    """
    try:
        listed = json.loads(Path(path).read_text(encoding="utf-8"))["splits"]
        return [Split(each["name"], tuple(each["train"]), tuple(each["test"])) for each in listed]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no list of splits: {type(error).__name__} {error}. Received: {path}"
        ) from None


def _people(names, subjects) -> list[str]:
    if len(set(names)) < len(names) or len(names) != len(subjects):
        raise ValueError(
            "rows need names that differ, and a subject each. "
            f"Received: {len(names)} rows, {len(set(names))} names, {len(subjects)} subjects"
        )
    return [person_of(name, who) for name, who in zip(names, subjects, strict=True)]


def _split(title, names, held_out) -> Split:
    pairs = list(zip(names, held_out, strict=True))
    return Split(
        title,
        tuple(name for name, out in pairs if not out),
        tuple(name for name, out in pairs if out),
    )
