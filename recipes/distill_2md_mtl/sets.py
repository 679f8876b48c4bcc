"""The three domains of Distill-2MD-MTL that can be had here, prepared once, all in grey.

    python -m recipes.distill_2md_mtl.sets --data DATA --out runs/2md-prepared

Expression from CK+ (seven classes, contempt among them), age from UTKFace in two classes, gender
from FairFace; each set keeps the labels of its own task only, as in the paper, whose MORPH II,
Adience and Oulu-CASIA cannot be had. FER2013's validation part is there to be tested on: none of
its pictures trains anything or chooses anything. CK+ and FER2013 are grey, so all pictures are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read, vocabulary
from kerasface.data.synthetic import synthetic_set
from kerasface.data.template import SET_BOXES, crop_box
from kerasface.evaluation.protocols import two_ages_task, with_two_ages
from kerasface.tasks import Classification, Regression
from kerasface.training.validation import without_colour

SIX = vocabulary.EXPRESSIONS[:-1]
EXPRESSION = Classification("expression", (*SIX, vocabulary.CONTEMPT))
AGE, GENDER = two_ages_task(), Classification("gender", vocabulary.GENDERS)
# As they stand in a batch: the paper's 32 age, 32 gender and 64 expression.
SHARES = {"utkface": 32, "fairface": 32, "ck48": 64}
OWN_TASK = {"ck48": EXPRESSION, "utkface": AGE, "fairface": GENDER}
FER_EXPRESSION = Classification("expression", vocabulary.EXPRESSIONS)
YEARS = Regression("age", "years", (0, 116))
# File: reader, folder below the data, part (None: all), tasks whose labels are kept.
FILES = {
    "ck48": ("ck48", "CK+48", None, (EXPRESSION,)),
    "utkface-train": ("utkface", "UTKFace", "train", (YEARS,)),
    "utkface-validation": ("utkface", "UTKFace", "validation", (YEARS, GENDER)),
    "fairface-train": ("fairface", "fairface", "train", (GENDER,)),
    "fer2013-validation": ("fer2013", "fer2013", "validation", (FER_EXPRESSION,)),
}


def prepare_sets(data: Path, out: Path) -> None:
    """Write `<file>.npz` for each of `FILES` that is not there yet."""
    for file, (reader, folder, part, tasks) in FILES.items():
        path = out / f"{file}.npz"
        if path.exists():
            continue
        table = read(reader, data / folder)
        table = table if part is None else table.filter(split=part)
        crop = partial(_crop, box=SET_BOXES[reader])
        prepared = in_grey(prepare(table, tasks, crop, domain=reader))
        prepared.save(path)
        print(f"{path}: {len(prepared)} faces", *prepared.report, sep="\n  ", flush=True)


def in_grey(prepared: PreparedSet) -> PreparedSet:
    """The set in three equal channels, its ages in years as two classes beside."""
    grey = replace(prepared, images=without_colour(prepared.images))
    return with_two_ages(grey) if "age" in grey.labels else grey


def load_set(folder: Path, file: str) -> PreparedSet:
    """One of `FILES`."""
    return PreparedSet.load(folder / f"{file}.npz")


# Style, seed and labels of the synthetic faces that stand for each file in `--smoke`.
SMOKE = {
    "ck48": ("photo", 1, ("expression",)),
    "utkface-train": ("sketch", 2, ("age",)),
    "utkface-validation": ("sketch", 102, ("age", "gender")),
    "fairface-train": ("comic", 3, ("gender",)),
    "fer2013-validation": ("comic", 104, ("expression",)),
}


def smoke_set(folder: Path, file: str, rows: int = 60) -> PreparedSet:
    """Synthetic faces in place of a real file, under its name and in its classes."""
    del folder
    style, seed, tasks = SMOKE[file]
    drawn = in_grey(synthetic_set(rows, style=style, seed=seed, tasks=tasks))
    domain = file.split("-")[0]
    people = np.array([f"{domain}-{person}" for person in drawn.subjects])
    return replace(drawn, domain=domain, subjects=people)


def only_own_label(prepared: PreparedSet, task: Classification) -> PreparedSet:
    """The set with the labels of one task alone."""
    return replace(
        prepared,
        labels={task.name: prepared.labels[task.name]},
        masks={task.name: prepared.masks[task.name]},
    )


def without_label(prepared: PreparedSet, task: Classification, name: str) -> PreparedSet:
    """The set in which rows of one class count as unlabelled."""
    known = prepared.masks[task.name] & (prepared.labels[task.name] != task.classes.index(name))
    return replace(prepared, masks={**prepared.masks, task.name: known})


def _crop(image, row, box):
    return crop_box(image, box)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked sets")
    parser.add_argument("--out", type=Path, default=Path("runs/2md-prepared"))
    options = parser.parse_args()
    prepare_sets(options.data, options.out)
