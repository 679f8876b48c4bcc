"""FG-NET: `images/<person>A<age><letter>.JPG` and `points/<same name>.pts`."""

import os
import re

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.points import read_pts
from kerasface.data.splits import sha1_split
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "fgnet"
NAME = re.compile(r"(\d{3})A(\d{2})([a-z]?)\.jpg$", re.IGNORECASE)
POINTS = 68


def read_fgnet(root: str | os.PathLike, *, leave_out: str | None = None) -> FaceTable:
    """Reads FG-NET. Labels: age (years) and, where the points are, landmarks68_fgnet.

    Description: Lanitis, Taylor, Cootes 2002, and the set's page: 1,002 pictures of 82 people,
    `078A11.JPG` is person 78 at 11 years. Terms: research.

    Known faults: scanned private photographs, many of children, grey and colour mixed; its 68
    points are *not* ibug's 68 (another order and other places), hence a task name of their own.

    Args:
        root: the folder of `images/` (or the one that holds `FGNET/`).
        leave_out: the person ("078") whose pictures are "test", for the usual
            leave-one-person-out; by default one person in ten, by sha1, is "validation".

    Returns:
        A table with `subject`.

    Raises:
        FileNotFoundError: no `images` folder.
        ValueError: nobody of that number.
    """
    folder = set_folder(root, "images", names=("FGNET", "FG-NET"))
    report = ReadReport(f"FG-NET ({folder})")
    points = {}
    if (folder / "points").is_dir():
        points = {path.stem.lower(): path for path in sorted((folder / "points").glob("*.pts"))}
    rows, bad_points = [], 0
    for name in pictures(folder / "images"):
        match = NAME.match(name)
        if not match:
            report.skip("bad name (<person>A<age>.JPG)", name)
            continue
        labels: dict = {"age": float(match[2])}
        stem = name.rsplit(".", 1)[0].lower()
        if stem in points:
            try:
                labels["landmarks68_fgnet"] = read_pts(points[stem], POINTS)
            except (OSError, ValueError):
                bad_points += 1
        split = sha1_split(match[1])
        if leave_out is not None:
            split = "test" if match[1] == leave_out else "train"
        rows.append(FaceRow(f"images/{name}", labels, match[1], split, DOMAIN))
    if leave_out is not None and not any(row.split == "test" for row in rows):
        raise ValueError(f"nobody of that number here. Received: leave_out={leave_out!r}")
    if bad_points:
        report.note(f"{bad_points} bad .pts files: those pictures have no points")
    report.read = len(rows)
    return FaceTable(folder, rows, report)
