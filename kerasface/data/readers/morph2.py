"""MORPH II: `morph_2008_nonCommercial.csv`, or names `<person>_<picture><M|F><age>.JPG` alone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.listings import records
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "morph2"
CSV_NAMES = ("morph_2008_nonCommercial.csv", "MORPH_2008_nonCommercial.csv")
NAME = re.compile(r"(\d+)_(\d+)([MF])(\d{1,3})\.jpe?g$", re.IGNORECASE)
GENDER_LETTERS = {"M": "male", "F": "female"}
# Only letters whose meaning equals one of the five shared classes; H (Hispanic), I and O do not.
RACE_LETTERS = {"W": "White", "B": "Black", "A": "Asian"}
OLDEST = 120


def read_morph2(root: str | os.PathLike) -> FaceTable:
    """Reads MORPH album 2 (the 2008 academic release). Labels: age (years), gender, race.

    Description: Ricanek and Tesafaye 2006, "MORPH: a longitudinal image database"; columns
    `id_num, picture_num, dob, doa, race, gender, facial_hair, age, age_diff, glasses, photo`.
    Terms: a paid academic licence; police photographs of people who did not consent.

    Known faults (Yip et al. 2018, "Preliminary studies on a large face database"): people with
    two birth dates, two genders or two races. A row whose file name contradicts its cells is
    left out; people with two genders are counted in a note. Four in five are Black men.

    Args:
        root: the folder of `Album2/` (and of the CSV, where there is one: without it there is
            no race).

    Returns:
        A table with `subject`; one person in ten, by sha1, is "validation".

    Raises:
        FileNotFoundError: neither `Album2/` nor the CSV.
        ValueError: the CSV lacks a column.
    """
    folder = set_folder(root, "Album2", *CSV_NAMES, names=("MORPH_nonCommercial", "MORPH", "morph"))
    listing = next((folder / name for name in CSV_NAMES if (folder / name).is_file()), None)
    report = ReadReport(f"MORPH II ({folder})")
    present = pictures(folder)
    if listing is None:
        report.note("no CSV: no race, and age and gender from the file names")
    listed = ((path, None, path) for path in present) if listing is None else _listed(listing)
    here, rows, seen = set(present), [], set()
    genders: dict[str, set] = {}
    for path, record, where in listed:
        match = NAME.match(path.rsplit("/", 1)[-1])
        if not match:
            report.skip("bad name (<person>_<picture><M|F><age>.JPG)", where)
        elif path not in here:
            report.skip("missing file", where)
        elif path in seen:
            report.skip("named twice", where)
        elif int(match[4]) > OLDEST:
            report.skip("label out of range", where)
        elif record is not None and not _agrees(match, record):
            report.skip("name contradicts its row", where)
        else:
            person = match[1].lstrip("0") or "0"
            labels = {"age": float(match[4]), "gender": GENDER_LETTERS[match[3].upper()]}
            race = RACE_LETTERS.get(record["race"].upper()) if record else None
            if race is not None:
                labels["race"] = race
            genders.setdefault(person, set()).add(labels["gender"])
            rows.append(FaceRow(path, labels, person, sha1_split(person), DOMAIN))
        seen.add(path)
    both = sum(len(found) > 1 for found in genders.values())
    if both:
        report.note(f"{both} people have pictures of both genders")
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def _listed(listing: Path) -> Iterator[tuple[str, dict, str]]:
    for line, record in records(listing, ("id_num", "race", "gender", "age", "photo")):
        path = record["photo"].replace("\\", "/")
        yield path, record, f"{listing.name} line {line}: {path}"


def _agrees(match: re.Match, record: dict) -> bool:
    same_person = record["id_num"].lstrip("0") == match[1].lstrip("0")
    same_age = record["age"].isdecimal() and int(record["age"]) == int(match[4])
    return same_person and same_age and record["gender"].upper() == match[3].upper()
