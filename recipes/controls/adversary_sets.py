"""UTKFace and CK+ in grey, with people who train and people who do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read, vocabulary
from kerasface.data.splits import subject_folds
from kerasface.data.synthetic import split_identities, synthetic_set
from kerasface.data.template import SET_BOXES, crop_box
from kerasface.tasks import Classification, Regression
from kerasface.training.validation import without_colour

SETS = ("utkface", "ck48")
# Those of CK+: contempt and no neutral.
EXPRESSIONS = (*(e for e in vocabulary.EXPRESSIONS if e != "neutral"), vocabulary.CONTEMPT)
GENDER = Classification("gender", vocabulary.GENDERS)
TASKS = (
    GENDER,
    Regression("age", "years", (0, 116), bins=59, spread=3.0, alpha=0.5),
    Classification("expression", EXPRESSIONS),
)
FOLDS, HELD_OUT_FOLDS = 10, 3
SMOKE_ROWS, SMOKE_PEOPLE = 60, 30

Sets = dict[str, PreparedSet]


def real_sets(data: Path, prepared: Path) -> tuple[Sets, Sets]:
    """Training and held-out rows by set: people of CK+ by folds, UTKFace by its parts.

    Args:
        data: folder that holds `CK+48`.
        prepared: folder of `utkface-train.npz` and `utkface-validation.npz`, as
            `recipes.face_zoo.sets` writes them.
    """
    faces = prepare(
        read("ck48", data / "CK+48"),
        TASKS,
        lambda image, row: crop_box(image, SET_BOXES["ck48"]),
        domain="ck48",
    )
    folds = subject_folds(faces.subjects, FOLDS)
    held = np.array([folds[subject] < HELD_OUT_FOLDS for subject in faces.subjects])
    train, test = (
        PreparedSet.load(prepared / f"utkface-{split}.npz") for split in ("train", "validation")
    )
    # The prepared files have other tasks' columns too.
    train, test = (only(each, ("gender", "age")) for each in (train, test))
    return (
        grey({"utkface": train, "ck48": faces.take(~held)}),
        grey({"utkface": test, "ck48": faces.take(held)}),
    )


def smoke_sets() -> tuple[Sets, Sets]:
    """Photographs and sketches of synthetic people in place of the real sets."""

    def draw(style, seed):
        return synthetic_set(SMOKE_ROWS, style=style, identities=SMOKE_PEOPLE, seed=seed)

    drawn = {"utkface": only(draw("photo", 1), ("gender", "age")), "ck48": draw("sketch", 2)}
    # Neutral is none of CK+'s expressions, and the others stand in the same places.
    known = drawn["ck48"].labels["expression"] < len(EXPRESSIONS) - 1
    drawn["ck48"] = only(drawn["ck48"].take(known), ("expression",))
    pairs = {name: split_identities(each, 0.5) for name, each in drawn.items()}
    train, test = (grey({name: pair[part] for name, pair in pairs.items()}) for part in (0, 1))
    return train, test


def only(faces: PreparedSet, tasks: tuple[str, ...]) -> PreparedSet:
    """The set with the labels of these tasks alone."""
    labels = {name: faces.labels[name] for name in tasks}
    return replace(faces, labels=labels, masks={name: faces.masks[name] for name in tasks})


def grey(sets: Sets) -> Sets:
    """The sets without colour, each with its name as its domain."""
    return {
        name: replace(each, images=without_colour(each.images), domain=name)
        for name, each in sets.items()
    }
