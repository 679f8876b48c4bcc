"""Somebody's own labelled faces, from a CSV file or a folder a class, ready to be learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasface.data.alignment import inverse, transform_points
from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers.class_folder import read_class_folder
from kerasface.data.readers.csv_file import read_csv
from kerasface.data.table import FaceTable
from kerasface.inference.cropping import CropContract
from kerasface.inference.detection import find_faces, resolve_detector
from kerasface.tasks import Task

PARTS = ("train", "validation")
ILLEGAL = "illegal label"
THREADS = 4  # that decode, where no detector is asked


@dataclass(frozen=True)
class LabelledFaces:
    """What is learnt from, what is measured by, and what of that could not be used.

    Args:
        train: faces to learn from.
        held: held-out faces.
        lost: by task name `(labels, subjects)` of held-out rows without a usable picture: `(n,
            *label_shape)` and `(n,)` str. Of points it is empty: they are lost with the picture.
    """

    train: PreparedSet
    held: PreparedSet
    lost: Mapping[str, tuple[np.ndarray, np.ndarray]]


def read_labelled(
    data: Path,
    tasks: Sequence[Task],
    crops: CropContract,
    *,
    image: str = "image",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    subject: str | None = None,
    split: str | None = None,
    detector: Any = "none",
) -> LabelledFaces:
    """Reads, decodes and cuts somebody's faces.

    Args:
        data: a CSV file, or a folder with a folder of pictures for each class of the one task.
        tasks: whose labels are wanted.
        crops: how faces are cut.
        image: the CSV's column of paths, relative to the file.
        columns: column by task name; default the name itself, of points `x1, y1, x2, ...`.
        subject: the CSV's column of who it is; needed for an `Embedding`.
        split: the CSV's column of "train" and "validation".
        detector: as `find_faces`; its largest face counts. "none": pictures are crops of faces.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: a label that is not legal (file and line are named), a column that is not
            there, or a part without a row.
    """
    table = _table(data, tasks, image, columns, subject, split)
    detect = resolve_detector(detector)
    cut = partial(_cut, crops=crops, detect=detect, tasks=tasks)
    parts = {}
    for part in PARTS:
        rows = table.filter(split=part)
        if not len(rows):
            raise ValueError(f"{data}: no row is of the part {part!r}. Received: {len(table)} rows")
        workers = 1 if detect else THREADS
        parts[part] = prepare(rows, tasks, cut, domain=data.stem, workers=workers)
        wrong = [line.strip() for line in parts[part].report if f" x {ILLEGAL}" in line]
        if wrong:
            raise ValueError(f"{data}: {wrong[0]}")
    return LabelledFaces(*parts.values(), _lost(table, parts["validation"], tasks))


def _table(data: Path, tasks, image, columns, subject, split) -> FaceTable:
    if data.is_dir():
        classes = [task for task in tasks if task.kind == "classification"]
        if len(tasks) != 1 or not classes:
            raise ValueError(
                "a folder tells the classes of one task; for others give a CSV file. "
                f"Received: {[f'{task.kind} {task.name}' for task in tasks]}"
            )
        [task] = classes
        return read_class_folder(data, task=task.name, classes=task.classes, domain=data.name)
    people = [task.name for task in tasks if task.kind == "embedding"]
    if people and subject is None:
        raise ValueError(
            f"{people[0]!r} is learnt from people: say which column names them. "
            "Received: subject=None"
        )
    columns = dict(columns or {})
    labels = {}
    for task in tasks:
        names: str | list[str] = task.name
        if task.kind == "landmarks":
            names = [f"{axis}{number + 1}" for number in range(task.points) for axis in "xy"]
        if task.kind != "embedding":
            labels[task.name] = columns.get(task.name, names)
    return read_csv(
        data,
        labels=labels,
        image=image,
        subject=subject,
        split=split,
        classes={task.name: task.classes for task in tasks if task.kind == "classification"},
        numbers={task.name: (task.low, task.high) for task in tasks if task.kind == "regression"},
        domain=data.stem,
        strict=True,
    )


def _cut(picture: np.ndarray, row, *, crops: CropContract, detect, tasks):
    """The crop, and the labels with their points as shares of it."""
    face = None
    if detect is not None:
        faces = find_faces(picture, detect)
        if not faces:
            raise ValueError("no face found")
        face = max(faces, key=lambda each: each.box[2] * each.box[3])
    labels = dict(row.labels)
    to_crop = inverse(crops.to_picture(picture, face))
    for task in tasks:
        if task.kind == "landmarks" and task.name in labels:
            labels[task.name] = transform_points(labels[task.name], to_crop)
        elif task.kind == "embedding" and row.subject:
            labels[task.name] = row.subject
    return crops.cut(picture, face), labels


def _lost(table: FaceTable, held: PreparedSet, tasks) -> dict:
    """By task the labels of held-out rows that did not come into the prepared set."""
    usable, found = set(held.names.tolist()), {}
    for task in tasks:
        if task.kind == "landmarks":
            continue
        labels, people = [], []
        for row in table.filter(split=PARTS[1]):
            known = row.subject if task.kind == "embedding" else row.labels.get(task.name)
            if row.image not in usable and known is not None:
                labels.append(task.encode(known))
                people.append(row.subject or "")
        found[task.name] = (np.array(labels), np.array(people, str))
    return found
