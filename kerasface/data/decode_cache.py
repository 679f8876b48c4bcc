"""Decoded pictures of a table in a folder, so that each file is decoded once in its life."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerasface.data.decode import ImageError, decode_all, decode_row
from kerasface.data.table import FaceRow, FaceTable

PICTURES, ABOUT, REPORT = "pictures.raw", "about.json", "report.txt"
Crop = Callable[[np.ndarray, FaceRow], np.ndarray]


class DecodeCache:
    """The crops of a table's pictures, memory-mapped: a row costs one read of a few kilobytes.

    The folder is written under another name and renamed when it is whole, so a kill leaves no
    half of one; two processes at once do the work twice and agree. A picture that cannot be
    used is no row and a line in `table.report` and `report.txt`, also when the cache is read.

    Args:
        folder: holds `pictures.raw` (uncompressed), `about.json` and `report.txt`.
        table: rows to decode.
        crop: from a picture `(h, w, 3)` uint8 and its row to `(height, width, 3)` uint8, one
            size for all.
        workers: threads that decode.

    Attributes:
        rows: list of the table's rows that are there, in its order.
        images: `(len(rows), height, width, 3)` uint8, a read-only `numpy.memmap`.

    Raises:
        ValueError: the folder holds another table's pictures or other crops of them, no picture
            could be used, or crops differ in size.
    """

    def __init__(self, folder: str | Path, table: FaceTable, crop: Crop, workers: int = 4):
        self.folder = Path(folder)
        if not self.folder.exists():
            self._write(table, crop, workers)
        about = json.loads((self.folder / ABOUT).read_text())
        self.rows: list[int] = about["rows"]
        shape = (len(self.rows), *about["shape"])
        self.images = np.memmap(self.folder / PICTURES, np.uint8, "r", shape=shape)
        if about["table"] != _fingerprint(table) or self._cropped_otherwise(table, crop):
            raise ValueError(
                f"{self.folder} holds pictures of another table or crop; remove it or name "
                f"another folder. Received: cache={str(folder)!r}"
            )
        for reason, line in about["skipped"]:
            table.report.skip(reason, line)

    def _write(self, table: FaceTable, crop: Crop, workers: int) -> None:
        skips = _Skips()
        quiet = FaceTable(table.root, table.rows, skips)

        def cut(pixels: np.ndarray, index: int) -> np.ndarray:
            try:
                return crop(pixels, table.rows[index])
            except ValueError as error:
                raise ImageError(f"{table.name_of(index)}: {error}") from error

        unfinished = self.folder.with_name(f"{self.folder.name}.part-{os.getpid()}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        rows, shapes = [], set()
        try:
            with open(unfinished / PICTURES, "wb") as file:
                for index, pixels in decode_all(quiet, cut, workers=workers):
                    file.write(np.ascontiguousarray(pixels, np.uint8).data)
                    rows.append(index)
                    shapes.add(pixels.shape)
            if len(shapes) != 1:
                raise ValueError(
                    f"crops of {table.report.source} must be of one size, and one picture at "
                    f"least must be usable. Received: sizes {sorted(shapes)}, "
                    f"{len(skips.lines)} skipped"
                )
            about = {
                "table": _fingerprint(table),
                "shape": shapes.pop(),
                "rows": rows,
                "skipped": skips.lines,
            }
            (unfinished / ABOUT).write_text(json.dumps(about) + "\n")
            lines = [f"{len(rows)} decoded, {len(skips.lines)} skipped"]
            lines += [": ".join(pair) for pair in skips.lines]
            (unfinished / REPORT).write_text("\n".join(lines) + "\n", encoding="utf-8")
            try:
                unfinished.rename(self.folder)
            except OSError:
                if not self.folder.exists():  # else another process was first
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _cropped_otherwise(self, table: FaceTable, crop: Crop) -> bool:
        """Whether the first picture comes out differently today; one picture tells of a crop."""
        try:
            today = crop(decode_row(table, self.rows[0]), table.rows[self.rows[0]])
        except ImageError:  # the originals may be gone: that is what a cache is for
            return False
        return not np.array_equal(today, self.images[0])


class _Skips:
    """Takes the lines that a `ReadReport` would take, and keeps all of them."""

    def __init__(self):
        self.lines: list[list[str]] = []

    def skip(self, reason: str, example: str = "") -> None:
        self.lines.append([reason, example])


def _fingerprint(table: FaceTable) -> str:
    names = "\n".join(table.name_of(index) for index in range(len(table)))
    return hashlib.sha256(names.encode()).hexdigest()
