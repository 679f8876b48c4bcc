"""The faces of the general model of knowledge: which are whose, prepared once.

    python -m recipes.general_knowledge.sets --data DATA --out runs/gk-prepared

Every picture belongs to one part. `source` trains the six sources and, without labels, fusion and
students; `target` and `test` are for what is transferred to; `held` is seen by nobody in training.
UTKFace and FairFace are dealt by `sha1(file name) % 10`: 2 to 5 `source`, 1 `held` and test, the
rest `target`. LFW and CK+ are dealt by person, CelebA has unseen people, MTFL's `net_7876` is
`source`, its `lfw_5590` `target`, its AFLW part `test`. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read, vocabulary
from kerasface.data.readers.fer2013 import near_private_names
from kerasface.data.splits import sha1_bucket, subject_folds
from kerasface.data.synthetic import synthetic_set
from kerasface.data.table import FaceRow, FaceTable
from kerasface.data.template import SET_BOXES, crop_box
from kerasface.tasks import Classification, Landmarks, Regression, Task
from kerasface.zoo.schema import dump_json
from recipes.whole_files import write_whole

GUESSED = "labels are annotators' guesses from a picture, not facts about a person"
EXPRESSION = Classification("expression", vocabulary.EXPRESSIONS)
AGE = Regression("age", "years", (0, 116), bins=59, spread=3.0, note=GUESSED)
GENDER = Classification("gender", vocabulary.GENDERS, note=GUESSED)
RACE = Classification("race", vocabulary.RACES, note=GUESSED)
RACE7 = Classification("race7", vocabulary.RACES7, note=GUESSED)
AGE_GROUP = Classification("age_group", vocabulary.AGE_GROUPS, note=GUESSED)
POSED = Classification("posed", (*vocabulary.EXPRESSIONS[:6], vocabulary.CONTEMPT))
POINTS = Landmarks("landmarks5", 5)
ATTRIBUTES = (
    Classification("smile", vocabulary.SMILES),
    Classification("glasses", vocabulary.GLASSES),
    Classification("pose", vocabulary.POSES),
)
# Set: its folder below DATA, and the tasks that are kept of it.
SETS: dict[str, tuple[str, tuple[Task, ...]]] = {
    "fer2013": ("fer2013", (EXPRESSION,)),
    "celeba": ("CelebA", (GENDER,)),
    "utkface": ("UTKFace", (AGE, GENDER, RACE)),
    "fairface": ("fairface", (AGE_GROUP, GENDER, RACE7)),
    "mtfl": ("MTFL", (POINTS, *ATTRIBUTES)),
    "lfw": ("lfw", (EXPRESSION,)),
    "ck48": ("CK+48", (POSED,)),
}
NAMES = {
    "fer2013": "FER2013",
    "celeba": "CelebA",
    "utkface": "UTKFace",
    "fairface": "FairFace",
    "mtfl": "MTFL",
    "lfw": "LFW",
    "ck48": "CK+",
}
# By sha1 of the file's name, or of the person's in LFW.
SOURCE_BUCKETS, HELD_BUCKET, LFW_TEST_BUCKETS = (2, 3, 4, 5), 1, (1, 2, 3)
CK_TEST_FOLDS = (0, 1)  # of ten by subject
# Of MTFL: medians of its own points brought to the template, as `SET_BOXES`.
BOXES = {**SET_BOXES, "mtfl": (0.126, 0.099, 0.870, 0.843)}
# Faces without labels that fusion and students learn from, and that Table 5 is measured on.
UNSUPERVISED = tuple(f"{name}-source" for name in ("fer2013", "celeba", "utkface", "fairface"))
UNSUPERVISED += ("mtfl-source",)
HELD = ("fer2013-held", "celeba-held", "utkface-held", "fairface-held")
TARGET_PARTS = ("utkface-target", "fairface-target", "mtfl-target", "mtfl-test", "lfw", "ck48")
PARTS = (*UNSUPERVISED, *HELD, *TARGET_PARTS)


def part_of(name: str, row: FaceRow) -> str:
    """The part that a row of a set belongs to."""
    if name in ("fer2013", "celeba"):
        return "source" if row.split == "train" else "held"
    if name == "mtfl":
        folder = row.image.partition("/")[0]
        return {"net_7876": "source", "lfw_5590": "target", "AFLW": "test"}[folder]
    if name in ("lfw", "ck48"):
        return name  # by person, see `is_test`
    bucket = sha1_bucket(row.image.rsplit("/", 1)[-1])
    if bucket in SOURCE_BUCKETS:
        return "source"
    return "held" if bucket == HELD_BUCKET else "target"


def is_test(name: str, subjects: np.ndarray) -> np.ndarray:
    """`(rows,)` bool: whose people test, in LFW's expressions and in CK+."""
    if name == "lfw":
        test = {each: sha1_bucket(each) in LFW_TEST_BUCKETS for each in {*subjects.tolist()}}
    else:
        folds = subject_folds(subjects.tolist(), 10)
        test = {each: fold in CK_TEST_FOLDS for each, fold in folds.items()}
    return np.array([test[each] for each in subjects.tolist()], bool)


def prepare_sets(data: Path, out: Path, expressions: Path, only=tuple(SETS)) -> None:
    """Writes a file a part, and `found.json`: pictures with a face and without, by set."""
    file = out / "found.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for name in only:
        folder, tasks = SETS[name]
        table = _table(name, data / folder, expressions)
        rows_of: dict[str, list[FaceRow]] = {}
        for row in table.rows:
            part = part_of(name, row)
            rows_of.setdefault(part if part == name else f"{name}-{part}", []).append(row)
        parts, faces = {}, 0
        for part, rows in rows_of.items():
            subset = FaceTable(table.root, rows, table.report)
            crop = partial(_crop, box=np.array(BOXES[name]))
            parts[part] = _with_found(prepare(subset, tasks, crop, domain=name), subset, name)
            faces += int(parts[part].labels["found"].sum())
        found[name] = {"found": faces, "not_found": len(table.rows) - faces}
        for part, prepared in without_copies(parts).items():
            prepared.save(out / f"{part}.npz")
            print(f"{part}: {len(prepared)} of {len(rows_of[part])}", flush=True)
    check_apart(out)
    write_whole(file, dump_json(found))


def without_copies(parts: dict[str, PreparedSet]) -> dict[str, PreparedSet]:
    """The parts of a set without rows whose pixels stand in one that comes before.

    What is scored stays whole, then what targets train on, so sources lose the copies.
    """
    seen: dict[bytes, str] = {}
    kept = {}
    for part in sorted(parts, key=lambda each: (each.endswith("source"), each.endswith("target"))):
        pixels = [hashlib.sha1(each).digest() for each in parts[part].images]
        rows = [row for row, each in enumerate(pixels) if seen.setdefault(each, part) == part]
        kept[part] = parts[part].take(rows) if len(rows) < len(pixels) else parts[part]
    return kept


def check_apart(folder: Path) -> None:
    """Sees that no file, and where people are known nobody, stands in two parts of a set.

    Raises:
        ValueError: one does; parts and name are told.
    """
    files: dict[tuple, str] = {}
    people: dict[tuple, str] = {}
    for part in PARTS:
        file = folder / f"{part}.npz"
        if not file.exists():
            continue  # with `--only` the sets come one after the other
        with np.load(file) as stored:
            named, subjects = stored["names"].tolist(), stored["subjects"].tolist()
        name = part.partition("-")[0]
        for seen, each in ((files, named), (people, {*subjects} - {""})):
            for one in each:
                if seen.setdefault((name, one), part) != part:
                    raise ValueError(f"{one} is in {seen[name, one]} and in {part}")


def _table(name: str, folder: Path, expressions: Path) -> FaceTable:
    if name == "lfw":
        table = read(name, folder, expressions=expressions)
        # Some of the students' labels are of contempt, which FER2013 does not have.
        legal = [
            {key: each for key, each in row.labels.items() if each != vocabulary.CONTEMPT}
            for row in table.rows
        ]
        rows = [row._replace(labels=each) for row, each in zip(table.rows, legal, strict=True)]
        return FaceTable(table.root, rows, table.report)
    table = read(name, folder)
    if name == "ck48":
        rows = [row._replace(labels={"posed": row.labels["expression"]}) for row in table.rows]
        return FaceTable(table.root, rows, table.report)
    if name == "fer2013":
        near = near_private_names(table.root)
        return table.filter(where=lambda row: row.split != "train" or row.image not in near)
    return table


def _with_found(prepared: PreparedSet, table: FaceTable, name: str) -> PreparedSet:
    """With the column `found`: a picture of one grey has no face, nor has one that MTCNN missed.

    Only of LFW a detector's answer is at hand; the other sets come as crops of faces.
    """
    found = prepared.images.reshape(len(prepared), -1).std(axis=1) > 0
    if name == "lfw":
        seen = {row.image for row in table.rows if "landmarks5" in row.labels}
        found &= np.isin(prepared.names, sorted(seen))
    return replace(
        prepared,
        labels={**prepared.labels, "found": found.astype("int32")},
        masks={**prepared.masks, "found": np.ones(len(found), bool)},
    )


def _crop(image, row, box):
    height, width = image.shape[:2]
    left, top, right, bottom = box * (width, height, width, height)
    pixels = crop_box(image, box)
    if POINTS.name not in row.labels:
        return pixels
    points = np.array(row.labels[POINTS.name], float)
    shares = (points - (left, top)) / (right - left, bottom - top)
    return pixels, {**row.labels, POINTS.name: shares}


def load(folder: Path, part: str) -> PreparedSet:
    """A prepared part."""
    return PreparedSet.load(folder / f"{part}.npz")


def load_found(folder: Path) -> dict:
    """Pictures with a face and without, by set."""
    return json.loads((folder / "found.json").read_text())


# Labels of the synthetic faces that stand for each set in `--smoke`.
SMOKE_TASKS = {
    "fer2013": ("expression",),
    "celeba": ("gender",),
    "utkface": ("age", "gender"),
    "fairface": ("gender",),
    "mtfl": ("landmarks5",),
    "lfw": ("expression",),
    "ck48": ("expression",),
}
SMOKE_ROWS, SMOKE_PEOPLE = 48, 8


def smoke(part: str) -> PreparedSet:
    """Synthetic faces in place of a part; what is not drawn gets labels by the row's number."""
    name = part.partition("-")[0]
    people = SMOKE_PEOPLE * 2 if name in ("lfw", "ck48") else SMOKE_PEOPLE
    seed = 1 + PARTS.index(part)
    faces = synthetic_set(
        SMOKE_ROWS, seed=seed, size=16, identities=people, tasks=SMOKE_TASKS[name]
    )
    rows = np.arange(len(faces))
    labels = dict(faces.labels)
    for task in SETS[name][1]:
        if task.name not in labels:
            labels[task.name] = (rows % task.output_size).astype("int32")
    labels["found"] = (rows != 5).astype("int32")
    labels.pop("expression" if name == "ck48" else "", None)
    masks = {each: np.ones(len(rows), bool) for each in labels}
    return replace(faces, labels=labels, masks=masks, domain=name)


def smoke_found() -> dict:
    """Of the synthetic faces one a part is taken as not found."""
    return {name: {"found": SMOKE_ROWS - 1, "not_found": 1} for name in SETS}


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked sets")
    parser.add_argument("--out", type=Path, default=Path("runs/gk-prepared"))
    parser.add_argument("--expressions", type=Path, help="default: DATA/lfw_expressions.csv")
    parser.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    expressions = options.expressions or options.data / "lfw_expressions.csv"
    prepare_sets(options.data, options.out, expressions, options.only)


if __name__ == "__main__":
    main()
