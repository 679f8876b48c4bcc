"""FER2013 as folders of pictures: `{train,validation}/<class>/<name>.jpg`, 48 x 48 grey."""

import os
from pathlib import Path

from kerasface.data.decode import ImageError, decode_image
from kerasface.data.duplicates import drop_identical, file_digests
from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.vocabulary import EXPRESSIONS, expression
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "fer2013"
SPLIT_FOLDERS = {"train": "train", "validation": "validation", "test": "test"}
NEAR_PRIVATE = "near_duplicates_of_PrivateTest.txt"
SMALL_BYTES = 500  # a blank 48 x 48 JPEG takes 359 to 457 bytes, the smallest face here 568


def read_fer2013(
    root: str | os.PathLike, *, drop_copies: bool = True, drop_near_private: bool = False
) -> FaceTable:
    """Reads FER2013 unpacked into one folder a split and class. Label: expression.

    Description: Goodfellow et al. 2013, "Challenges in representation learning" (the Kaggle
    challenge of that name). Terms: the challenge's, research use; the pictures were found by a
    search engine and belong to their makers.

    Known faults: about two thirds agreement between people; many groups of byte-identical
    files, some with contradicting labels and some on both sides of the split; drawings and
    black frames among the faces; some training files nearly equal PrivateTest files.

    Args:
        root: the folder that holds `train/` (or `fer2013/train/`).
        drop_copies: leave out training files that are byte-identical to held-out ones.
        drop_near_private: leave out files listed in `near_duplicates_of_PrivateTest.txt`.

    Returns:
        A table with label `expression` and splits by folder.

    Raises:
        FileNotFoundError: no `train` or `validation` folder.
    """
    folder = set_folder(root, "train", "validation", names=("fer2013",))
    report = ReadReport(f"FER2013 ({folder})")
    near = near_private_names(folder)
    rows = []
    for split_folder, split in SPLIT_FOLDERS.items():
        if not (folder / split_folder).is_dir():
            continue
        for name in pictures(folder / split_folder):
            path = f"{split_folder}/{name}"
            label = expression(name.split("/")[0]) if name.count("/") == 1 else None
            if label not in EXPRESSIONS:
                report.skip("unknown class", path)
            elif drop_near_private and path in near:
                report.skip("near-duplicate of PrivateTest", path)
            else:
                rows.append(FaceRow(path, {"expression": label}, None, split, DOMAIN))
    kept_near = sum(row.image in near for row in rows)
    if kept_near:
        report.note(f"{kept_near} pictures nearly equal PrivateTest pictures and were kept")
    if drop_copies:
        digests = file_digests(folder, [row.image for row in rows])
        rows = drop_identical(rows, digests, report, "expression")
    blank = _blank_pictures(folder, rows)
    if blank:
        report.note(f"{len(blank)} blank pictures were kept ({', '.join(blank[:3])})")
        report.lists["blank picture"] = blank
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def near_private_names(folder: Path) -> frozenset[str]:
    """Paths, relative to `folder`, listed as near-duplicates of PrivateTest; may be empty."""
    listing = folder / NEAR_PRIVATE
    if not listing.is_file():
        return frozenset()
    lines = listing.read_text().splitlines()
    return frozenset(line.strip().removeprefix("fer2013/") for line in lines if line.strip())


def _blank_pictures(folder: Path, rows: list[FaceRow]) -> list[str]:
    """Pictures of one grey; only tiny files are decoded, as nothing compresses like nothing."""
    blank = []
    for row in rows:
        if (folder / row.image).stat().st_size > SMALL_BYTES:
            continue
        try:
            pixels = decode_image(folder / row.image, mode="L")
        except ImageError:
            continue  # reported when the table is decoded
        if pixels.min() == pixels.max():
            blank.append(row.image)
    return blank
