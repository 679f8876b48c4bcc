"""MTFL: `training.txt` and `testing.txt` with five points, gender, smile, glasses and pose."""

import os
import re

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import text_lines
from kerasface.data.readers.points import pairs_of
from kerasface.data.readers.vocabulary import GENDERS, GLASSES, POSES, SMILES
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "mtfl"
LISTS = (("training.txt", "train"), ("testing.txt", "validation"))
LFW_PART = "lfw_5590"
LFW_NAME = re.compile(r"(.+)_\d{4}\.jpg$", re.IGNORECASE)
POINTS = 5
ATTRIBUTES = (("gender", GENDERS), ("smile", SMILES), ("glasses", GLASSES), ("pose", POSES))
CELLS = 1 + 2 * POINTS + len(ATTRIBUTES)


def read_mtfl(root: str | os.PathLike, *, with_lfw: bool = True) -> FaceTable:
    """Reads MTFL. Labels: landmarks5, gender, smile, glasses, pose (five).

    Description: Zhang et al. 2014, "Facial landmark detection by deep multi-task learning", and
    the set's own readme: `path x1..x5 y1..y5 gender smile glasses pose`, points in the order
    left eye, right eye, nose, left and right corner of the mouth as the viewer sees them, codes
    from 1. Terms: research; the pictures come from LFW, the web and AFLW.

    Known faults: paths with back-slashes and, in the original, a space before each; the
    `lfw_5590` part is pictures of LFW, so a model that trained on it must not be scored there.

    Args:
        root: the folder of the lists (or the one that holds `MTFL/`).
        with_lfw: keep the `lfw_5590` part.

    Returns:
        A table with splits "train" and, from `testing.txt`, "validation"; `subject` only in
        the part from LFW.

    Raises:
        FileNotFoundError: neither list is there.
    """
    folder = set_folder(root, *(name for name, _ in LISTS), names=("MTFL",))
    report = ReadReport(f"MTFL ({folder})")
    present = set(pictures(folder))
    rows, seen = [], set()
    for listing, split in LISTS:
        if not (folder / listing).is_file():
            report.note(f"no {listing}")
            continue
        for number, line in text_lines(folder / listing):
            cells = line.split()
            where = f"{listing} line {number}"
            path = cells[0].replace("\\", "/")
            if len(cells) != CELLS:
                report.skip("bad line", where)
            elif path in seen:
                report.skip("named twice", f"{where}: {path}")
            elif path not in present:
                report.skip("missing file", f"{where}: {path}")
            elif path.startswith(LFW_PART) and not with_lfw:
                report.skip("picture of LFW", path)
            else:
                labels = _labels(cells[1:], where, report)
                if labels is not None:
                    rows.append(FaceRow(path, labels, _subject(path), split, DOMAIN))
            seen.add(path)
    lfw = sum(row.image.startswith(LFW_PART) for row in rows)
    if lfw:
        report.note(f"{lfw} pictures are also in LFW")
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _labels(cells: list[str], where: str, report: ReadReport) -> dict | None:
    xs, ys, codes = cells[:POINTS], cells[POINTS : 2 * POINTS], cells[2 * POINTS :]
    try:
        points = pairs_of([value for pair in zip(xs, ys, strict=True) for value in pair])
        numbers = [int(code) for code in codes]
    except ValueError:
        report.skip("bad line", where)
        return None
    labels: dict = {"landmarks5": points}
    for (task, classes), number in zip(ATTRIBUTES, numbers, strict=True):
        if not 1 <= number <= len(classes):
            report.skip("label out of range", f"{where}: {task} {number}")
            return None
        labels[task] = classes[number - 1]
    return labels


def _subject(path: str) -> str | None:
    match = LFW_NAME.match(path.rsplit("/", 1)[-1])
    return match[1] if match and path.startswith(LFW_PART) else None
