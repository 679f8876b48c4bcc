"""A whole data set embedded by a network into shards, and gone on with after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import kerasface
from kerasface.data.embedding_shards import EmbeddingRun, embedding_table
from kerasface.data.prepared import PreparedSet
from kerasface.data.shard_folder import ShardFolder
from kerasface.inference.label_sources import PictureSource, SetSource
from kerasface.inference.portable_model import packed, unpacked
from kerasface.inference.shard_work import ShardWork, do_work
from kerasface.inference.source import Source


@dataclass(frozen=True)
class EmbeddingReport:
    """What a call of `embed_images` found and did.

    Args:
        pictures: of the input.
        embeddings: in the folder.
        shards: in the folder.
        resumed: shards of them that were there before.
        unreadable: pictures that could not be read, over all shards.
    """

    pictures: int
    embeddings: int
    shards: int
    resumed: int
    unreadable: int


def embed_images(
    network: Source,
    source: PreparedSet | PictureSource,
    folder: str | Path,
    rows_per_shard: int = 4096,
    progress: Callable[[int], None] | None = None,
    engine: str = "local",
    workers: int | None = None,
) -> EmbeddingReport:
    """Embeds every picture and writes the embeddings; one folder holds those of one network.

    A shard appears whole or not at all, and one that is there is not made again: after a kill the
    same call goes on. A picture that cannot be read is a row in `unreadable-*.parquet`.

    Args:
        network: a trained network, its layer and its preprocessing, see `Source`.
        source: a prepared set, or any `PictureSource`.
        folder: where; made if it is not there.
        rows_per_shard: pictures of a shard.
        progress: called with a number of pictures that are done, also of shards that were there.
        engine: "local" or "ray", see `do_work`; with Ray a folder that all machines see.
        workers: of Ray that hold a network each.

    Returns:
        An `EmbeddingReport`. `kerasface.data.read_embeddings(folder)` gives them back.

    Raises:
        ForeignShard: the folder, or a file in it, is of another run.
        DamagedShard: a file in it does not read.
        ValueError: pictures are of another size than the network's, its embeddings are not
            finite, a preprocessing without a name, or another process is writing there.
        ImportError: pyarrow is not installed, or Ray where it is asked for.

    Example:

        for network in (Source(student), imagenet_source("MobileNetV3Small")):
            embed_images(network, utkface, f"embeddings/{network.name}")
        values = read_embeddings("embeddings/imagenet-MobileNetV3Small").values
    """
    source = SetSource(source) if isinstance(source, PreparedSet) else source
    run = EmbeddingRun(
        dataset=source.dataset,
        network=network.name,
        network_sha256=network.sha256,
        layer=network.layer,
        preprocess=_name(network.preprocess),
        size=network.size,
        source=source.digest(),
        rows=len(source),
        rows_per_shard=int(rows_per_shard),
        version=kerasface.__version__,
    )
    shards = ShardFolder(folder, run)
    work = ShardWork(_Columns(network), source, shards, embedding_table)
    resumed = do_work(work, engine, progress, workers)
    embeddings, unreadable = shards.counts()
    return EmbeddingReport(run.rows, embeddings, run.shards, resumed, unreadable)


class _Columns:
    """A network as the callable of a `ShardWork`, which workers hold copies of."""

    def __init__(self, network: Source):
        self.network, self.pictures = network, network.pictures

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {"embedding": self.network(images)}

    def __getstate__(self) -> tuple:
        network = self.network
        how = (network.layer, network.preprocess, network.name, network.pictures)
        return packed(network.model), how

    def __setstate__(self, state: tuple) -> None:
        model, how = state
        self.__init__(Source(unpacked(model), *how))


def _name(preprocess) -> str | None:
    """Of a function, by which a run knows it again."""
    if preprocess is None:
        return None
    name = getattr(preprocess, "__qualname__", type(preprocess).__qualname__)
    if "<" in name:
        raise ValueError(
            "preprocess must be a function of a module: a run that goes on knows it by its name, "
            f"and workers by its place. Received: {name}"
        )
    return f"{preprocess.__module__}.{name}"
