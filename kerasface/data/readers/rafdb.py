"""RAF-DB, basic part: `EmoLabel/list_patition_label.txt`, `Image/` and `Annotation/manual/`."""

import os
from pathlib import Path

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import text_lines
from kerasface.data.readers.points import pairs_of
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "rafdb"
LISTING = "EmoLabel/list_patition_label.txt"  # spelt so in the archive
CODES = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happy",
    "5": "sad",
    "6": "angry",
    "7": "neutral",
}
GENDER_CODES = {"0": "male", "1": "female"}  # 2 is "unsure"
RACE_CODES = {"0": "White", "1": "Black", "2": "Asian"}
AGE_GROUPS5 = ("0-3", "4-19", "20-39", "40-69", "70+")
POINTS = 5
SPLITS = {"train": "train", "test": "test"}


def read_rafdb(root: str | os.PathLike, *, part: str = "aligned") -> FaceTable:
    """Reads RAF-DB's single-label part. Labels: expression, gender, race, age_group5, points.

    Description: Li, Deng, Du 2017, "Reliable crowdsourcing and deep locality-preserving
    learning", and the set's readme: lines `train_00001.jpg 5`; an attribute file has five lines
    of points, then gender, race and age. Terms: non-commercial research, after signing.

    Known faults: near-duplicates exist; gender, race and age are the annotators' guesses, race
    of three groups only; happy is ten times as frequent as fear.

    Args:
        root: the folder of `EmoLabel/` (or the one that holds `basic/`).
        part: "aligned" (100 x 100 faces) or "original" (whole pictures, with landmarks5, whose
            pixels they count).

    Returns:
        A table with splits "train" and "test" by file name.

    Raises:
        FileNotFoundError: no list.
        ValueError: `part` is neither.
    """
    if part not in ("aligned", "original"):
        raise ValueError(f'part must be "aligned" or "original". Received: part={part!r}')
    folder = set_folder(root, LISTING, names=("basic", "RAF-DB/basic"))
    report = ReadReport(f"RAF-DB {part} ({folder})")
    present = set(pictures(folder / "Image" / part))
    rows, no_attributes = [], 0
    for number, line in text_lines(folder / LISTING):
        cells = line.split()
        where = f"line {number}: {line.strip()}"
        if len(cells) != 2 or cells[0].split("_")[0] not in SPLITS:
            report.skip("bad line (train_NNNNN.jpg label)", where)
            continue
        stem = cells[0].rsplit(".", 1)[0]
        name = f"{stem}_aligned.jpg" if part == "aligned" else cells[0]
        if cells[1] not in CODES:
            report.skip("label out of range", where)
        elif name not in present:
            report.skip("missing file", where)
        else:
            attributes = folder / "Annotation" / "manual" / f"{stem}_manu_attri.txt"
            extra = _attributes(attributes, part == "original")
            no_attributes += extra is None
            labels = {"expression": CODES[cells[1]], **(extra or {})}
            split = SPLITS[cells[0].split("_")[0]]
            rows.append(FaceRow(f"Image/{part}/{name}", labels, None, split, DOMAIN))
    if no_attributes:
        report.note(f"{no_attributes} pictures have no readable attributes: expression only")
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _attributes(path: Path, with_points: bool) -> dict | None:
    """Labels of an attribute file, without "unsure" ones; None where it is not to be read."""
    try:
        cells = path.read_text().split()
        points = pairs_of(cells[: 2 * POINTS])
    except (OSError, ValueError):
        return None
    if len(cells) != 2 * POINTS + 3:
        return None
    gender, race, age = cells[2 * POINTS :]
    labels: dict = {"landmarks5": points} if with_points else {}
    if gender in GENDER_CODES:
        labels["gender"] = GENDER_CODES[gender]
    if race in RACE_CODES:
        labels["race"] = RACE_CODES[race]
    if age.isdecimal() and int(age) < len(AGE_GROUPS5):
        labels["age_group5"] = AGE_GROUPS5[int(age)]
    return labels
