"""UTKFace: labels in the file name, `<age>_<gender>_<race>_<date>.jpg[.chip.jpg]`."""

import os
import re

from kerasface.data.duplicates import drop_near_duplicates
from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.vocabulary import GENDERS, RACES
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "utkface"
DEFAULT_FOLDER = "UTKFace"
NAME = re.compile(r"(\d{1,3})_(\d)_(\d)_(\d+)\.?jpg(\.chip\.jpg)?$")
OLDEST = 116  # the largest age in the set's own description
NEAR_BITS = 4  # of 64; finds near-equal pairs and none that merely look alike


def read_utkface(root: str | os.PathLike, *, drop_near: bool = True) -> FaceTable:
    """Reads UTKFace. Labels: age (years), gender, race (five).

    Description: Zhang, Song, Qi 2017, "Age progression/regression by conditional adversarial
    autoencoder", and the set's page. Terms: non-commercial research; the pictures belong to
    their makers. Ages, genders and races are estimates checked by annotators.

    Known faults: a few names lack the race field; hundreds of near-identical pairs, some of
    which disagree on age; some ages cluster on round numbers. The set states no split: one name
    in ten, by its sha1, is validation, and training pictures that look nearly the same as a
    validation picture are left out.

    Args:
        root: the folder of pictures (or the one that holds `UTKFace/`); subfolders are read.
        drop_near: leave out training near-duplicates of validation pictures (decodes them all).

    Returns:
        A table with splits "train" and "validation".

    Raises:
        FileNotFoundError: no such folder.
    """
    folder = set_folder(root, ".")
    if (folder / DEFAULT_FOLDER).is_dir():
        folder = folder / DEFAULT_FOLDER
    report = ReadReport(f"UTKFace ({folder})")
    rows = []
    for path in pictures(folder):
        name = path.rsplit("/", 1)[-1]
        match = NAME.match(name)
        if not match:
            report.skip("bad name (age_gender_race_date.jpg)", path)
            continue
        age, gender, race = (int(match[group]) for group in (1, 2, 3))
        if age > OLDEST or gender >= len(GENDERS) or race >= len(RACES):
            report.skip("label out of range", path)
            continue
        labels = {"age": float(age), "gender": GENDERS[gender], "race": RACES[race]}
        rows.append(FaceRow(path, labels, None, sha1_split(name), DOMAIN))
    if drop_near:
        rows = drop_near_duplicates(rows, folder, report, NEAR_BITS, "age")
    report.read = len(rows)
    return FaceTable(folder, rows, report)
