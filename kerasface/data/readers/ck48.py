"""CK+48: peak frames of CK+ as `<class>/S<subject>_<sequence>_<frame>.png`, 48 x 48 grey."""

import os
import re

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.vocabulary import expression
from kerasface.data.splits import subject_folds
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "ck48"
NAME = re.compile(r"(S\d+)_(\d+)_(\d+)\.png$", re.IGNORECASE)
FOLDS = 10


def read_ck48(root: str | os.PathLike, *, fold: int = 0) -> FaceTable:
    """Reads CK+48. Label: expression (six and contempt, no neutral).

    Description: Lucey et al. 2010, "The extended Cohn-Kanade dataset (CK+)"; this form holds the
    last three frames of each labelled sequence. Terms: research, after signing the set's
    agreement; few of its people may be shown in print.

    Known faults: the three frames of a sequence are nearly equal and people appear in several
    sequences, so only a split by subject measures anything; posed in a laboratory.

    Args:
        root: the folder of the class folders (or the one that holds `CK+48/`).
        fold: which of ten folds by subject, subjects in the order of their sha1, is
            "validation"; read once for each fold to cross-validate.

    Returns:
        A table with `subject` and splits "train" and "validation".

    Raises:
        FileNotFoundError: no class folders.
        ValueError: `fold` is not in 0 to 9.
    """
    if not 0 <= fold < FOLDS:
        raise ValueError(f"fold must be in 0 to {FOLDS - 1}. Received: fold={fold}")
    folder = set_folder(root, "anger", "happy", names=("CK+48", "CK48"))
    report = ReadReport(f"CK+48 ({folder})")
    found = []
    for path in pictures(folder):
        match = NAME.match(path.rsplit("/", 1)[-1])
        label = expression(path.split("/")[0])
        if label is None:
            report.skip("unknown class", path)
        elif not match:
            report.skip("bad name (S<subject>_<sequence>_<frame>.png)", path)
        else:
            found.append((path, label, match[1].upper()))
    folds = subject_folds((subject for _, _, subject in found), FOLDS)
    rows = [
        FaceRow(
            path,
            {"expression": label},
            subject,
            "validation" if folds[subject] == fold else "train",
            DOMAIN,
        )
        for path, label, subject in found
    ]
    report.read = len(rows)
    report.note(f"{len(folds)} subjects; fold {fold} of {FOLDS} by subject is validation")
    return FaceTable(folder, rows, report)
