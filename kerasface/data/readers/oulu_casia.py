"""Oulu-CASIA: frames as `{VL,NI}/{Strong,Weak,Dark}/P001/<Expression>/000.jpeg`."""

import os
import re

from kerasface.data.readers.folders import pictures, set_folder
from kerasface.data.readers.vocabulary import expression
from kerasface.data.splits import subject_folds
from kerasface.data.table import FaceRow, FaceTable, ReadReport

DOMAIN = "oulu_casia"
CAMERAS = ("VL", "NI")
LIGHTS = ("Strong", "Weak", "Dark")
PERSON = re.compile(r"P\d{3}$")
FOLDS = 10


def read_oulu_casia(
    root: str | os.PathLike,
    *,
    camera: str = "VL",
    light: str = "Strong",
    last_frames: int = 3,
    first_neutral: bool = False,
    fold: int = 0,
) -> FaceTable:
    """Reads Oulu-CASIA NIR & VIS. Label: expression (six, and neutral if asked for).

    Description: Zhao et al. 2011, "Facial expression recognition from near-infrared videos":
    80 people, six expressions, each a sequence that starts neutral and ends at its peak, by a
    visible-light (VL) and a near-infrared (NI) camera in three lights. Terms: research, after
    signing the set's agreement.

    Known faults: posed; the frames of a sequence are nearly equal, so split by subject; a few
    sequences are short or begin late.

    Args:
        root: the folder of `VL/` and `NI/`, at any depth below the unpacked archive's top.
        camera: "VL" or "NI".
        light: "Strong", "Weak" or "Dark".
        last_frames: how many frames at the end of a sequence carry its expression.
        first_neutral: also take each sequence's first frame, as neutral.
        fold: which of ten folds by subject is "validation".

    Returns:
        A table with `subject` and splits "train" and "validation".

    Raises:
        FileNotFoundError: no folder of that camera and light.
        ValueError: an option outside its range.
    """
    if camera not in CAMERAS or light not in LIGHTS:
        raise ValueError(
            f"camera must be one of {CAMERAS} and light one of {LIGHTS}. "
            f"Received: camera={camera!r}, light={light!r}"
        )
    if last_frames < 1 or not 0 <= fold < FOLDS:
        raise ValueError(
            f"last_frames must be at least 1 and fold in 0 to {FOLDS - 1}. "
            f"Received: last_frames={last_frames}, fold={fold}"
        )
    tops = ("Oulu_CASIA_NIR_VIS", "OriginalImg", "Oulu_CASIA_NIR_VIS/OriginalImg")
    folder = set_folder(root, f"{camera}/{light}", names=tops)
    report = ReadReport(f"Oulu-CASIA {camera} {light} ({folder})")
    sequences: dict[tuple[str, str], list[str]] = {}
    for name in pictures(folder / camera / light):
        path = f"{camera}/{light}/{name}"
        parts = name.split("/")
        label = expression(parts[1]) if len(parts) == 3 else None
        if label is None:
            report.skip("unknown class", path)
        elif not PERSON.match(parts[0]):
            report.skip("bad name (P<number>/<Expression>/<frame>)", path)
        else:
            sequences.setdefault((parts[0], label), []).append(path)
    folds = subject_folds((person for person, _ in sequences), FOLDS)
    rows = []
    for (person, label), frames in sorted(sequences.items()):
        split = "validation" if folds[person] == fold else "train"
        for place, path in enumerate(frames):
            if place >= len(frames) - last_frames and (place > 0 or not first_neutral):
                rows.append(FaceRow(path, {"expression": label}, person, split, DOMAIN))
            elif place == 0 and first_neutral:
                rows.append(FaceRow(path, {"expression": "neutral"}, person, split, DOMAIN))
            else:
                report.skip("frame before the peak", path)
    report.read = len(rows)
    return FaceTable(folder, rows, report)
