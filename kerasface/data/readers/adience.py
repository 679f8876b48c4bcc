"""Adience: five lists `fold_N_data.txt` beside `faces/` or `aligned/`."""

import os
import re

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import records
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "adience"
FOLDS = 5
FOLDER_NAMES = ("Adience", "AdienceBenchmarkGenderAndAgeClassification")
AGE_GROUPS8 = ("0-2", "4-6", "8-12", "15-20", "25-32", "38-43", "48-53", "60-100")
BOUNDS = tuple(tuple(int(end) for end in group.split("-")) for group in AGE_GROUPS8)
# Ranges that the lists hold beside the eight, and the group that they begin or end in.
MISSPELT = {(8, 23): (8, 12), (27, 32): (25, 32), (32, 43): (38, 43), (38, 42): (38, 43)}
MISSPELT[(38, 48)] = (38, 43)
GENDER_LETTERS = {"m": "male", "f": "female"}
PREFIXES = {"faces": "coarse_tilt_aligned_face", "aligned": "landmark_aligned_face"}
COLUMNS = ("user_id", "original_image", "face_id", "age", "gender")


def read_adience(
    root: str | os.PathLike, *, fold: int = 0, part: str = "faces", frontal: bool = False
) -> FaceTable:
    """Reads Adience. Labels: age_group8 (`AGE_GROUPS8`), gender.

    Description: Eidinger, Enbar, Hassner 2014, "Age and gender estimation of unfiltered faces",
    and the set's readme: tab-separated lists with user, picture, face, age range, gender.
    Terms: research; Flickr pictures under Creative Commons licences of their own.

    Known faults: many faces have no age or no gender; some ages are single years or ranges
    outside the eight groups (a year inside a group counts for it, a misspelt range is mapped,
    the rest has no age here); albums of one user repeat people and pictures, so the five folds
    are by user.

    Args:
        root: the folder of the lists.
        fold: which of the five folds is "test"; the next one is "validation".
        part: "faces" (roughly turned) or "aligned" (by landmarks).
        frontal: read the `fold_frontal_N_data.txt` lists.

    Returns:
        A table with `subject` set to the user's album and splits by fold.

    Raises:
        FileNotFoundError: no lists.
        ValueError: an option outside its range, or a list without its columns.
    """
    if part not in PREFIXES or not 0 <= fold < FOLDS:
        raise ValueError(
            f"part must be one of {tuple(PREFIXES)} and fold in 0 to {FOLDS - 1}. "
            f"Received: part={part!r}, fold={fold}"
        )
    lists = [f"fold_{'frontal_' if frontal else ''}{number}_data.txt" for number in range(FOLDS)]
    folder = set_folder(root, *lists, names=FOLDER_NAMES)
    report = ReadReport(f"Adience {part} ({folder})")
    present = set(pictures(folder / part))
    rows, seen, no_age = [], set(), 0
    for number, listing in enumerate(lists):
        if not (folder / listing).is_file():
            report.note(f"no {listing}")
            continue
        split = {fold: "test", (fold + 1) % FOLDS: "validation"}.get(number, "train")
        for line, record in records(folder / listing, COLUMNS, delimiter="\t"):
            user = record["user_id"]
            name = f"{user}/{PREFIXES[part]}.{record['face_id']}.{record['original_image']}"
            where = f"{listing} line {line}: {name}"
            group, gender = age_group8(record["age"]), GENDER_LETTERS.get(record["gender"])
            no_age += group is None and record["age"] not in ("", "None")
            if name in seen:
                report.skip("named twice", where)
            elif name not in present:
                report.skip("missing file", where)
            elif group is None and gender is None:
                report.skip("neither age nor gender", where)
            else:
                known = {"age_group8": group, "gender": gender}
                labels = {task: label for task, label in known.items() if label is not None}
                rows.append(FaceRow(f"{part}/{name}", labels, user, split, DOMAIN))
            seen.add(name)
    if no_age:
        report.note(f"{no_age} faces have an age outside the eight groups: no age here")
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def age_group8(text: str) -> str | None:
    """The group of an age as the lists write it, `(25, 32)` or `35`; None where it has none.

    Example:
    >>> age_group8("(25, 32)"), age_group8("(38, 48)"), age_group8("29"), age_group8("35")
    ('25-32', '38-43', '25-32', None)
    """
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", text))
    if len(numbers) == 2:
        ends = MISSPELT.get(numbers, numbers)
        return AGE_GROUPS8[BOUNDS.index(ends)] if ends in BOUNDS else None
    if len(numbers) == 1:
        for group, (low, high) in zip(AGE_GROUPS8, BOUNDS, strict=True):
            if low <= numbers[0] <= high:
                return group
    return None
