"""The one table that every reader gives: faces, the labels known of each, and what was left out.

A row keeps its picture as the data set holds it (a path or native pixels); crops come later, in
one stated template for all sets. A label that a set does not have is absent, never a filler: the
fillers and masks of the batch contract are made when a table is prepared.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SPLITS = ("train", "validation", "test")
EXAMPLES_PER_REASON = 3


class FaceRow(NamedTuple):
    """One face.

    Attributes:
        image: path relative to the table's root (POSIX form), or a uint8 array of shape
            `(height, width)` or `(height, width, channels)`.
        labels: the known labels by task name: a class name (str), a number in the task's unit
            (age in years), or a list of `[x, y]` points in pixels of `image`, 0-based.
        subject: who it is, where the set says so; comparable only within one `domain`.
        split: "train", "validation", "test", or None where the set states none.
        domain: short name of the data set.
    """

    image: str | np.ndarray
    labels: dict[str, Any]
    subject: str | None = None
    split: str | None = None
    domain: str = ""


@dataclass
class ReadReport:
    """What a reader saw: rows read, rows skipped by reason, and remarks on known faults.

    Attributes:
        source: what was read, for people (data set and file or folder).
        read: rows that are in the table.
        skipped: number of rows left out, by reason.
        examples: up to three `reason: row` lines for each reason.
        notes: faults that were met and kept, one line each.
        lists: full lists of names behind a reason or note, for a report file.

    Example:
    >>> report = ReadReport("demo")
    >>> report.skip("missing file", "a.jpg")
    >>> report.read = 2
    >>> print(report)
    demo: 2 read, 1 skipped
      1 x missing file (a.jpg)
    """

    source: str
    read: int = 0
    skipped: dict[str, int] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, example: str = "") -> None:
        """Counts one row left out for `reason` and keeps the first few as examples."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        if example and self.skipped[reason] <= EXAMPLES_PER_REASON:
            self.examples.append(f"{reason}: {example}")

    def note(self, text: str) -> None:
        """Adds one line on a fault that was met and kept, or on a choice that was made."""
        self.notes.append(text)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the report and its full lists as UTF-8 text, one name a line."""
        parts = [str(self)]
        for title, names in self.lists.items():
            parts.extend(["", f"# {title} ({len(names)})", *names])
        Path(path).write_text("\n".join(parts) + "\n", encoding="utf-8")

    @property
    def total_skipped(self) -> int:
        """Rows left out, over all reasons."""
        return sum(self.skipped.values())

    def __str__(self) -> str:
        lines = [f"{self.source}: {self.read} read, {self.total_skipped} skipped"]
        for reason, count in sorted(self.skipped.items(), key=lambda item: (-item[1], item[0])):
            start = f"{reason}: "
            shown = [text[len(start) :] for text in self.examples if text.startswith(start)]
            more = ", ..." if shown and count > len(shown) else ""
            some = f" ({', '.join(shown)}{more})" if shown else ""
            lines.append(f"  {count} x {reason}{some}")
        lines.extend(f"  note: {text}" for text in self.notes)
        return "\n".join(lines)


@dataclass
class FaceTable:
    """Rows of one data set, the folder their paths are relative to, and the reader's report.

    Example:
    >>> rows = [FaceRow("a.png", {"age": 30.0}, split="train", domain="demo"),
    ...         FaceRow("b.png", {"gender": "male"}, split="validation", domain="demo")]
    >>> table = FaceTable(Path("."), rows, ReadReport("demo", read=2))
    >>> len(table), len(table.filter(split="train")), table.labels_of("age")
    (2, 1, [30.0, None])
    """

    root: Path
    rows: list[FaceRow]
    report: ReadReport

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[FaceRow]:
        return iter(self.rows)

    def filter(
        self,
        *,
        split: str | Sequence[str] | None = None,
        task: str | None = None,
        where: Callable[[FaceRow], bool] | None = None,
    ) -> "FaceTable":
        """A table of the rows that meet every condition; it shares this table's report.

        Args:
            split: keep rows of this split (or of one of these splits).
            task: keep rows that have a label for this task.
            where: keep rows for which this function is true.

        Raises:
            ValueError: unknown split name.
        """
        wanted = (split,) if isinstance(split, str) else split
        for name in wanted or ():
            if name not in SPLITS:
                raise ValueError(f"split must be one of {SPLITS}. Received: split={name!r}")
        kept = [
            row
            for row in self.rows
            if (wanted is None or row.split in wanted)
            and (task is None or task in row.labels)
            and (where is None or where(row))
        ]
        return FaceTable(self.root, kept, self.report)

    def labels_of(self, task: str) -> list[Any]:
        """The label of each row for `task`, `None` where it has none."""
        return [row.labels.get(task) for row in self.rows]

    def tasks(self) -> dict[str, int]:
        """Number of labelled rows by task name, in the order in which the tasks appear."""
        return dict(Counter(task for row in self.rows for task in row.labels))

    def name_of(self, index: int) -> str:
        """What to call row `index` in a report: its path, or its place where it is an array."""
        image = self.rows[index].image
        return image if isinstance(image, str) else f"row {index}"
