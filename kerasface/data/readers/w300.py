"""300-W style landmarks: a `.pts` file of 68 points beside each picture."""

import os

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.points import IBUG_FIRST_PIXEL, read_pts
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "w300"
POINTS = 68
TOP = "300W"  # the archive's top, and in some copies the folder of the challenge's test pictures
TRAINING_PARTS = ("afw", "helen", "lfpw")
TEST_FOLDERS = ("ibug", TOP, "01_Indoor", "02_Outdoor")
VALIDATION_FOLDER = "testset"
MIRROR = "_mirror"  # some copies of the set hold flipped twins of the pictures


def read_w300(root: str | os.PathLike, *, mirrored: bool = False) -> FaceTable:
    """Reads Helen, AFW, LFPW, IBUG and 300-W as ibug re-annotated them. Label: landmarks68.

    Description: Sagonas et al. 2013, "300 faces in-the-wild challenge", and ibug's page of it.
    The files count pixels from 1, the table from 0. Terms: non-commercial research.

    Known faults: a photograph with several faces has a picture and a file for each (`_1`,
    `_2`); points of hidden parts are guesses; some lie outside the picture and are kept.

    Args:
        root: the folder of `afw/`, `helen/trainset/` and so on (or the one of `300W/`).
        mirrored: keep flipped twins (`*_mirror`), which no split may separate.

    Returns:
        A table in which `testset` folders are "validation", `ibug` and the 300-W test pictures
        "test", and the rest "train".

    Raises:
        FileNotFoundError: none of the parts is there.
    """
    folder = set_folder(root, *TRAINING_PARTS, *TEST_FOLDERS)
    if (folder / TOP).is_dir() and not any((folder / part).is_dir() for part in TRAINING_PARTS):
        folder = folder / TOP
    report = ReadReport(f"300-W ({folder})")
    rows = []
    for path in pictures(folder):
        picture = folder / path
        if picture.stem.endswith(MIRROR) and not mirrored:
            report.skip("flipped twin", path)
            continue
        try:
            points = read_pts(picture.with_suffix(".pts"), POINTS, IBUG_FIRST_PIXEL)
        except OSError:
            report.skip("no .pts file", path)
            continue
        except ValueError as error:
            report.skip("bad .pts file", str(error))
            continue
        parts = path.split("/")[:-1]
        split = "train"
        if any(part in TEST_FOLDERS for part in parts):
            split = "test"
        elif VALIDATION_FOLDER in parts:
            split = "validation"
        rows.append(FaceRow(path, {"landmarks68": points}, None, split, DOMAIN))
    report.read = len(rows)
    return FaceTable(folder, rows, report)
