"""Embeddings as Parquet shards in a folder, written by one run and read back as one array.

The folder is as `kerasface.data.shard_folder` says. A row of an embedding file is one picture:

| column | type | |
|---|---|---|
| image | string | the picture's name in its data set |
| row | int64 | its place in the input |
| embedding | fixed-size list of float32 | |

Network, layer and preprocessing are the run's, in `about.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kerasface.data.parquet import DamagedShard, arrow, read_columns
from kerasface.data.shard_folder import (
    ShardedRun,
    check_shard,
    of_part,
    picture_names,
    read_unreadable,
)

MOST_NUMBERS = 1_000_000


@dataclass(frozen=True)
class EmbeddingRun(ShardedRun):
    """Everything that decides what the embeddings of a folder are.

    Args:
        dataset: name of the data set.
        network: its name.
        network_sha256: of its weights.
        layer: whose output they are; None: the trunk's features.
        preprocess: name of the function between pixels and network; None: none.
        size: numbers of an embedding.
        source: sha256 of the input.
        rows: pictures of the input.
        rows_per_shard: pictures of each shard but the last, at least 1.
        version: of kerasface.

    Raises:
        ValueError: no rows, no rows a shard, or no numbers.
    """

    KIND: ClassVar[str] = "embeddings"

    dataset: str
    network: str
    network_sha256: str
    layer: str | None
    preprocess: str | None
    size: int
    source: str
    rows: int
    rows_per_shard: int
    version: str

    def __post_init__(self):
        super().__post_init__()
        if type(self.size) is not int or not 1 <= self.size <= MOST_NUMBERS:
            raise ValueError(
                f"an embedding has 1 to {MOST_NUMBERS} numbers. Received: size={self.size}"
            )


@dataclass(frozen=True)
class Embeddings:
    """What a network gave for a data set.

    Args:
        run: data set, network, layer.
        names: `(n,)` str, the pictures that could be read, in the order of the input.
        rows: `(n,)` int64, their places in the input.
        values: `(n, size)` float32.
        unreadable: by picture, why it has none.
    """

    run: EmbeddingRun
    names: np.ndarray
    rows: np.ndarray
    values: np.ndarray
    unreadable: dict[str, str]

    def __len__(self) -> int:
        return len(self.names)


def embedding_table(run: EmbeddingRun, found: Any, columns: dict[str, np.ndarray]) -> Any:
    """A `pyarrow.Table` with one picture a row.

    Args:
        run: whose they are.
        found: `rows` and `names` of the pictures, `(n,)` each.
        columns: `embedding`, `(n, size)`.
    """
    pa = arrow()
    flat = pa.array(np.ascontiguousarray(columns["embedding"], "float32").ravel())
    return pa.table(
        {
            "image": pa.array(found.names.tolist(), pa.string()),
            "row": pa.array(found.rows),
            "embedding": pa.FixedSizeListArray.from_arrays(flat, run.size),
        }
    )


def read_embeddings(folder: str | Path, partial: bool = False) -> Embeddings:
    """Reads a folder of shards and checks what is in them.

    Args:
        folder: what `kerasface embed` or `kerasface.inference.embed_images` wrote.
        partial: also take a run that has not come to its end.

    Raises:
        ValueError: the run is not finished and `partial` is false.
        DamagedShard: a file does not read, or holds an embedding that is not finite, of another
            size, twice there or of another part of the input.
        ForeignShard: a file is of another run.
        ImportError: pyarrow is not installed.
    """
    folder = Path(folder)
    run = EmbeddingRun.read(folder)
    names, rows, values = [], [], []
    unreadable, missing = {}, []
    for number in range(run.shards):
        path = run.file(folder, number)
        if not path.exists():
            missing.append(path.name)
            continue
        part = read_embedding_shard(folder, run, number)
        for kept, column in zip((names, rows, values), part, strict=True):
            kept.append(column)
        unreadable |= read_unreadable(folder, run, number)
    if missing and not partial:
        raise ValueError(
            f"{folder}: embedding has not come to its end; run it again and it goes on. "
            f"Received: {len(missing)} of {run.shards} shards missing, first {missing[0]}"
        )
    return Embeddings(
        run,
        np.concatenate([np.zeros(0, "U1"), *names]),
        np.concatenate([np.zeros(0, np.int64), *rows]),
        np.concatenate([np.zeros((0, run.size), "float32"), *values]),
        unreadable,
    )


def read_embedding_shard(
    folder: Path, run: EmbeddingRun, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One shard of a folder, without the others.

    Returns:
        `(names, rows, values)`: `(n,)` str, `(n,)` int64 places in the input, `(n, size)` float32.

    Raises:
        FileNotFoundError: it is not there.
        DamagedShard, ForeignShard: see `read_embeddings`.
    """
    path = run.file(folder, number)
    check_shard(path, run, number)
    table = read_columns(path, ["image", "row", "embedding"]).combine_chunks()
    names = picture_names(path, table["image"])
    rows, column = table["row"].to_numpy(), table["embedding"].combine_chunks()
    if not of_part(rows, run.part(number)):
        raise DamagedShard(f"{path}: rows are twice there or of another part")
    values = np.asarray(column.flatten(), "float32")
    if len(values) != len(rows) * run.size:
        raise DamagedShard(f"{path}: embeddings of {run.size} numbers are needed")
    values = values.reshape(-1, run.size)
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        raise DamagedShard(f"{path}: the embedding of {names[row]} is not finite")
    return names, rows, values
