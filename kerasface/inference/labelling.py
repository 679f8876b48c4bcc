"""A whole data set labelled by a teacher into shards, and gone on with after a kill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import kerasface
from kerasface.data.label_shards import LabelRun, LabelShards, label_table
from kerasface.data.prepared import PreparedSet
from kerasface.inference.label_sources import PictureSource, ReadRows, SetSource
from kerasface.inference.labeller import Labeller
from kerasface.inference.shard_work import ShardWork, do_work


@dataclass(frozen=True)
class LabellingReport:
    """What a call of `label_images` found and did.

    Args:
        pictures: of the input.
        labels: in the folder, over all tasks.
        shards: in the folder.
        resumed: shards of them that were there before.
        unreadable: pictures that could not be read, over all shards.
    """

    pictures: int
    labels: int
    shards: int
    resumed: int
    unreadable: int


def label_images(
    labeller: Labeller,
    source: PreparedSet | PictureSource,
    folder: str | Path,
    threshold: float | Mapping[str, float] | None = None,
    rows_per_shard: int = 4096,
    progress: Callable[[int], None] | None = None,
    engine: str = "local",
    workers: int | None = None,
) -> LabellingReport:
    """Labels every picture for the tasks it lacks, and writes the labels with their provenance.

    A shard appears whole or not at all, and one that is there is not made again: after a kill
    the same call goes on, and the folder ends as if there had been none. Pictures of the next
    shard are read while one is labelled. A picture that knows every task is not looked at, one
    that cannot be read is a row in `unreadable-*.parquet`.

    Args:
        labeller: the teacher with its transforms.
        source: a prepared set, files (`FileSource`), or any `PictureSource`.
        folder: where; made if it is not there.
        threshold: least confidence of a label that is `kept`, for all tasks or by task. All are
            written, so another threshold can be taken when they are read.
        rows_per_shard: pictures of a shard.
        progress: called with a number of pictures that are done, also of shards that were there.
        engine: "local" or "ray", see `do_work`; with Ray a folder that all machines see.
        workers: of Ray that hold a teacher each.

    Returns:
        A `LabellingReport`.

    Raises:
        ForeignShard: the folder, or a file in it, is of another run.
        DamagedShard: a file in it does not read.
        ValueError: names of pictures are not unique, pictures are of another size than the
            teacher's, its answers are not finite, or another process is writing there.
        ImportError: pyarrow is not installed, or Ray where it is asked for.

    Example:

        labeller = Labeller(teacher, tasks=["expression"])
        label_images(labeller, utkface, "labels/utkface")
        taught = with_pseudo_labels(utkface, "labels/utkface", [expression], threshold=0.8)

    Reference:
        Distill-2MD-MTL, section 3.2: "we use our MTL network to generate 'Y & Z' labels for
        task 'A'".
    """
    source = SetSource(source) if isinstance(source, PreparedSet) else source
    names = [task.name for task in labeller.tasks]
    known = source.names
    if known is not None and len(set(known.tolist())) < len(known):
        raise ValueError(
            "names of pictures must differ, labels are found again by them. "
            f"Received: {len(known)} pictures of {source.dataset!r} with names twice"
        )
    if not isinstance(threshold, Mapping):
        threshold = {} if threshold is None else dict.fromkeys(names, threshold)
    run = LabelRun(
        dataset=source.dataset,
        tasks=tuple(task.get_config() for task in labeller.tasks),
        transforms=tuple(each.name for each in labeller.transforms),
        teacher=labeller.name,
        teacher_sha256=labeller.sha256,
        source=source.digest(labeller.tasks),
        rows=len(source),
        rows_per_shard=int(rows_per_shard),
        thresholds={name: float(least) for name, least in threshold.items()},
        version=kerasface.__version__,
    )
    shards = LabelShards(folder, run)
    work = ShardWork(labeller, source, shards, _table, labeller.tasks)
    resumed = do_work(work, engine, progress, workers)
    labels, unreadable = shards.counts()
    return LabellingReport(run.rows, labels, run.shards, resumed, unreadable)


def _table(run: LabelRun, found: ReadRows, columns: Mapping[str, np.ndarray]):
    return label_table(run, found.rows, found.names, columns, found.lacking)
