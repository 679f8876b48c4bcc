"""A run's work in parts, whoever does it: read pictures, answer them, write one shard."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from filelock import FileLock, Timeout

from kerasface.data.shard_folder import ShardFolder
from kerasface.inference.label_sources import PictureSource, ReadRows
from kerasface.tasks import Task

LOCK = ".lock"
# Batches of the callable between two reports of progress.
STEPS = 8
ENGINES = ("local", "ray")
Progress = Callable[[int], None]


class Answerer(Protocol):
    """A callable that holds a network: a batch of pictures to columns. `pictures` suit it best."""

    pictures: int

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class ShardWork:
    """All that is needed to make any shard of a run, in this process or in another.

    Args:
        answer: the callable that holds the network, such as a `Labeller`.
        source: the pictures.
        shards: the folder with its run.
        table: function of the run, `ReadRows` and the columns of `answer` to the shard's
            `pyarrow.Table`; of a module, so that it can be sent.
        tasks: that are answered; pictures that lack none of them are left out.
    """

    answer: Answerer
    source: PictureSource
    shards: ShardFolder
    table: Callable[[Any, ReadRows, dict[str, np.ndarray]], Any]
    tasks: tuple[Task, ...] = ()

    def read(self, number: int) -> ReadRows:
        """The pictures of shard `number`."""
        return self.source.read(np.array(self.shards.run.part(number)), self.tasks)

    def finish(self, number: int, found: ReadRows, progress: Progress = lambda pictures: None):
        """Answers the pictures of a shard and writes it; a finished one is left alone."""
        whole = len(self.shards.run.part(number))
        if self.shards.is_finished(number):  # made by a worker that died before it said so
            progress(whole)
            return
        columns, done = [], 0
        step = self.answer.pictures * STEPS
        for start in range(0, max(len(found.rows), 1), step):
            part = found.images[start : start + step]
            columns.append(self.answer(part))
            done += len(part)
            progress(len(part))
        joined = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
        table = self.table(self.shards.run, found, joined)
        self.shards.write_tables(number, table, found.unreadable)
        progress(whole - done)  # those that lack nothing, or could not be read


def do_work(
    work: ShardWork,
    engine: str = "local",
    progress: Progress | None = None,
    workers: int | None = None,
) -> int:
    """Makes the shards that are missing; returns how many were there.

    Args:
        work: whose shards.
        engine: "local", this process, which reads the next part while one is answered; or "ray",
            workers on Ray Data, see `kerasface.inference.ray_engine`.
        progress: called with a number of pictures that are done, also of shards that were there.
        workers: of Ray; default see there.

    Raises:
        ForeignShard: a file in the folder is of another run.
        DamagedShard: a file in it does not read.
        ValueError: an unknown engine, workers for the local one, or another process is writing.
        ImportError: Ray is asked for and not installed.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}. Received: {engine!r}")
    if workers is not None and (engine == "local" or workers < 1):
        raise ValueError(
            "workers are those of the engine 'ray', one or more. "
            f"Received: workers={workers}, engine={engine!r}"
        )
    progress = progress or (lambda pictures: None)
    folder, run = work.shards.folder, work.shards.run
    try:
        with FileLock(folder / LOCK, timeout=0):
            waiting = []
            for number in range(run.shards):
                if work.shards.is_finished(number):
                    progress(len(run.part(number)))
                else:
                    waiting.append(number)
            if engine == "ray":
                from kerasface.inference.ray_engine import work_on_ray

                work_on_ray(work, waiting, progress, workers)
            else:
                _work_here(work, waiting, progress)
    except Timeout:
        raise ValueError(f"another process is writing {run.KIND} to {folder}") from None
    return run.shards - len(waiting)


def _work_here(work: ShardWork, waiting: list[int], progress: Progress) -> None:
    with ThreadPoolExecutor(1) as ahead:
        upcoming = [ahead.submit(work.read, number) for number in waiting[:1]]
        for place, number in enumerate(waiting):
            found = upcoming.pop().result()
            upcoming += [ahead.submit(work.read, each) for each in waiting[place + 1 : place + 2]]
            work.finish(number, found, progress)
