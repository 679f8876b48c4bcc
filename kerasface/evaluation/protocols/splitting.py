"""The ways in which protocols divide a set: folds, a portion, or its own stated parts."""

from __future__ import annotations

from dataclasses import dataclass

from kerasface.data.table import FaceTable
from kerasface.evaluation.protocols.splits import Split, portion, subject_kfold


@dataclass(frozen=True)
class Folds:
    """So many folds by person, so many times."""

    folds: int = 10
    repeats: int = 1

    def splits(self, table: FaceTable, training: FaceTable) -> list[Split]:
        """One a fold and repeat."""
        return subject_kfold(*_rows(table), self.folds, self.repeats)


@dataclass(frozen=True)
class Portion:
    """One part of `parts` tests, by person or row, so many times."""

    parts: int = 5
    repeats: int = 1

    def splits(self, table: FaceTable, training: FaceTable) -> list[Split]:
        """One a repeat."""
        return portion(*_rows(table), self.parts, self.repeats)


@dataclass(frozen=True)
class Stated:
    """The part of that name tests; the set's "train" trains, or all of another set."""

    test: str = "validation"

    def splits(self, table: FaceTable, training: FaceTable) -> list[Split]:
        """One split.

        Raises:
            ValueError: the set has no such part here.
        """
        held_out = _names(table, self.test)
        if not held_out:
            raise ValueError(f"no row of the part {self.test!r}. Received: {table.report.source}")
        part = "train" if training is table else None
        return [Split(self.test, _names(training, part), held_out)]


def _names(table: FaceTable, part: str | None) -> tuple[str, ...]:
    """Names of the rows of a part, or of all. A row of pixels is named by its place in `table`."""
    names, _ = _rows(table)
    pairs = zip(names, table, strict=True)
    return tuple(name for name, row in pairs if part in (None, row.split))


def _rows(table: FaceTable) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """Names and subjects."""
    names = tuple(table.name_of(index) for index in range(len(table)))
    return names, tuple(row.subject for row in table)
