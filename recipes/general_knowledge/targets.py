"""What is transferred to: nine targets and the six sources' own tasks, their rows and their scores.

A face that was not found counts as wrong, or as the middle of the range, everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from kerasface.data import PreparedSet
from kerasface.data.readers.lfw_pairs import FacePair, read_lfw_pairs
from kerasface.data.splits import sha1_bucket
from kerasface.evaluation import (
    count_unfound,
    pairs_protocol,
    pairs_with_unfound,
    point_errors,
    squared_pair_distances,
)
from kerasface.tasks import Task
from recipes.general_knowledge import sets

IMAGES = 3000  # that a target trains on at most
SMOKE_IMAGES = 40
PAIRS_FILE = "pairs_own_dev.txt"
ACCURACY, YEARS, SHARE = "accuracy in %", "mean error in years", "mean error in % of the eyes"


@dataclass(frozen=True)
class Target:
    """A task on a domain.

    Args:
        title: for people.
        task: what is answered.
        train: part that trains.
        test: part that is scored; the same one where people are dealt to both sides.
        measure: what a table shows.
        paper: the row of the paper's tables that is nearest to it, or "".
    """

    title: str
    task: Task
    train: str
    test: str
    measure: str = ACCURACY
    paper: str = ""

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.measure != ACCURACY


TARGETS = {
    "age-utkface": Target(
        "age, UTKFace", sets.AGE, "utkface-target", "utkface-held", YEARS, "AgeR-UTK"
    ),
    "gender-utkface": Target(
        "gender, UTKFace", sets.GENDER, "utkface-target", "utkface-held", ACCURACY, "Gender-UTK"
    ),
    "race-utkface": Target(
        "race, UTKFace", sets.RACE, "utkface-target", "utkface-held", ACCURACY, "Ethnic-UTK"
    ),
    "group-fairface": Target(
        "age group, FairFace",
        *(sets.AGE_GROUP, "fairface-target", "fairface-held", ACCURACY, "AgeC-UTK"),
    ),
    "gender-fairface": Target("gender, FairFace", sets.GENDER, "fairface-target", "fairface-held"),
    "expression-lfw": Target(
        "expression, LFW", sets.EXPRESSION, "lfw", "lfw", ACCURACY, "Expr-SFEW"
    ),
    "posed-ck": Target("expression, CK+", sets.POSED, "ck48", "ck48", ACCURACY, "Expr-RAF"),
    "points-mtfl": Target("five points, MTFL", sets.POINTS, "mtfl-target", "mtfl-test", SHARE),
}
# The pairs are no task of rows: they are scored by distances.
PAIRS = "pairs-lfw"
PAIRS_TITLE, PAIRS_PAPER = "same person, LFW", "Identity-LFW"
# Table 4: what the sources were trained for, on their own held-out faces.
OWN = {
    "expression": Target(
        "expression, FER2013",
        *(sets.EXPRESSION, "fer2013-source", "fer2013-held", ACCURACY, "Expr-AffectNet"),
    ),
    "age": Target("age, UTKFace", sets.AGE, "utkface-source", "utkface-held", YEARS, "AgeR-FG"),
    "gender": Target(
        "gender, CelebA", sets.GENDER, "celeba-source", "celeba-held", ACCURACY, "Gender-UTK"
    ),
    "smile": Target(
        "smile, MTFL", sets.ATTRIBUTES[0], "mtfl-source", "mtfl-test", ACCURACY, "Attrib-CelebA"
    ),
    "glasses": Target("glasses, MTFL", sets.ATTRIBUTES[1], "mtfl-source", "mtfl-test"),
    "pose": Target("pose, MTFL", sets.ATTRIBUTES[2], "mtfl-source", "mtfl-test"),
    "race": Target("race, FairFace", sets.RACE7, "fairface-source", "fairface-held"),
}
# Source whose head answers each of them.
SOURCE_OF = {name: name for name in OWN} | dict.fromkeys(("smile", "glasses", "pose"), "attributes")
OWN_PREFIX = "own-"
ALL = TARGETS | {f"{OWN_PREFIX}{name}": target for name, target in OWN.items()}


@dataclass(frozen=True)
class Rows:
    """Rows of a part.

    Args:
        part: its name.
        rows: `(n,)` places in it.
        faces: their pictures and labels.
        found: `(n,)` bool.
    """

    part: str
    rows: np.ndarray
    faces: PreparedSet
    found: np.ndarray

    def labels(self, task: Task) -> np.ndarray:
        """`(n, *label_shape)`."""
        return self.faces.labels[task.name]


def split(target: Target, options) -> tuple[Rows, Rows]:
    """What trains a target and what it is scored on: labelled rows, the same for every method."""
    train, test = options.load(target.train), options.load(target.test)
    known, asked = train.masks[target.task.name], test.masks[target.task.name]
    if target.train == target.test:
        tests = sets.is_test(target.train, train.subjects)
        known, asked = known & ~tests, asked & tests
    known = known & (train.labels["found"] == 1)
    rows = np.flatnonzero(known)
    most = SMOKE_IMAGES if options.smoke else IMAGES
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    return _rows(target.train, train, rows), _rows(target.test, test, np.flatnonzero(asked))


def faces_of(target: str, options) -> int:
    """How many faces train a target, of pairs people's."""
    return IMAGES if target == PAIRS else len(split(ALL[target], options)[0].rows)


def _rows(part: str, prepared: PreparedSet, rows: np.ndarray) -> Rows:
    faces = prepared.take(rows)
    return Rows(part, rows, faces, faces.labels["found"] == 1)


def validation(rows: Rows) -> np.ndarray:
    """`(n,)` bool: a fifth of a target's training rows, by person where people are known."""
    names = rows.faces.subjects
    names = np.where(names == "", rows.faces.names, names)
    kept = {each: sha1_bucket(f"choice {each}", 5) == 0 for each in {*names.tolist()}}
    return np.array([kept[each] for each in names.tolist()], bool)


def each_of(task: Task, outputs: np.ndarray, labels: np.ndarray, found=None) -> np.ndarray:
    """A number a face: 1 or 0 of a class, the error of a number or of points.

    Args:
        task: whose outputs they are.
        outputs: `(n, output_size)`.
        labels: `(n, *label_shape)`.
        found: `(n,)` bool; None: all.

    Raises:
        ValueError: an output is not finite, which would count as an answer.
    """
    if not np.isfinite(outputs).all():
        raise ValueError(
            f"a network for {task.name!r} gives numbers that are not finite: its training "
            f"diverged. Received: {(~np.isfinite(outputs)).sum()} of {outputs.size}"
        )
    found = np.ones(len(labels), bool) if found is None else found
    outputs = count_unfound(task, outputs, labels, found)
    if task.kind == "classification":
        return (outputs.argmax(1) == labels).astype("float64")
    if task.kind == "landmarks":
        return point_errors(outputs.reshape(len(outputs), -1, 2), labels)[0]
    if task.bins:
        shares = np.exp(outputs - outputs.max(1, keepdims=True))
        values = (shares / shares.sum(1, keepdims=True)) @ task.centres
    else:
        values = outputs[:, 0]
    return np.abs(values - labels)


@lru_cache(maxsize=2)
def _pairs(file: Path) -> tuple[FacePair, ...]:
    return tuple(read_lfw_pairs(file))


def pairs_of(options) -> tuple[FacePair, ...]:
    """LFW's own pairs; of synthetic faces as many of one person as of two, in two folds."""
    if not options.smoke:
        return _pairs(options.data / "lfw" / PAIRS_FILE)
    faces, made = options.load("lfw"), []
    for first in range(24):
        people = faces.subjects == faces.subjects[first]
        other = np.flatnonzero(people if first % 2 else ~people)
        second = int(other[other > first][0])
        names = faces.names[first], faces.names[second]
        made.append(FacePair(*names, bool(first % 2), first // 12))
    return tuple(made)


def pair_hits(vectors: np.ndarray, faces: PreparedSet, pairs) -> np.ndarray:
    """`(pairs,)` 1 or 0: told right, each fold by the threshold that is best on the others.

    Args:
        vectors: `(rows, dim)` of LFW's faces; compared at unit length.
        faces: LFW.
        pairs: of pictures that are there; a face that was not found makes its pair wrong.
    """
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = vectors / lengths
    place = {name: row for row, name in enumerate(faces.names.tolist())}
    first, second = (np.array([place[pair[side]] for pair in pairs]) for side in (0, 1))
    same = np.array([pair.same for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    found = faces.labels["found"] == 1
    distances = squared_pair_distances(unit[first], unit[second])
    distances = pairs_with_unfound(distances, same, found[first] & found[second])
    result = pairs_protocol(distances, same, folds)
    threshold = dict(zip(np.unique(folds).tolist(), result.thresholds, strict=True))
    accepted = distances <= np.array([threshold[fold] for fold in folds.tolist()])
    return (accepted == same).astype("float64")
