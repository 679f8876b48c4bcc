"""Vectors for TensorBoard's projector, with columns to colour them by."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FOLDER = "projector"


def write_projector(
    log_dir: str | Path,
    name: str,
    vectors: np.ndarray,
    columns: Mapping[str, Sequence],
) -> None:
    """Writes vectors as one tensor of the projector; the same name replaces it.

    In TensorBoard's Projector choose the tensor, and a column under "Color by". Text and numbers
    only: no picture is written.

    Args:
        log_dir: folder of a run's event files.
        name: of the tensor, a plain file name.
        vectors: `(rows, dim)` float, `dim` of 2 or more.
        columns: two or more by name, each with one value a row. (The projector takes the first
            line of a table of one column for a row.)

    Raises:
        ValueError: fewer than two columns, columns of another length, or vectors of one number.
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig
    from tensorboard.plugins.projector.metadata import PROJECTOR_FILENAME

    vectors = np.asarray(vectors)
    lengths = {column: len(values) for column, values in columns.items()}
    if vectors.ndim != 2 or vectors.shape[1] < 2 or len(columns) < 2:
        raise ValueError(
            "the projector needs vectors of two numbers or more, and two columns or more. "
            f"Received: vectors of shape {vectors.shape}, columns={list(columns)}"
        )
    if set(lengths.values()) != {len(vectors)}:
        raise ValueError(
            f"every column must have one value a row, {len(vectors)}. Received: {lengths}"
        )
    folder = Path(log_dir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    tensor, table = folder / f"{name}.tsv", folder / f"{name}-metadata.tsv"
    _replace(tensor, "\n".join("\t".join(f"{x:.6g}" for x in row) for row in vectors.tolist()))
    lines = zip(*([_cell(value) for value in values] for values in columns.values()), strict=True)
    _replace(table, "\n".join("\t".join(line) for line in [tuple(columns), *lines]))

    path, config = Path(log_dir) / PROJECTOR_FILENAME, ProjectorConfig()
    if path.exists():
        text_format.Parse(path.read_text(encoding="utf-8"), config)
    if name not in {each.tensor_name for each in config.embeddings}:
        # Paths relative to the configuration: the run's folder may be moved.
        config.embeddings.add(
            tensor_name=name,
            tensor_path=f"{FOLDER}/{tensor.name}",
            metadata_path=f"{FOLDER}/{table.name}",
        )
        _replace(path, text_format.MessageToString(config))


def _cell(value) -> str:
    """A value as a cell; what would end the cell is a space."""
    return " ".join(str(value).split())


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text + "\n", encoding="utf-8")
    os.replace(unfinished, path)
