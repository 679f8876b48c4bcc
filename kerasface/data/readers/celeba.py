"""CelebA faces: `img_face/N.jpg`, `gender_folder.csv` and `identity_CelebA.txt`."""

import csv
import os
from pathlib import Path

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.vocabulary import GENDERS
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "celeba"
IDENTITIES = "identity_CelebA.txt"
GENDER_CSV = "gender_folder.csv"
PICTURES = "img_face"


def read_celeba(root: str | os.PathLike) -> FaceTable:
    """Reads the tight face crops of CelebA. Labels: identity, gender.

    Description: Liu et al. 2015, "Deep learning face attributes in the wild". Terms:
    non-commercial research only; the pictures are of public people and belong to their makers.

    Known faults: people have numbers and no names, and overlap with LFW and MTFL; some identity
    labels are wrong. People whose number falls in one bucket of ten by sha1 are "validation":
    no picture of them is in training. (The original archive, with attributes and landmarks, is
    read by `read_celeba_original`.)

    Args:
        root: the folder of `img_face/` (or the one that holds `CelebA/`).

    Returns:
        A table with `subject` set to the identity and splits "train" and "validation".

    Raises:
        FileNotFoundError: no `img_face` folder or no identity list.
    """
    folder = set_folder(root, PICTURES, names=("CelebA", "celeba"))
    report = ReadReport(f"CelebA faces ({folder})")
    present = set(pictures(folder / PICTURES))
    people = read_identities(folder / IDENTITIES, report)
    genders = _read_genders(folder / GENDER_CSV, report)
    rows = []
    for name in sorted(present):
        if name not in people:
            report.skip("no identity listed", name)
            continue
        person = people[name]
        labels = {"identity": person}
        if name in genders:
            labels["gender"] = genders[name]
        rows.append(FaceRow(f"{PICTURES}/{name}", labels, person, sha1_split(person), DOMAIN))
    for name in sorted(set(people) - present):
        report.skip("missing file", name)
    report.read = len(rows)
    return FaceTable(folder, rows, report)


def read_identities(listing: Path, report: ReadReport) -> dict[str, str]:
    """Person by file name from lines `NNNNNN.jpg person`; bad lines go to the report."""
    people: dict[str, str] = {}
    for number, line in enumerate(listing.read_text().splitlines(), 1):
        parts = line.split()
        if len(parts) == 2 and parts[1].isdigit():
            people[parts[0]] = parts[1]
        elif parts:
            report.skip("bad line", f"{listing.name} line {number}")
    return people


def _read_genders(listing: Path, report: ReadReport) -> dict[str, str]:
    if not listing.is_file():
        report.note(f"no {listing.name}: no gender labels")
        return {}
    genders = {}
    with open(listing, newline="", encoding="utf-8-sig") as file:
        for number, record in enumerate(csv.reader(file), 1):
            if number == 1 and record[:2] == ["file", "gender"]:
                continue
            if len(record) >= 2 and record[1] in GENDERS:
                genders[record[0]] = record[1]
            else:
                report.note(f"{listing.name} line {number}: unknown gender, left out")
    return genders
