"""From a reader's table to a prepared set: decode safely, crop to the template, encode labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from kerasface.data.decode import ImageError, decode_row
from kerasface.data.prepared import PreparedSet, encode_labels, illegal_label
from kerasface.data.table import FaceRow, FaceTable
from kerasface.tasks import Task


class _Cut(NamedTuple):
    """A crop and its labels."""

    image: np.ndarray
    labels: dict


def prepare(
    table: FaceTable,
    tasks: Sequence[Task],
    crop: Callable[[np.ndarray, FaceRow], np.ndarray | tuple[np.ndarray, dict]],
    domain: str | None = None,
    workers: int = 4,
) -> PreparedSet:
    """Decode every row once, crop it, and encode the labels that it has.

    A broken picture or an impossible label is a line in the report and not a row.

    Args:
        table: what a reader gave.
        tasks: whose labels to keep.
        crop: from the decoded picture `(h, w, 3)` uint8 and its row to `(height, width, 3)`
            uint8, one size for all. Where `tasks` hold landmarks, to `(pixels, labels)`: the
            row's labels with its points as shares 0..1 of the crop.
        domain: name of the set, default the rows' own.
        workers: threads that decode.

    Returns:
        A `PreparedSet` in the order of the table.

    Raises:
        ValueError: no row is left, or crops differ in size.
        TypeError: rows have landmarks and `crop` does not say where they came to lie.
    """
    tasks = tuple(tasks)
    points = {task.name for task in tasks if task.kind == "landmarks"}
    # The report of this set alone: the table's belongs to its other splits too.
    report = deepcopy(table.report)
    images, known, kept = [], [], []

    def read(index: int):
        row = table.rows[index]
        try:
            result = crop(decode_row(table, index), row)
            image, labels = result if isinstance(result, tuple) else (result, row.labels)
            if labels is row.labels and points & set(labels):
                raise TypeError(
                    f"crop must return (pixels, labels) with the points of {sorted(points)} as "
                    f"shares of the crop. Received: {type(result).__name__}"
                )
            wrong = illegal_label(tasks, labels)
            if wrong:
                return "illegal label", f"{table.name_of(index)}: {wrong}"
            return _Cut(image, labels)
        except ImageError as error:
            return "broken picture", str(error)
        except ValueError as error:
            return "no crop", f"{table.name_of(index)}: {error}"

    with ThreadPoolExecutor(workers) as pool:
        for index, result in enumerate(pool.map(read, range(len(table)))):
            if isinstance(result, _Cut):
                images.append(result.image)
                known.append(result.labels)
                kept.append(index)
            else:
                report.skip(*result)
    report.read = len(kept)
    if not kept:
        raise ValueError(f"no row of {table.report.source} could be used.\n{report}")
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise ValueError(f"crop must return pictures of one size. Received: {sorted(sizes)}")
    labels, masks = encode_labels(tasks, known)
    rows = [table.rows[index] for index in kept]
    return PreparedSet(
        images=np.stack(images),
        labels=labels,
        masks=masks,
        subjects=np.array([row.subject or "" for row in rows], dtype=str),
        domain=domain or rows[0].domain,
        names=np.array([table.name_of(index) for index in kept], dtype=str),
        report=tuple(str(report).splitlines()),
    )
