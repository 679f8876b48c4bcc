"""SFEW 2.0: stills of films as `{Train,Val,Test}[_Aligned_Faces]/<Class>/<film>_<time>_<n>.png`."""

import os

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.vocabulary import EXPRESSIONS, expression
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "sfew"
SPLIT_FOLDERS = {"Train": "train", "Val": "validation", "Test": "test"}
ALIGNED = "_Aligned_Faces"


def read_sfew(root: str | os.PathLike, *, aligned: bool = True) -> FaceTable:
    """Reads SFEW 2.0. Label: expression (seven); the organisers keep the labels of Test.

    Description: Dhall et al. 2011 and 2015 (EmotiW), "Static facial expression analysis in
    tough conditions". Terms: research, after signing the set's agreement; the stills belong to
    the films' makers.

    Known faults: few pictures; faces of one film repeat within a split; the aligned faces hold
    some pictures without a face, where the detector failed.

    Args:
        root: the folder of `Train/` and `Val/`, or of `Train_Aligned_Faces/` and so on; one
            folder of the same name within each, as some archives unpack, is looked into.
        aligned: read the aligned faces and not the whole stills.

    Returns:
        A table with splits by folder; unlabelled pictures of Test are left out.

    Raises:
        FileNotFoundError: no `Train` folder of that form.
    """
    ending = ALIGNED if aligned else ""
    folder = set_folder(root, f"Train{ending}", names=("SFEW", "SFEW_2", "SFEW2"))
    report = ReadReport(f"SFEW{' aligned faces' if aligned else ''} ({folder})")
    rows = []
    for start, split in SPLIT_FOLDERS.items():
        top = f"{start}{ending}"
        if not (folder / top).is_dir():
            continue
        for name in pictures(folder / top):
            parts = name.split("/")
            parts = parts[1:] if parts[0] in (top, start) else parts
            label = expression(parts[0]) if len(parts) == 2 else None
            path = f"{top}/{name}"
            if label in EXPRESSIONS:
                rows.append(FaceRow(path, {"expression": label}, None, split, DOMAIN))
            elif split == "test":
                report.skip("no label", path)
            else:
                report.skip("unknown class", path)
    report.read = len(rows)
    return FaceTable(folder, rows, report)
