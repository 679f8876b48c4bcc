"""Embeddings of the same pictures by several networks, side by side, a shard at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasface.data.embedding_shards import EmbeddingRun, read_embedding_shard
from kerasface.data.shard_folder import ForeignShard

# A number that never varies keeps its size when it is standardised.
SMALLEST_SCALE = 1e-6


class SourceRows(NamedTuple):
    """Some pictures' embeddings by all sources.

    Args:
        rows: `(n,)` int64, places in the input of their data set.
        names: `(n,)` str.
        embeddings: `(n, total)` float32, the sources side by side; 0 where one is missing.
        present: `(n, sources)` float32, 1 where the source has one.
    """

    rows: np.ndarray
    names: np.ndarray
    embeddings: np.ndarray
    present: np.ndarray


class SourceShards:
    """Folders of `embed_images`, one a source and data set, read in parts that fit in memory.

    Args:
        sets: for each data set its folders by source; the same sources in the same order, embedded
            with as many rows a shard.

    Attributes:
        sizes: length of each source's embedding, by name.
        parts: `(data set, shard)` of each part.
        rows: pictures of all inputs, the unreadable too.

    Raises:
        ValueError: no set, sets of different sources, or a run that has not come to its end.
        ForeignShard: folders of one set are of different pictures or of a different number a
            shard, or a source is another network in another set.
        DamagedShard: a folder has no description.

    Example:

        shards = SourceShards([{"age": "embeddings/age", "race": "embeddings/race"}])
        for part in range(len(shards)):
            rows = shards[part]
    """

    def __init__(self, sets: Sequence[Mapping[str, str | Path]]):
        self._folders = [{name: Path(each) for name, each in one.items()} for one in sets]
        self._runs = [
            {name: EmbeddingRun.read(folder) for name, folder in one.items()}
            for one in self._folders
        ]
        if not self._runs or not self._runs[0]:
            raise ValueError("there must be a data set with a source. Received: none")
        first = self._runs[0]
        self.sizes = {name: run.size for name, run in first.items()}
        for runs, folders in zip(self._runs, self._folders, strict=True):
            self._check(runs, folders, first)
        shards = [next(iter(runs.values())).shards for runs in self._runs]
        self.parts = [(place, part) for place, many in enumerate(shards) for part in range(many)]
        self.rows = sum(next(iter(runs.values())).rows for runs in self._runs)

    def _check(self, runs, folders, first) -> None:
        if list(runs) != list(first):
            raise ValueError(
                "every data set needs the same sources in the same order. "
                f"Received: {list(first)} and {list(runs)}"
            )
        for name, run in runs.items():
            one = next(iter(runs.values()))
            if (run.source, run.rows_per_shard) != (one.source, one.rows_per_shard):
                raise ForeignShard(
                    f"{folders[name]} is of other pictures, or has another number a shard, than "
                    f"{next(iter(folders.values()))}"
                )
            if run.network_sha256 != first[name].network_sha256:
                raise ForeignShard(
                    f"{folders[name]} was made by another network than {name!r} of the first set"
                )
            missing = [n for n in range(run.shards) if not run.file(folders[name], n).exists()]
            if missing:
                raise ValueError(
                    f"{folders[name]}: embedding has not come to its end; run it again and it goes "
                    f"on. Received: {len(missing)} of {run.shards} shards missing"
                )

    @property
    def total(self) -> int:
        """Numbers of all sources together."""
        return sum(self.sizes.values())

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> SourceRows:
        """The rows of a part that one source at least could read.

        Raises:
            DamagedShard, ForeignShard: as `read_embeddings`.
        """
        place, shard = self.parts[number]
        runs, folders = self._runs[place], self._folders[place]
        part = next(iter(runs.values())).part(shard)
        embeddings = np.zeros((len(part), self.total), "float32")
        present = np.zeros((len(part), len(self.sizes)), "float32")
        names, start = np.full(len(part), "", object), 0
        for source, (name, run) in enumerate(runs.items()):
            found_names, rows, values = read_embedding_shard(folders[name], run, shard)
            inside = rows - part.start
            embeddings[inside, start : start + run.size] = values
            present[inside, source] = 1.0
            names[inside] = found_names
            start += run.size
        kept = present.any(axis=1)
        rows = np.arange(part.start, part.stop)[kept]
        return SourceRows(rows, names[kept].astype(str), embeddings[kept], present[kept])

    def __iter__(self) -> Iterator[SourceRows]:
        return (self[number] for number in range(len(self)))

    def read(self) -> SourceRows:
        """All rows of all sets at once, for sets that fit in memory."""
        return SourceRows(*(np.concatenate(columns) for columns in zip(*self, strict=True)))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of each number and one scale a source, `(total,)` float32 each, in one pass.

        The scale is the root of the mean variance of a source's numbers, so that each source has
        an average variance of 1 when it is standardised.
        """
        count = sums = squares = 0.0
        for part in self:
            shown = np.repeat(part.present, list(self.sizes.values()), axis=1)
            values = part.embeddings.astype("float64") * shown
            count, sums = count + shown.sum(0), sums + values.sum(0)
            squares = squares + (values**2).sum(0)
        count = np.maximum(count, 1.0)
        mean = sums / count
        variance = np.maximum(squares / count - mean**2, 0.0)
        scale, start = np.empty(self.total), 0
        for size in self.sizes.values():
            spread = np.sqrt(variance[start : start + size].mean())
            scale[start : start + size] = spread if spread > SMALLEST_SCALE else 1.0
            start += size
        return mean.astype("float32"), scale.astype("float32")
