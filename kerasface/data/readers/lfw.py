"""LFW: `<Name>/<Name>_NNNN.jpg`, with detected points and students' expression labels beside."""

import os
import re
from pathlib import Path

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import records
from kerasface.data.readers.points import pairs_of
from kerasface.data.readers.vocabulary import expression
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "lfw"
KEYPOINTS = "mtcnn_keypoints.csv"
NAME = re.compile(r"(.+)_(\d{4})\.jpg$", re.IGNORECASE)
POINT_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
POINT_COLUMNS = tuple(f"{name}_{axis}" for name in POINT_NAMES for axis in "xy")


def read_lfw(
    root: str | os.PathLike,
    *,
    expressions: str | os.PathLike | None = None,
    min_confidence: float = 0.0,
    split: str = "validation",
) -> FaceTable:
    """Reads LFW. Labels: identity; landmarks5 and expression where files give them.

    Description: Huang et al. 2007, "Labeled faces in the wild"; expression labels from the
    public list muxspace/facial_expressions (Apache-2.0). Terms: research; the pictures are news
    photographs and belong to their makers.

    Known faults: a few people have wrong names; the points are a detector's and not a person's;
    the expression labels are students', noisy and mostly neutral or happy; all of MTFL's
    `lfw_5590` pictures but one are LFW's, so a model scored here must have seen neither.

    Args:
        root: the folder of the people (or the one that holds `lfw/`).
        expressions: a CSV with the columns `image` (file name) and `emotion`.
        min_confidence: least confidence of the detector for its points to count, 0 to 1.
        split: split of every row; "validation", as LFW is for measuring, unless you say other.

    Returns:
        A table with `subject` set to the person's name.

    Raises:
        FileNotFoundError: no such folder or list.
        ValueError: a list without its columns.
    """
    folder = set_folder(root, ".")
    if (folder / "lfw").is_dir():
        folder = folder / "lfw"
    report = ReadReport(f"LFW ({folder})")
    points = _read_points(folder / KEYPOINTS, min_confidence, report)
    emotions = {} if expressions is None else _read_expressions(Path(expressions), report)
    rows = []
    for path in pictures(folder):
        person, _, name = path.rpartition("/")
        match = NAME.match(name)
        if not match or match[1] != person:
            report.skip("bad name (<Name>/<Name>_NNNN.jpg)", path)
            continue
        labels: dict = {"identity": person}
        if name in points:
            labels["landmarks5"] = points[name]
        if name in emotions:
            labels["expression"] = emotions[name]
        rows.append(FaceRow(path, labels, person, split, DOMAIN))
    unused = len(emotions) - sum("expression" in row.labels for row in rows)
    if unused:
        report.note(f"{unused} expression labels are of pictures that are not here")
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _read_points(listing: Path, least: float, report: ReadReport) -> dict[str, list]:
    """Detected points by file name; bad rows are notes, as the picture itself is kept."""
    if not listing.is_file():
        report.note(f"no {listing.name}: no landmarks5")
        return {}
    points, unsure = {}, 0
    for number, record in records(listing, ("file", "conf", *POINT_COLUMNS)):
        try:
            found = pairs_of([record[column] for column in POINT_COLUMNS])
            confident = float(record["conf"]) >= least
        except ValueError:
            report.note(f"{listing.name} line {number}: bad points, left out")
            continue
        if confident:
            points[record["file"]] = found
        else:
            unsure += 1
    if unsure:
        report.note(f"points of {unsure} pictures left out: confidence below {least}")
    report.note("landmarks5 are a detector's (MTCNN), not annotated")
    return points


def _read_expressions(listing: Path, report: ReadReport) -> dict[str, str]:
    labels: dict[str, str] = {}
    contradicting, unknown = set(), 0
    for _, record in records(listing, ("image", "emotion")):
        label = expression(record["emotion"])
        if label is None:
            unknown += 1
        elif labels.setdefault(record["image"], label) != label:
            contradicting.add(record["image"])
    for name in contradicting:
        del labels[name]
    if unknown or contradicting:
        report.note(
            f"{listing.name}: {unknown} rows of unknown expressions and "
            f"{len(contradicting)} pictures with two expressions, labels left out"
        )
    return labels
