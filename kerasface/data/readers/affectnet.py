"""AffectNet, both releases: lists `training.csv` / `validation.csv`, or one `.npy` a label."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import records
from kerasface.data.readers.points import pairs_of
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "affectnet"
EIGHT = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
NO_EXPRESSION = ("none", "uncertain", "no face")  # codes 8, 9 and 10
NOT_RATED = -2.0  # valence and arousal of faces without an expression
HEADER = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
NEEDED = ("subDirectory_filePath", "facial_landmarks", "expression", "valence", "arousal")
LISTS = (("training.csv", "train"), ("validation.csv", "validation"))
IMAGES = "Manually_Annotated_Images"
NPY_FOLDERS = (("train_set", "train"), ("val_set", "validation"))
POINTS = 68


def read_affectnet(root: str | os.PathLike) -> FaceTable:
    """Reads AffectNet. Labels: expression (seven and contempt), valence, arousal, landmarks68.

    Description: Mollahosseini, Hasani, Mahoor 2019, "AffectNet". The first release has lists of
    `path, face box, landmarks, expression, valence, arousal` beside
    `Manually_Annotated_Images/`; the later one `train_set/{images,annotations}/` with
    `N_exp.npy`, `N_val.npy`, `N_aro.npy` and `N_lnd.npy`. Terms: research, after signing.

    Known faults: one annotator a picture, who agree on about 60 %; the validation list of some
    copies has no head line; codes 8 to 10 mean no expression and are left out; points are a
    detector's and count pixels of the picture as it is stored.

    Args:
        root: the folder of the lists (or the one that holds
            `Manually_Annotated_file_lists/`), or of `train_set/`.

    Returns:
        A table with splits "train" and "validation"; valence and arousal in -1 to 1.

    Raises:
        FileNotFoundError: neither release is there.
        ValueError: a list without its columns.
    """
    folder = set_folder(
        root, "Manually_Annotated_file_lists", *(n for n, _ in LISTS), *(n for n, _ in NPY_FOLDERS)
    )
    report = ReadReport(f"AffectNet ({folder})")
    if any((folder / name).is_dir() for name, _ in NPY_FOLDERS):
        rows = _read_npy(folder, report)
    else:
        rows = _read_lists(folder, report)
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _read_lists(folder: Path, report: ReadReport) -> list[FaceRow]:
    lists = folder / "Manually_Annotated_file_lists"
    lists = lists if lists.is_dir() else folder
    tops = (IMAGES, f"Manually_Annotated/{IMAGES}")
    top = next((name for name in tops if (folder / name).is_dir()), IMAGES)
    present = set(pictures(folder / top))
    rows = []
    for listing, split in LISTS:
        if not (lists / listing).is_file():
            report.note(f"no {listing}")
            continue
        for line, record in records(lists / listing, NEEDED, header=HEADER):
            path = record["subDirectory_filePath"].replace("\\", "/")
            where = f"{listing} line {line}: {path}"
            if path not in present:
                report.skip("missing file", where)
                continue
            cells = (record["expression"], record["valence"], record["arousal"])
            labels = _labels(*cells, record["facial_landmarks"].split(";"), where, report)
            if labels is not None:
                rows.append(FaceRow(f"{top}/{path}", labels, None, split, DOMAIN))
    return rows


def _read_npy(folder: Path, report: ReadReport) -> list[FaceRow]:
    rows = []
    for top, split in NPY_FOLDERS:
        if not (folder / top / "images").is_dir():
            report.note(f"no {top}/images")
            continue
        for name in pictures(folder / top / "images"):
            stem = folder / top / "annotations" / name.rsplit(".", 1)[0]
            path = f"{top}/images/{name}"
            try:
                values = [_load(stem, kind) for kind in ("exp", "val", "aro")]
            except (OSError, ValueError, EOFError):
                report.skip("no readable annotation", path)
                continue
            try:
                points = _load(stem, "lnd").split()
            except (OSError, ValueError, EOFError):
                points = []
            labels = _labels(*values, points, path, report)
            if labels is not None:
                rows.append(FaceRow(path, labels, None, split, DOMAIN))
    return rows


def _load(stem: Path, kind: str) -> str:
    """The values of an annotation array, as text; never unpickled."""
    values = np.load(f"{stem}_{kind}.npy", allow_pickle=False)
    return " ".join(str(value) for value in values.ravel().tolist())


def _labels(
    code: str, valence: str, arousal: str, points: Sequence[str], where: str, report: ReadReport
) -> dict | None:
    """Labels of one face; None, with a line in the report, where it has no expression."""
    try:
        number = int(code)
        ratings = {"valence": float(valence), "arousal": float(arousal)}
    except ValueError:
        report.skip("bad line", where)
        return None
    if len(EIGHT) <= number < len(EIGHT) + len(NO_EXPRESSION):
        report.skip(f"expression is {NO_EXPRESSION[number - len(EIGHT)]}", where)
        return None
    if not 0 <= number < len(EIGHT):
        report.skip("label out of range", where)
        return None
    labels: dict = {"expression": EIGHT[number]}
    for task, value in ratings.items():
        if value != NOT_RATED and -1.0 <= value <= 1.0:
            labels[task] = value
    try:
        landmarks = pairs_of(points)
    except ValueError:
        landmarks = []
    if len(landmarks) == POINTS:
        labels["landmarks68"] = landmarks
    return labels
