"""The three domains of Distill-2MD-MTL, prepared once, all in grey.

    python -m recipes.distill_2md_mtl.sets --data DATA --out runs/2md-prepared

Expression from CK+ (seven classes, contempt among them), age from UTKFace in two classes, gender
from FairFace; each set keeps the labels of its own task only, as in the paper. FER2013's
validation part is there to be tested on: none of its pictures trains anything or chooses anything.
CK+ and FER2013 are grey, so all pictures are. `--sets paper` prepares the paper's own
Oulu-CASIA, MORPH II and Adience, for those who have them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import vocabulary
from kerasface.data.synthetic import synthetic_set
from kerasface.data.table import FaceTable
from kerasface.data.template import SET_BOXES, crop_box
from kerasface.evaluation.protocols import find_protocol, two_ages_task, with_two_ages
from kerasface.tasks import Classification, Regression
from kerasface.training.validation import without_colour

AGE, GENDER = two_ages_task(), Classification("gender", vocabulary.GENDERS)
SEVEN = Classification("expression", vocabulary.EXPRESSIONS)
YEARS = Regression("age", "years", (0, 116))
FER2013 = "fer2013-validation"
WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Domains:
    """Which data set brings which labels, and under which protocols the networks are tested.

    Args:
        expression: name of the set, and of its file; its rows train and test by `folds`.
        age: file of the rows that train the age.
        gender: file of the rows that train the gender.
        folds: protocol of the expression on held-out people.
        across: protocol of the expression on FER2013.
        age_test: protocol of the age.
        gender_test: protocol of the gender.
        tests: files by protocol, of those that test alone.
    """

    expression: str
    age: str
    gender: str
    folds: str
    across: str
    age_test: str
    gender_test: str
    tests: dict[str, str]

    @property
    def tasks(self) -> dict[str, Classification]:
        """The task whose labels each set brings."""
        expression = find_protocol(self.folds).target.label_task()
        return {"age": AGE, "gender": GENDER, "expression": expression}


DOMAINS = {
    "here": Domains(
        "ck48",
        "utkface-train",
        "fairface-train",
        "ck48_10fold",
        "ck48_to_fer2013",
        "utkface_two_ages",
        "utkface_gender",
        {
            "ck48_to_fer2013": FER2013,
            "utkface_two_ages": "utkface-validation",
            "utkface_gender": "utkface-validation",
        },
    ),
    "paper": Domains(
        "oulu_casia",
        "morph2-train",
        "adience-train",
        "oulu_casia_10fold",
        "oulu_casia_to_fer2013",
        "morph2_two_ages_4to1",
        "adience_gender_4to1",
        {
            "oulu_casia_to_fer2013": FER2013,
            "morph2_two_ages_4to1": "morph2-test",
            "adience_gender_4to1": "adience-test",
        },
    ),
}
# File: the protocol whose table and split it is, its side (None: both), tasks whose labels are
# kept. UTKFace is split as for its gender, which all ages have: both of its tests are of these.
FILES = {
    "ck48": ("ck48_10fold", None, (DOMAINS["here"].tasks["expression"],)),
    "utkface-train": ("utkface_gender", "train", (YEARS,)),
    "utkface-validation": ("utkface_gender", "test", (YEARS, GENDER)),
    "fairface-train": ("fairface_gender", "train", (GENDER,)),
    FER2013: ("fer2013", "test", (SEVEN,)),
    "oulu_casia": ("oulu_casia_10fold", None, (DOMAINS["paper"].tasks["expression"],)),
    "morph2-train": ("morph2_two_ages_4to1", "train", (YEARS,)),
    "morph2-test": ("morph2_two_ages_4to1", "test", (YEARS,)),
    "adience-train": ("adience_gender_4to1", "train", (GENDER,)),
    "adience-test": ("adience_gender_4to1", "test", (GENDER,)),
}


def files_of(domains: Domains) -> list[str]:
    """Names of the files that the runs of some domains read."""
    used = (domains.expression, domains.age, domains.gender, *domains.tests.values())
    return list(dict.fromkeys(used))


def prepare_sets(data: Path, out: Path, domains: Domains) -> None:
    """Write `<file>.npz` for each file of the domains that is not there yet."""
    for file in files_of(domains):
        path = out / f"{file}.npz"
        if path.exists():
            continue
        protocol, side, tasks = FILES[file]
        table = side_of(data, protocol, side)
        domain = table.rows[0].domain
        crop = partial(_crop, box=SET_BOXES.get(domain, WHOLE))
        prepared = in_grey(prepare(table, tasks, crop, domain=domain))
        prepared.save(path)
        print(f"{path}: {len(prepared)} faces", *prepared.report, sep="\n  ", flush=True)


def side_of(data: Path, protocol_name: str, side: str | None) -> FaceTable:
    """The rows that train or test under a protocol, without near-duplicates across."""
    protocol = find_protocol(protocol_name)
    table = protocol.read(data)
    if side is None:
        return table
    [split] = protocol.splits(table, clean=side == "train")
    names = set(getattr(split, side))
    rows = [row for place, row in enumerate(table.rows) if table.name_of(place) in names]
    return FaceTable(table.root, rows, table.report)


def in_grey(prepared: PreparedSet) -> PreparedSet:
    """The set in three equal channels, its ages in years as two classes beside."""
    grey = replace(prepared, images=without_colour(prepared.images))
    return with_two_ages(grey) if "age" in grey.labels else grey


def load_set(folder: Path, file: str) -> PreparedSet:
    """One of `FILES`."""
    return PreparedSet.load(folder / f"{file}.npz")


# How the synthetic faces are drawn that stand for a set in `--smoke`, and their seed.
STYLES = {
    "ck48": ("photo", 1),
    "utkface": ("sketch", 2),
    "fairface": ("comic", 3),
    "fer2013": ("comic", 4),
    "oulu_casia": ("photo", 5),
    "morph2": ("sketch", 6),
    "adience": ("comic", 7),
}
PEOPLE = 20


def smoke_set(folder: Path, file: str, rows: int = 60) -> PreparedSet:
    """Synthetic faces in place of a real file, under its name and in its classes."""
    del folder
    _, side, tasks = FILES[file]
    domain = file.split("-")[0]
    style, seed = STYLES[domain]
    names = tuple(task.name for task in tasks)
    chance = seed + 100 * (side == "test")
    # Ten folds need ten people or more.
    drawn = in_grey(synthetic_set(rows, style=style, identities=PEOPLE, seed=chance, tasks=names))
    for task in tasks:
        if task.kind == "classification":  # six classes of the seven that are drawn
            drawn = drawn.take(drawn.labels[task.name] < len(task.classes))
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


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked sets")
    parser.add_argument("--out", type=Path, default=Path("runs/2md-prepared"))
    parser.add_argument("--sets", choices=DOMAINS, default="here", help="this table's, the paper's")
    options = parser.parse_args(arguments)
    prepare_sets(options.data, options.out, DOMAINS[options.sets])


if __name__ == "__main__":
    main()
