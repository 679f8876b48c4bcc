"""Parts of a test set that are measured beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasface.data.readers.fer2013 import near_private_names
from kerasface.tasks import Task


class Tested(NamedTuple):
    """What a model answered to the rows of one split, or of several one after the other.

    Attributes:
        split: name of the split.
        task: under which they are measured.
        outputs: `(rows, output_size)`.
        labels: `(rows,)` encoded by the task.
        people: `(rows,)` str, who is in each; rows of nobody known are people of their own.
        names: `(rows,)` str.
        root: folder of the data set.
    """

    split: str
    task: Task
    outputs: np.ndarray
    labels: np.ndarray
    people: np.ndarray
    names: np.ndarray
    root: Path

    def take(self, mask: np.ndarray) -> Tested:
        """The rows where `mask` is true."""
        columns = ("outputs", "labels", "people", "names")
        return self._replace(**{name: getattr(self, name)[mask] for name in columns})


@dataclass(frozen=True)
class AllRows:
    """Every row that tests."""

    name: str = "all"
    about: str = "every row"

    def rows(self, tested: Tested) -> np.ndarray | None:
        """`(rows,)` bool; None where the set does not say."""
        return np.ones(len(tested.labels), bool)


@dataclass(frozen=True)
class WithoutClasses:
    """Rows of some classes left out."""

    name: str
    about: str
    classes: tuple[str, ...]

    def rows(self, tested: Tested) -> np.ndarray | None:
        """`(rows,)` bool; None where the set does not say."""
        left_out = [place for place, n in enumerate(tested.task.classes) if n in self.classes]
        return ~np.isin(tested.labels, left_out)


@dataclass(frozen=True)
class WithoutNearDuplicates:
    """FER2013 without the files that its list calls near-duplicates of PrivateTest."""

    name: str = "without near-duplicates"
    about: str = "without the files in near_duplicates_of_PrivateTest.txt"

    def rows(self, tested: Tested) -> np.ndarray | None:
        """`(rows,)` bool; None where there is no such list."""
        listed = near_private_names(tested.root)
        if not listed:
            return None
        return np.array([str(name) not in listed for name in tested.names], bool)
