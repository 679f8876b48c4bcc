"""FER2013's original file: one CSV with `emotion,pixels,Usage`."""

import hashlib
import os
from pathlib import Path

import numpy as np

from kerasface.data.duplicates import drop_identical
from kerasface.data.readers.folders import set_folder
from kerasface.data.readers.listings import records
from kerasface.data.readers.vocabulary import EXPRESSIONS
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "fer2013"
FILES = ("fer2013.csv", "icml_face_data.csv")
SIDE = 48
USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}


def read_fer2013_csv(root: str | os.PathLike, *, drop_copies: bool = True) -> FaceTable:
    """Reads the CSV of the FER2013 challenge. Label: expression.

    Description: Goodfellow et al. 2013, "Challenges in representation learning". `emotion` is 0
    to 6 in the order of `vocabulary.EXPRESSIONS`, `pixels` 2,304 greys by rows. Terms and known
    faults as in `read_fer2013`; here blank frames are notes too.

    Args:
        root: the CSV, or the folder that holds `fer2013.csv` or `icml_face_data.csv`.
        drop_copies: leave out training pictures that equal a held-out one.

    Returns:
        A table of uint8 arrays `(48, 48)`; PublicTest is "validation", PrivateTest "test".

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file lacks a column.
    """
    path = Path(root)
    if not path.is_file():
        folder = set_folder(path, *FILES)
        path = next(folder / name for name in FILES if (folder / name).is_file())
    report = ReadReport(f"FER2013 CSV ({path})")
    rows, digests, blank = [], [], 0
    for number, record in records(path, ("emotion", "pixels", "Usage")):
        where = f"line {number}"
        emotion, usage = record["emotion"], record["Usage"]
        if not (len(emotion) == 1 and emotion.isdecimal() and int(emotion) < len(EXPRESSIONS)):
            report.skip("label out of range", f"{where}: emotion {emotion[:20]!r}")
            continue
        if usage not in USAGES:
            report.skip("unknown usage", f"{where}: {usage[:20]!r}")
            continue
        pixels = _pixels(record["pixels"])
        if pixels is None:
            report.skip(f"not {SIDE * SIDE} pixels of 0 to 255", where)
            continue
        blank += int(pixels.min() == pixels.max())
        digests.append(hashlib.sha1(pixels.tobytes()).hexdigest())
        labels = {"expression": EXPRESSIONS[int(emotion)]}
        rows.append(FaceRow(pixels, labels, None, USAGES[usage], DOMAIN))
    if blank:
        report.note(f"{blank} blank pictures")
    if drop_copies:
        rows = drop_identical(rows, digests, report, "expression")
    report.read = len(rows)
    return FaceTable(path.parent, rows, report)


def _pixels(text: str) -> np.ndarray | None:
    """`(48, 48)` uint8, or None where the text does not hold just that."""
    try:
        values = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        return None
    if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(SIDE, SIDE)
