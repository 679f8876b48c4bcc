"""FairFace: `fairface_label_{train,val}.csv` beside `train/N.jpg` and `val/N.jpg`."""

import os
from pathlib import Path

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import records
from kerasface.data.readers.vocabulary import AGE_GROUPS, GENDERS, RACES7
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "fairface"
TRAIN_CSV = "fairface_label_train.csv"
VAL_CSV = "fairface_label_val.csv"
COLUMNS = ("file", "age", "gender", "race")


def read_fairface(root: str | os.PathLike) -> FaceTable:
    """Reads FairFace. Labels: age_group (nine), gender, race7 (seven).

    Description: Karkkainen and Joo 2021, "FairFace: face attribute dataset for balanced race,
    gender, and age", and its repository. Terms: CC BY 4.0. All three labels are annotators'
    guesses, agreed by a majority of them.

    Known faults: `more than 70` and `0-2` are rare; the padded release shows much background.
    One training picture in ten, by the sha1 of its file name, is validation; the set's own
    `val` part, where present, is "test".

    Args:
        root: the folder of the label files (or the one that holds `fairface/`).

    Returns:
        A table with splits "train", "validation" and, where the `val` part is there, "test".

    Raises:
        FileNotFoundError: no label file.
        ValueError: a label file without the expected columns.
    """
    folder = set_folder(root, TRAIN_CSV, VAL_CSV, names=("fairface", "FairFace"))
    report = ReadReport(f"FairFace ({folder})")
    present = set(pictures(folder))
    rows = []
    for listing in (TRAIN_CSV, VAL_CSV):
        if (folder / listing).is_file():
            rows.extend(_rows(folder / listing, present, report))
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _rows(listing: Path, present: set[str], report: ReadReport) -> list[FaceRow]:
    rows, seen = [], set()
    for line, record in records(listing, COLUMNS):
        path, gender = record["file"], record["gender"].lower()
        where = f"{listing.name} line {line}: {path}"
        if path in seen:
            report.skip("named twice", where)
        elif path not in present:
            report.skip("missing file", where)
        elif (
            record["age"] not in AGE_GROUPS or gender not in GENDERS or record["race"] not in RACES7
        ):
            report.skip("unknown class", where)
        else:
            labels = {"age_group": record["age"], "gender": gender, "race7": record["race"]}
            held_out = listing.name == VAL_CSV
            split = "test" if held_out else sha1_split(path.rsplit("/", 1)[-1])
            rows.append(FaceRow(path, labels, None, split, DOMAIN))
        seen.add(path)
    return rows
