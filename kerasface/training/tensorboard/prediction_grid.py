"""Faces of a validation set with what the model says of them, as one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.measures import NEAR
from kerasface.tasks import Task

FACES, COLUMNS = 24, 8
SIDE, LINE, MARGIN = 120, 13, 6
RIGHT, WRONG, BACKGROUND = (0, 120, 60), (190, 30, 30), (255, 255, 255)
DOT = 2


def prediction_grid(
    prepared: PreparedSet,
    outputs: Mapping[str, np.ndarray],
    tasks: Sequence[Task],
    faces: int = FACES,
) -> bytes:
    """A grid of faces; below each, what it was taken for, and in brackets what it is.

    The faces are spread evenly over the set and are the same at every call, so that one can
    watch them from epoch to epoch. Green is right, or within five of the unit; true points are
    green and predicted ones red. Only labelled tasks are shown.

    Args:
        prepared: the validation set.
        outputs: by task name `(rows, output_size)`.
        tasks: tasks to show.
        faces: how many at most.

    Returns:
        PNG bytes.
    """
    from PIL import Image, ImageDraw, ImageFont

    tasks = [task for task in tasks if prepared.labelled(task.name)]
    written = [task for task in tasks if task.kind in ("classification", "regression")]
    known = np.any([prepared.masks[task.name] for task in tasks], axis=0)
    rows = np.flatnonzero(known)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(faces, len(rows))).astype(int))]
    columns = min(COLUMNS, len(rows))
    height = SIDE + LINE * len(written) + MARGIN
    size = (columns * (SIDE + MARGIN), -(-len(rows) // columns) * height)
    canvas = Image.new("RGB", size, BACKGROUND)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(LINE - 2)
    for place, row in enumerate(rows):
        left, top = place % columns * (SIDE + MARGIN), place // columns * height
        face = Image.fromarray(prepared.images[row].astype("uint8"))
        canvas.paste(face.resize((SIDE, SIDE), Image.Resampling.BILINEAR), (left, top))
        line = top + SIDE
        for task in tasks:
            if not prepared.masks[task.name][row]:
                continue
            label, output = prepared.labels[task.name][row], outputs[task.name][row : row + 1]
            if task in written:
                text, right = _sentence(task, output, label)
                draw.text((left, line), text, fill=RIGHT if right else WRONG, font=font)
                line += LINE
            elif task.kind == "landmarks":
                guess = output.reshape(label.shape)
                for points, colour in ((label, RIGHT), (guess, WRONG)):
                    for x, y in points * SIDE + (left, top):
                        draw.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), fill=colour)
    stream = io.BytesIO()
    canvas.save(stream, "png")
    return stream.getvalue()


def _sentence(task: Task, output: np.ndarray, label) -> tuple[str, bool]:
    if task.kind == "regression":
        value = float(task.expected(output)[0])
        return f"{task.name} {value:.0f} ({label:.0f})", abs(value - label) <= NEAR
    guess = int(output.argmax())
    if guess == label:
        return task.classes[guess], True
    return f"{task.classes[guess]} ({task.classes[label]})", False
