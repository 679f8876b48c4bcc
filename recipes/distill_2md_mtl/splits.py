"""Which rows of the domains train a network, and which test it."""

from __future__ import annotations

from collections.abc import Collection

from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import vocabulary
from kerasface.evaluation.protocols import rows_of, subject_kfold
from recipes.distill_2md_mtl.sets import AGE, Domains, only_own_label, without_label

FOLDS = 10
ACROSS = "across"
SPLITS = (ACROSS, *(f"fold-{fold}" for fold in range(FOLDS)))


def training_sets(load, split: str, domains: Domains) -> dict[str, PreparedSet]:
    """The sets by the task whose labels they bring, and with no others; nobody who tests.

    Args:
        load: function of a file's name that gives its set.
        split: one of `SPLITS`.
        domains: whose sets they are.
    """
    faces, task = load(domains.expression), domains.tasks["expression"]
    if split == ACROSS:
        # No class of FER2013, and so nothing that could be answered there.
        if vocabulary.CONTEMPT in task.classes:
            faces = without_label(faces, task, vocabulary.CONTEMPT)
        faces = faces.take(faces.masks[task.name])
    else:
        faces = faces.take(rows_of(fold_of(faces, split).train, faces.names))
    ages = load(domains.age)
    # Ages from 38 to 43 have no class.
    sets = {
        "age": ages.take(ages.masks[AGE.name]),
        "gender": load(domains.gender),
        "expression": faces,
    }
    return {name: only_own_label(each, domains.tasks[name]) for name, each in sets.items()}


def testing_sets(
    load, split: str, domains: Domains, asked: Collection[str] | None = None
) -> dict[str, PreparedSet]:
    """By the name of the protocol that asks.

    Args:
        load: function of a file's name that gives its set.
        split: one of `SPLITS`.
        domains: whose sets they are.
        asked: protocols that may ask; None: all.
    """
    sets = {
        protocol: load(file)
        for protocol, file in domains.tests.items()
        if asked is None or protocol in asked
    }
    if split != ACROSS and (asked is None or domains.folds in asked):
        faces = load(domains.expression)
        sets[domains.folds] = faces.take(rows_of(fold_of(faces, split).test, faces.names))
    return sets


def fold_of(faces: PreparedSet, split: str):
    """The names of the rows that train and test."""
    folds = subject_kfold(faces.names.tolist(), faces.subjects.tolist(), FOLDS)
    return next(each for each in folds if each.name == split)


def stated(split: str, domains: Domains) -> dict[str, str]:
    """Protocol and split as a run's settings name them, for `kerasface evaluate`."""
    if split == ACROSS:
        return {"protocol": domains.across, "split": "validation"}
    return {"protocol": domains.folds, "split": split}
