"""Results of `analyze` in a file: what run gave them, and whether another may go on with it.

Beside `faces.csv` stands `faces.csv.about.json`: which network, runtime, detector and tasks gave
the answers. Results of another run are never added to a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasface.apps.parquet_results import JOURNAL, ParquetFile
from kerasface.apps.result_files import (
    PART,
    STDOUT,
    CsvFile,
    JsonFile,
    JsonLinesFile,
    ResultFile,
)

FORMATS = {"csv": CsvFile, "jsonl": JsonLinesFile, "json": JsonFile, "parquet": ParquetFile}
_SUFFIXES = {**{f".{name}": name for name in FORMATS}, ".ndjson": "jsonl", ".pq": "parquet"}
ABOUT = ".about.json"
# Of the facts, what may differ between the beginning and the end of a file.
_MAY_DIFFER = ("kerasface",)


def format_of(place: str, given: str | None = None) -> str:
    """The format of a file of results: the one that is given, else by its suffix.

    Raises:
        ValueError: neither tells it.

    Example:
        >>> format_of("faces.ndjson"), format_of("-", "csv")
        ('jsonl', 'csv')
    """
    form = given or _SUFFIXES.get(Path(place).suffix.lower())
    if form not in FORMATS:
        raise ValueError(
            f"results end in one of {', '.join(_SUFFIXES)}, or --format says what they are. "
            f"Received: {place}"
        )
    return form


def check_place(place: str, form: str, resume: bool) -> None:
    """Refuses what would lose results, before anything is loaded.

    Raises:
        ValueError: there are results and they are not to be gone on with, or cannot be.
    """
    if resume and (place == STDOUT or form == "json"):
        raise ValueError(f"--resume goes on with csv, jsonl or parquet files. Received: {place}")
    if _is_there(place) and not resume:
        raise ValueError(f"{place} holds results; --resume goes on with them, or remove it")


def open_results(
    place: str, form: str, columns: Mapping[str, str], facts: Mapping[str, Any], resume: bool
) -> ResultFile:
    """Opens a file of results, and writes beside it what run they are of.

    Args:
        place: path, or "-" for standard output.
        form: a key of `FORMATS`.
        columns: as `columns_of`.
        facts: JSON-safe, all that the answers depend on, and under "kerasface" the version.
        resume: whether to go on with what is there.

    Returns:
        A `ResultFile` whose `done` are the names of the pictures that it holds.

    Raises:
        ValueError: as `check_place`, or what is there is of another run.
    """
    check_place(place, form, resume)
    if place != STDOUT:
        about = Path(place + ABOUT)
        if _is_there(place):
            _check_run(about, facts)
        else:
            part = about.with_name(about.name + PART)
            part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            os.replace(part, about)
    return FORMATS[form](place, columns, resume)


def _is_there(place: str) -> bool:
    return place != STDOUT and (os.path.exists(place) or os.path.exists(place + JOURNAL))


def _check_run(about: Path, facts: Mapping[str, Any]) -> None:
    try:
        there = json.loads(about.read_text(encoding="utf-8"))
        names = [name for name in {**there, **facts} if name not in _MAY_DIFFER]
        changed = [name for name in names if there.get(name) != facts.get(name)]
    except (OSError, ValueError, TypeError, AttributeError):
        raise ValueError(f"{about} does not say what run the results are of; remove them") from None
    if changed:
        raise ValueError(
            f"{about} is of another run; take another file, or remove both. "
            f"Received: different {', '.join(changed)}"
        )
