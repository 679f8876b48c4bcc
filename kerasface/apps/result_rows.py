"""Records of pictures as rows of a table: one a face, one for a picture that shows none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from kerasface.tasks import Task

# Kinds of cells.
TEXT, NUMBER, WHOLE, TRUTH = "text", "number", "whole", "truth"
_BOX = ("left", "top", "width", "height")
# Of an answer of `Task.decode` that has a short form: key, column after the task's name, kind.
_CLASS = (("label", "", TEXT), ("confidence", "_confidence", NUMBER))
_VALUE = (("value", "", NUMBER), ("low", "_low", NUMBER), ("high", "_high", NUMBER))
_SURE = ("sure", "_sure", TRUTH)


def columns_of(
    tasks: Sequence[Task], thresholds: Collection[str] = (), timed: bool = False
) -> dict[str, str]:
    """The columns of a table of these tasks, by name their kind.

    Landmarks and embeddings have no short form, and no column.

    Args:
        tasks: those that are answered.
        thresholds: names of those with a threshold, which also say whether they are sure.
        timed: whether the pictures are frames with a time.

    Example:
        >>> from kerasface.tasks import Classification
        >>> list(columns_of([Classification("smile", ("no", "yes"))]))[-2:]
        ['smile', 'smile_confidence']
    """
    columns = {"image": TEXT, "error": TEXT}
    if timed:
        columns["time"] = NUMBER
    columns |= {"face": WHOLE, **dict.fromkeys(_BOX, NUMBER), "found_confidence": NUMBER}
    columns["detected"] = TRUTH
    for task in tasks:
        # What a task answers is known from any answer of it.
        [answer] = task.decode(np.zeros((1, task.output_size), "float32"))
        if task.name in thresholds:
            answer["sure"] = True
        for key, end, kind in _cells(answer):
            if key in answer:
                columns[task.name + end] = kind
    return columns


def rows_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of one record of `analyze`, with the cells that it has."""
    row = {"image": record["image"]}
    row |= {name: record[name] for name in ("error", "time") if name in record}
    rows = []
    for number, face in enumerate(record["faces"]):
        cells = {"face": number, "found_confidence": face["confidence"]}
        cells |= {**dict(zip(_BOX, face["box"], strict=True)), "detected": face["detected"]}
        for task, answer in face["answers"].items():
            cells |= {task + end: answer[key] for key, end, _ in _cells(answer) if key in answer}
        rows.append(row | cells)
    return rows or [row]


def _cells(answer: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return (*_CLASS, _SURE) if "label" in answer else _VALUE if "value" in answer else ()
