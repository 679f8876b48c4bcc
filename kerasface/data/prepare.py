"""From a reader's table to a prepared set: decode safely, crop to the template, encode labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from kerasface.data.decode import ImageError, decode_image
from kerasface.data.prepared import PreparedSet, encode_labels
from kerasface.data.table import FaceRow, FaceTable
from kerasface.tasks import Task


def prepare(
    table: FaceTable,
    tasks: Sequence[Task],
    crop: Callable[[np.ndarray, FaceRow], np.ndarray],
    domain: str | None = None,
    workers: int = 4,
) -> PreparedSet:
    """Decode every row once, crop it, and encode the labels that it has.

    A broken picture or an impossible label is a line in the report and not a row.

    Args:
        table: what a reader gave.
        tasks: whose labels to keep.
        crop: from the decoded picture `(h, w, 3)` uint8 and its row to `(height, width, 3)`
            uint8, one size for all.
        domain: name of the set, default the rows' own.
        workers: threads that decode.

    Returns:
        A `PreparedSet` in the order of the table.

    Raises:
        ValueError: no row is left.
    """
    tasks = tuple(tasks)

    def read(row: FaceRow):
        try:
            if isinstance(row.image, np.ndarray):
                pixels = row.image if row.image.ndim == 3 else row.image[..., None]
                image = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
            else:
                image = decode_image(table.root / row.image)
            for task in tasks:
                if row.labels.get(task.name) is not None:
                    task.encode(row.labels[task.name])
            return crop(np.ascontiguousarray(image), row)
        except (ImageError, ValueError) as error:
            return error

    images, kept = [], []
    report = replace(table.report, skipped=dict(table.report.skipped), read=0)
    with ThreadPoolExecutor(workers) as pool:
        for row, result in zip(table.rows, pool.map(read, table.rows), strict=True):
            if isinstance(result, np.ndarray):
                images.append(result)
                kept.append(row)
            else:
                broken = isinstance(result, ImageError)
                report.skip("broken picture" if broken else "illegal label", str(result))
    report.read = len(kept)
    if not kept:
        raise ValueError(f"no row of {table.report.source} could be used.\n{report}")
    labels, masks = encode_labels(tasks, [row.labels for row in kept])
    names = [row.image if isinstance(row.image, str) else str(n) for n, row in enumerate(kept)]
    return PreparedSet(
        images=np.stack(images),
        labels=labels,
        masks=masks,
        subjects=np.array([row.subject or "" for row in kept], dtype=str),
        domain=domain or kept[0].domain,
        names=np.array(names, dtype=str),
        report=tuple(str(report).splitlines()),
    )
