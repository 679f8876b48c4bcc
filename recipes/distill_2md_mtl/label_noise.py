"""Labels made worse on purpose, for the controls: dealt out anew, or replaced by another class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.data.pseudo_labels import PseudoLabels, TaskLabels
from kerasface.tasks import Task
from recipes.distill_2md_mtl.methods import Method

MAIN = "expression"
# Before a mistake of disagreeing views is given up for one of agreeing views.
TRIES = 50


def spoilt(
    sets: dict[str, PreparedSet], tasks: Sequence[Task], method: Method
) -> dict[str, PreparedSet]:
    """The sets with what a control does to the true labels of all but the main one.

    A method with a teacher has its noise in the teacher's labels, see `with_mistakes`.
    """
    made = {}
    for number, (name, prepared) in enumerate(sets.items()):
        chance = np.random.default_rng([7, number])
        labels = dict(prepared.labels)
        for task in tasks:
            known = prepared.masks.get(task.name)
            if name == MAIN or method.teacher or known is None or not known.any():
                continue
            column = labels[task.name].copy()
            if name in method.shuffled:
                column[known] = chance.permutation(column[known])
            column[known] = corrupted(column[known], task.output_size, method.corrupted, chance)
            labels[task.name] = column
        made[name] = replace(prepared, labels=labels)
    return made


def corrupted(labels: np.ndarray, classes: int, share: float, chance) -> np.ndarray:
    """The labels, a share of them moved to one of the other classes, each as likely.

    Args:
        labels: `(rows,)` int.
        classes: number of classes, 2 or more.
        share: of the rows, from 0 to 1; exactly that many, rounded.
        chance: a NumPy generator.
    """
    rows = chance.permutation(len(labels))[: round(share * len(labels))]
    moved = labels.copy()
    moved[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
    return moved


def with_mistakes(labels: PseudoLabels, method: Method, views: int) -> PseudoLabels:
    """A teacher's labels, of each task the method's share of them mistaken.

    Args:
        labels: of one data set.
        method: its `corrupted` and `certain` say how many and which kind.
        views: transforms that the teacher looked through.
    """
    chance = np.random.default_rng(11)
    found = {
        name: mistaken(each, method.corrupted, 1 if method.certain else views, chance)
        for name, each in labels.tasks.items()
    }
    return replace(labels, tasks=found)


def mistaken(labels: TaskLabels, share: float, views: int, chance) -> TaskLabels:
    """A share of a teacher's labels of a class replaced by other classes, with a confidence.

    In such a row each of the teacher's views answers the classes in an order of its own, moved
    round by a random step; label and confidence are those of the mean over the views, as
    `kerasface.inference.answer_aggregation.aggregate` takes them, drawn again until the label is
    another one. Views that err apart from each other disagree, so their mean is less sure, and a
    threshold can tell. With one view a mistake is as sure as the right answer was, and no
    threshold can.

    Args:
        labels: of one classification task.
        share: of the rows, from 0 to 1; exactly that many, rounded.
        views: 1 or more.
        chance: a NumPy generator.
    """
    classes = labels.task.output_size
    rows = chance.permutation(len(labels.labels))[: round(share * len(labels.labels))]
    soft = labels.soft.copy()
    left = rows
    for attempt in range(TRIES + 1):
        if not len(left):
            break
        steps = chance.integers(0, classes, (len(left), views))
        if views == 1 or attempt == TRIES:
            steps = np.repeat(chance.integers(1, classes, (len(left), 1)), views, axis=1)
        # (rows, views, classes): class c of a view's answer is class c - step of the teacher's.
        moved = (np.arange(classes) - steps[:, :, None]) % classes
        soft[left] = np.take_along_axis(labels.soft[left][:, None], moved, axis=2).mean(axis=1)
        left = left[soft[left].argmax(axis=1) == labels.labels[left]]
    answers, sure = labels.labels.copy(), labels.confidence.copy()
    answers[rows], sure[rows] = soft[rows].argmax(axis=1), soft[rows].max(axis=1)
    return replace(labels, labels=answers, soft=soft, confidence=sure)
