"""The rows of a table of results as TensorBoard's HParams: settings and final figures of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kerasface.training.tensorboard import about
from kerasface.training.tensorboard.events import EventFiles

FOLDER, ROW = "hparams", "row"


class TableRow(NamedTuple):
    """A row of a table of results.

    Attributes:
        name: the row's name, such as "DA-2MD-MTL".
        settings: JSON-safe, nested or not; what the runs behind the row were told.
        figures: final numbers by their column, such as `{"CK+ accuracy": 0.94}`; empty while
            the row is not measured.
    """

    name: str
    settings: Mapping
    figures: Mapping[str, float]


def write_hparams(folder: str | Path, rows: Sequence[TableRow]) -> Path:
    """Writes the whole table anew into `folder/hparams`, so it may be called after each row.

    Every row is a session with its settings, its figures as scalars, and where it has figures its
    end. The columns are all settings and figures that any row has, so that rows of different
    settings stand in one table; the row's name is one of them. TensorBoard takes the columns of
    one experiment below `--logdir`: give the `TensorBoardReport` of the rows' own runs
    `hparams=False`, or look at `folder/hparams` alone.

    Args:
        folder: of the table's results.
        rows: with different names.

    Returns:
        `folder/hparams`.

    Raises:
        ValueError: two rows have one name, or names that differ in signs alone.
    """
    slugs = {row.name: re.sub(r"[^A-Za-z0-9._-]+", "_", row.name) for row in rows}
    if len(set(slugs.values())) < len(rows):
        raise ValueError(f"rows must have different names. Received: {[r.name for r in rows]}")
    target = Path(folder) / FOLDER
    # A second event file beside an old one would be read as more of the same session.
    for path in target.rglob("events.out.tfevents.*"):
        path.unlink()
    files = EventFiles(target)
    settings, figures = {}, {}
    for row in rows:
        for name, value in {ROW: row.name, **about.flat(row.settings)}.items():
            settings.setdefault(name, []).append(value)
        figures |= dict.fromkeys(row.figures)
    files.summary("", about.experiment(_typed(settings), [("", name) for name in figures]), 0)
    for row in rows:
        run = slugs[row.name]
        told = {ROW: row.name, **about.flat(row.settings)}
        files.summary(run, about.session_start(_as_columns(told, settings), row.name), 0)
        for name, value in row.figures.items():
            files.scalar(run, name, value, 0)
        if row.figures:
            files.summary(run, about.session_end(), 0)
    files.close()
    return target


def _typed(settings: Mapping[str, list]) -> dict:
    """A value of each column's kind: text where rows differ in kind, else as the first."""
    return {name: values[0] if _alike(values) else "" for name, values in settings.items()}


def _as_columns(told: Mapping, settings: Mapping[str, list]) -> dict:
    return {n: value if _alike(settings[n]) else str(value) for n, value in told.items()}


def _alike(values: list) -> bool:
    def kind(value):
        return "number" if type(value) in (int, float) else type(value).__name__

    return len({kind(value) for value in values}) == 1
