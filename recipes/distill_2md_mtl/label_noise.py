"""Labels made worse on purpose, for the controls: dealt out anew, or replaced by another class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Task
from recipes.distill_2md_mtl.methods import Method

MAIN = "ck48"


def spoilt(
    sets: dict[str, PreparedSet], tasks: Sequence[Task], method: Method
) -> dict[str, PreparedSet]:
    """The sets with what a control does to the labels of all but the main one."""
    made = {}
    for number, (name, prepared) in enumerate(sets.items()):
        chance = np.random.default_rng([7, number])
        labels = dict(prepared.labels)
        for task in tasks:
            known = prepared.masks.get(task.name)
            if name == MAIN or known is None or not known.any():
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
