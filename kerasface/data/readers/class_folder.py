"""A folder of your own: `<class>/...`, or `{train,val,test}/<class>/...`."""

import os
from collections.abc import Mapping, Sequence

from kerasface.data.readers.folders import pictures, set_folder, subfolders
from kerasface.data.readers.people import SPLIT_FOLDERS
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport


def read_class_folder(
    root: str | os.PathLike,
    *,
    task: str = "expression",
    classes: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    domain: str = "own",
) -> FaceTable:
    """Reads pictures whose class is the name of their folder.

    Layout: the one that image-folder loaders of the common frameworks use; pictures may lie
    deeper within a class. Terms and faults: your own. If a person has several pictures, give
    the splits as folders: the split by file name does not know about people.

    Args:
        root: the folder of the classes, or of `train/` and the like and nothing else.
        task: name of the task that the classes are labels of.
        classes: classes to keep, after `rename`; others are skipped and reported. Default: all.
        rename: class by folder name, for folders named otherwise than the classes.
        domain: name of the set.

    Returns:
        A table with splits by folder or, where there are none, one path in ten, by sha1, as
        "validation".

    Raises:
        FileNotFoundError: no such folder.
    """
    folder = set_folder(root, ".")
    report = ReadReport(f"{domain} ({folder})")
    tops = subfolders(folder)
    has_splits = bool(tops) and all(name in SPLIT_FOLDERS for name in tops)
    rows = []
    for path in pictures(folder):
        parts = path.split("/")
        if len(parts) < (3 if has_splits else 2):
            report.skip("not in a class folder", path)
            continue
        name = parts[1] if has_splits else parts[0]
        label = (rename or {}).get(name, name)
        if classes is not None and label not in classes:
            report.skip("unknown class", path)
            continue
        split = SPLIT_FOLDERS[parts[0]] if has_splits else sha1_split(path)
        rows.append(FaceRow(path, {task: label}, None, split, domain))
    report.read = len(rows)
    return FaceTable(folder, rows, report)
