"""CelebA as published: the lists of attributes, identities, landmarks and splits."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from kerasface.data.readers.celeba import read_identities
from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import text_lines
from kerasface.data.readers.points import pairs_of
from kerasface.data.readers.vocabulary import GENDERS, GLASSES, SMILES
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "celeba"
ATTRIBUTES = "list_attr_celeba.txt"
IDENTITIES = "identity_CelebA.txt"
LANDMARKS = "list_landmarks_align_celeba.txt"
PARTITION = "list_eval_partition.txt"
LIST_FOLDERS = ("", "Anno", "Eval")
PICTURE_FOLDERS = ("img_align_celeba", "Img/img_align_celeba")
SPLIT_CODES = {"0": "train", "1": "validation", "2": "test"}
# Task and its classes (attribute there, attribute absent) by the list's name of it.
SHARED = {
    "Male": ("gender", GENDERS),
    "Smiling": ("smile", SMILES),
    "Eyeglasses": ("glasses", GLASSES),
}
POINTS = 5
WHOLE_NUMBERS = re.compile(r"-?\d+( -?\d+)*$")


def read_celeba_original(
    root: str | os.PathLike, *, attributes: Sequence[str] = ("Male", "Smiling", "Eyeglasses")
) -> FaceTable:
    """Reads the original CelebA. Labels: identity, landmarks5, gender, smile, glasses, more.

    Description: Liu et al. 2015, "Deep learning face attributes in the wild", and the set's
    readme: lists begin with a count and a line of column names; attributes are 1 or -1; points
    count pixels of the aligned pictures. Terms: non-commercial research only.

    Known faults: attributes are one annotator's view, some contradict between pictures of a
    person; some identities are wrong; people overlap with LFW and MTFL.

    Args:
        root: the folder of the lists, or of `Anno/`, `Eval/` and `Img/`.
        attributes: attributes to read by the list's names. "Male", "Smiling" and "Eyeglasses"
            become the shared tasks; another, such as "Young", a task `young` of "yes" and "no".

    Returns:
        A table with `subject` and the official splits.

    Raises:
        FileNotFoundError: no pictures or no list of attributes.
        ValueError: an attribute that the list does not have.
    """
    folder = set_folder(root, *PICTURE_FOLDERS, names=("CelebA", "celeba"))
    top = next(name for name in PICTURE_FOLDERS if (folder / name).is_dir())
    report = ReadReport(f"CelebA original ({folder})")
    columns, attribute_rows = _read_columns(_find(folder, ATTRIBUTES), report)
    unknown = [name for name in attributes if name not in columns]
    if unknown:
        raise ValueError(f"no such attribute; there are {columns}. Received: {unknown}")
    optional = {name: _find(folder, name) for name in (IDENTITIES, LANDMARKS, PARTITION)}
    for name, path in optional.items():
        if not path.is_file():
            report.note(f"no {name}")
    people = _if_there(optional[IDENTITIES], read_identities, report)
    points = _if_there(optional[LANDMARKS], lambda p, r: _read_columns(p, r)[1], report)
    splits = _if_there(optional[PARTITION], _read_partition, report)
    present = set(pictures(folder / top))
    rows = []
    for name, cells in attribute_rows.items():
        if name not in present:
            report.skip("missing file", name)
            continue
        labels: dict = {}
        values = dict(zip(columns, cells, strict=False))
        for attribute in attributes:
            task, classes = SHARED.get(attribute, (attribute.lower(), ("yes", "no")))
            if values.get(attribute) in ("1", "-1"):
                labels[task] = classes[0] if values[attribute] == "1" else classes[1]
        if name in people:
            labels["identity"] = people[name]
        if len(points.get(name, ())) == 2 * POINTS:
            labels["landmarks5"] = pairs_of(points[name])
        rows.append(FaceRow(f"{top}/{name}", labels, people.get(name), splits.get(name), DOMAIN))
    unlisted = len(present - set(attribute_rows))
    if unlisted:
        report.note(f"{unlisted} pictures are not in {ATTRIBUTES} and were passed over")
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _find(folder: Path, name: str) -> Path:
    places = [folder / place / name for place in LIST_FOLDERS]
    return next((path for path in places if path.is_file()), folder / name)


def _if_there(path: Path, read, report: ReadReport) -> dict:
    return read(path, report) if path.is_file() else {}


def _read_columns(listing: Path, report: ReadReport) -> tuple[list[str], dict[str, list[str]]]:
    """Column names and cells by file name of a list: a count, the names, then the rows.

    Rows with a wrong number of cells, or a cell that is no whole number, go to the report.
    """
    columns: list[str] = []
    found: dict[str, list[str]] = {}
    for number, line in text_lines(listing):
        cells = line.split()
        if number == 1 and len(cells) == 1 and cells[0].isdecimal():
            continue
        if not columns:
            columns = cells
        elif len(cells) != len(columns) + 1 or not WHOLE_NUMBERS.match(" ".join(cells[1:])):
            report.skip("bad line", f"{listing.name} line {number}")
        else:
            found[cells[0]] = cells[1:]
    return columns, found


def _read_partition(listing: Path, report: ReadReport) -> dict[str, str]:
    splits = {}
    for number, line in text_lines(listing):
        cells = line.split()
        if len(cells) == 2 and cells[1] in SPLIT_CODES:
            splits[cells[0]] = SPLIT_CODES[cells[1]]
        else:
            report.note(f"{listing.name} line {number}: bad line, left out")
    return splits
