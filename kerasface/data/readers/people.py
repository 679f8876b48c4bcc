"""Any folder of one folder a person: LFW, CASIA-WebFace, VGGFace2, MS-Celeb-1M, your own."""

import os
from collections import Counter

from kerasface.data.readers.folders import pictures, set_folder, subfolders
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport

SPLIT_FOLDERS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def read_people(
    root: str | os.PathLike, *, domain: str = "people", min_pictures: int = 1
) -> FaceTable:
    """Reads `<person>/<picture>`, or `{train,val,test}/<person>/<picture>`. Label: identity.

    Layouts, from their descriptions: LFW (Huang et al. 2007), CASIA-WebFace (Yi et al. 2014;
    `0000045/001.jpg`), VGGFace2 (Cao et al. 2018; `train/n000002/0001_01.jpg`), MS-Celeb-1M (Guo
    et al. 2016; `m.0abc/0.jpg` as extracted). Terms: each set's own; most are for
    non-commercial research, and VGGFace2 and MS-Celeb-1M were withdrawn by their makers.

    Known faults: celebrities appear in several of these sets under other names; MS-Celeb-1M has
    many wrong identities and VGGFace2's `test` people are not in its `train`.

    Args:
        root: the folder of the people, or of `train/` and the like and nothing else.
        domain: name of the set.
        min_pictures: leave out people with fewer pictures.

    Returns:
        A table with `subject`; splits by folder or, where there are none, one person in ten, by
        sha1, is "validation" (people are never on both sides).

    Raises:
        FileNotFoundError: no such folder.
        ValueError: `min_pictures` below 1.
    """
    if min_pictures < 1:
        raise ValueError(f"min_pictures must be at least 1. Received: min_pictures={min_pictures}")
    folder = set_folder(root, ".")
    report = ReadReport(f"{domain} ({folder})")
    tops = subfolders(folder)
    has_splits = bool(tops) and all(name in SPLIT_FOLDERS for name in tops)
    depth = 3 if has_splits else 2
    found = []
    for path in pictures(folder):
        parts = path.split("/")
        if len(parts) != depth:
            report.skip("not in a person's folder", path)
        else:
            found.append((path, parts[-2], SPLIT_FOLDERS[parts[0]] if has_splits else None))
    counts = Counter(person for _, person, _ in found)
    rows = []
    for path, person, split in found:
        if counts[person] < min_pictures:
            report.skip(f"person with fewer than {min_pictures} pictures", path)
        else:
            split = split or sha1_split(person)
            rows.append(FaceRow(path, {"identity": person}, person, split, domain))
    report.read = len(rows)
    report.note(f"{len({row.subject for row in rows})} people")
    return FaceTable(folder, rows, report)
