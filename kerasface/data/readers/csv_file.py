"""A CSV of your own: a column for the picture, others for labels, and errors that name the row."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerasface.data.readers.listings import records
from kerasface.data.readers.points import pairs_of
from kerasface.data.splits import sha1_split
from kerasface.data.table import SPLITS, FaceRow, FaceTable, ReadReport


def read_csv(
    root: str | os.PathLike,
    *,
    labels: Mapping[str, str | Sequence[str]],
    image: str = "image",
    subject: str | None = None,
    split: str | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    rename: Mapping[str, Mapping[str, str]] | None = None,
    numbers: Mapping[str, tuple[float, float]] | None = None,
    folder: str | os.PathLike | None = None,
    domain: str = "own",
    strict: bool = False,
) -> FaceTable:
    """Reads a CSV with a head line, one face a row.

    Terms and faults: your own. An empty cell means that the label is not known; a cell that is
    not legal costs the row, unless `strict`, and the report names its line.

    Args:
        root: the CSV file.
        labels: column by task name; for points a list of columns `x1, y1, x2, y2, ...`.
        image: column of the picture's path.
        subject: column of who it is.
        split: column of the split ("train", "validation", "test"); default: by the sha1 of the
            subject where there is one, else of the path, one in ten "validation".
        classes: legal classes by task; a task without them takes every word.
        rename: class by cell, by task, applied before `classes`: `{"gender": {"M": "male"}}`.
        numbers: tasks that are numbers, with the least and greatest legal value. Default: age
            of 0 to 120 years.
        folder: folder that the paths are relative to; default that of the CSV.
        domain: name of the set.
        strict: raise at the first bad row.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a column is missing or, with `strict`, a bad row; names file and line.

    Example:
        `read_csv("faces.csv", labels={"age": "Age"}, image="file")`
    """
    path = Path(root)
    base = Path(folder) if folder is not None else path.parent
    numbers = {"age": (0.0, 120.0)} if numbers is None else numbers
    needed = [image, *(name for name in (subject, split) if name)]
    for columns in labels.values():
        needed.extend([columns] if isinstance(columns, str) else columns)
    report = ReadReport(f"{domain} ({path})")
    rows = []
    for line, record in records(path, needed):
        try:
            if not record[image]:
                raise ValueError("no picture named")
            if not os.path.isfile(base / record[image]):  # also where no file can have that name
                raise ValueError(f"missing file: {record[image]}")
            found = {}
            for task, columns in labels.items():
                value = _value(task, columns, record, classes, rename, numbers)
                if value is not None:
                    found[task] = value
            who = record[subject] or None if subject else None
            part = record[split] if split else sha1_split(who or record[image])
            if part not in SPLITS:
                raise ValueError(f"split: {part!r} is not one of {SPLITS}")
        except ValueError as error:
            if strict:
                raise ValueError(f"{path} line {line}: {error}") from error
            reason, _, detail = str(error).partition(": ")
            report.skip(reason, f"line {line}" + (f": {detail}" if detail else ""))
            continue
        rows.append(FaceRow(record[image], found, who, part, domain))
    report.read = len(rows)
    return FaceTable(base, rows, report)


def _value(task, columns, record, classes, rename, numbers):
    """The label in a row's cells, None where they are empty; ValueError `<task>: <what>`."""
    if not isinstance(columns, str):
        cells = [record[column] for column in columns]
        if not any(cells):
            return None
        try:
            return pairs_of(cells)
        except ValueError as error:
            raise ValueError(f"{task}: {error}") from error
    cell = (rename or {}).get(task, {}).get(record[columns], record[columns])
    if cell == "":
        return None
    if task in numbers:
        low, high = numbers[task]
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"{task}: {cell!r} is no number from {low:g} to {high:g}")
        return value
    if classes is not None and task in classes and cell not in classes[task]:
        raise ValueError(f"{task}: {cell!r} is not one of {tuple(classes[task])}")
    return cell
