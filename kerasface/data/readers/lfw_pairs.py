"""LFW's pairs files: two pictures a line, of one person or of two, in folds."""

import os
from pathlib import Path
from typing import NamedTuple

from kerasface.data.readers.listings import text_lines


class FacePair(NamedTuple):
    """Two pictures to verify.

    Attributes:
        first: path of a picture relative to LFW's folder.
        second: path of the other.
        same: whether both show one person.
        fold: fold of the protocol, from 0.
    """

    first: str
    second: str
    same: bool
    fold: int


def read_lfw_pairs(path: str | os.PathLike) -> list[FacePair]:
    """Reads a pairs file in any of LFW's three forms.

    `folds<TAB>n` first (each fold n pairs of one person, then n of two), or a lone `n` (one
    fold), or no head line (one fold of whatever follows). Pairs: `name<TAB>i<TAB>j`, or
    `name1<TAB>i<TAB>name2<TAB>j`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line of neither form, or not as many pairs as the head line says; names
            file and line.
    """
    path = Path(path)
    pairs: list[FacePair] = []
    folds = per_kind = None
    for number, line in text_lines(path):
        cells = line.split()
        if not pairs and per_kind is None and len(cells) <= 2 and all(c.isdecimal() for c in cells):
            folds, per_kind = (int(cells[0]), int(cells[1])) if len(cells) == 2 else (1, int(line))
            if folds < 1 or per_kind < 1:
                raise ValueError(f"{path} line {number}: counts must be positive: {line!r}")
            continue
        fold = 0 if per_kind is None else len(pairs) // (2 * per_kind)
        if len(cells) == 3 and cells[1].isdecimal() and cells[2].isdecimal():
            first, second = _picture(cells[0], cells[1]), _picture(cells[0], cells[2])
            pairs.append(FacePair(first, second, True, fold))
        elif len(cells) == 4 and cells[1].isdecimal() and cells[3].isdecimal():
            first, second = _picture(cells[0], cells[1]), _picture(cells[2], cells[3])
            pairs.append(FacePair(first, second, False, fold))
        else:
            raise ValueError(f"{path} line {number}: no pair of pictures: {line!r}")
    if per_kind is not None and len(pairs) != 2 * folds * per_kind:
        raise ValueError(
            f"{path}: {len(pairs)} pairs where its first line says {2 * folds * per_kind}"
        )
    return pairs


def _picture(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
