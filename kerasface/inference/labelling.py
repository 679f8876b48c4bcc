"""A whole data set labelled by a teacher into shards, and gone on with after a kill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

import kerasface
from kerasface.data.label_shards import LabelRun, LabelShards
from kerasface.data.parquet import read_about
from kerasface.data.prepared import PreparedSet
from kerasface.inference.label_sources import FileSource, SetSource
from kerasface.inference.labeller import Labeller

LOCK = ".lock"
# Steps of the labeller between two reports of progress.
STEPS = 8


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
    source: PreparedSet | SetSource | FileSource,
    folder: str | Path,
    threshold: float | Mapping[str, float] | None = None,
    rows_per_shard: int = 4096,
    progress: Callable[[int], None] | None = None,
) -> LabellingReport:
    """Labels every picture for the tasks it lacks, and writes the labels with their provenance.

    A shard appears whole or not at all, and one that is there is not made again: after a kill
    the same call goes on, and the folder ends as if there had been none. Pictures of the next
    shard are read while one is labelled. A picture that knows every task is not looked at, one
    that cannot be read is a row in `unreadable-*.parquet`.

    Args:
        labeller: the teacher with its transforms.
        source: a prepared set, or files (`FileSource`).
        folder: where; made if it is not there.
        threshold: least confidence of a label that is `kept`, for all tasks or by task. All are
            written, so another threshold can be taken when they are read.
        rows_per_shard: pictures of a shard.
        progress: called with a number of pictures that are done, also of shards that were there.

    Returns:
        A `LabellingReport`.

    Raises:
        ForeignShard: the folder, or a file in it, is of another run.
        DamagedShard: a file in it does not read.
        ValueError: names of pictures are not unique, pictures are of another size than the
            teacher's, its answers are not finite, or another process is writing there.
        ImportError: pyarrow is not installed.

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
    if len(set(source.names.tolist())) < len(source.names):
        raise ValueError(
            "names of pictures must differ, labels are found again by them. "
            f"Received: {len(source.names)} pictures of {source.dataset!r} with names twice"
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
        rows=len(source.names),
        rows_per_shard=int(rows_per_shard),
        thresholds={name: float(least) for name, least in threshold.items()},
        version=kerasface.__version__,
    )
    lacking = {task.name: source.lacking(task) for task in labeller.tasks}
    progress = progress or (lambda pictures: None)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            shards = LabelShards(folder, run)
            resumed = _fill(labeller, source, shards, lacking, progress)
    except Timeout:
        raise ValueError(f"another process is writing labels to {folder}") from None
    return _report(shards, resumed)


def _fill(labeller, source, shards: LabelShards, lacking: Mapping, progress) -> int:
    """Writes the shards that are missing; returns how many were there."""
    run, waiting = shards.run, []
    wanted = np.any(list(lacking.values()), axis=0)
    for number in range(run.shards):
        if shards.is_finished(number):
            progress(len(run.part(number)))
        else:
            waiting.append(number)

    def read(number):
        part = np.array(run.part(number))
        return source.read(part[wanted[part]])

    with ThreadPoolExecutor(1) as ahead:
        upcoming = [ahead.submit(read, number) for number in waiting[:1]]
        for place, number in enumerate(waiting):
            found = upcoming.pop().result()
            upcoming += [ahead.submit(read, each) for each in waiting[place + 1 : place + 2]]
            columns, done = [], 0
            step = labeller.pictures * STEPS
            for start in range(0, max(len(found.rows), 1), step):
                part = found.images[start : start + step]
                columns.append(labeller(part))
                done += len(part)
                progress(len(part))
            shards.write(
                number,
                found.rows,
                source.names[found.rows],
                {name: np.concatenate([each[name] for each in columns]) for name in columns[0]},
                {name: each[found.rows] for name, each in lacking.items()},
                found.unreadable,
            )
            progress(len(run.part(number)) - done)  # those that know all, or could not be read
    return run.shards - len(waiting)


def _report(shards: LabelShards, resumed: int) -> LabellingReport:
    run, labels, unreadable = shards.run, 0, 0
    for number in range(run.shards):
        labels += read_about(run.file(shards.folder, number))["rows"]
        aside = run.file(shards.folder, number, "unreadable")
        unreadable += read_about(aside)["rows"] if aside.exists() else 0
    return LabellingReport(run.rows, labels, run.shards, resumed, unreadable)
