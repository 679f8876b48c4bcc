"""Shards made by workers on Ray Data, on this machine or on a cluster.

Actors hold the network, answer a part's pictures and write its shard. Where they have a GPU each,
tasks on the processors read and decode the parts for them; otherwise they do so themselves. Ray
Data schedules both, retries what died and keeps readers from overrunning answerers. The parts are
those of the local engine and a shard is written under its name in one step, so a worker that dies
costs the work of one part, which Ray gives to another: no row is lost or comes twice.

A cluster is Ray's own: where `ray start` (or KubeRay, or a batch script) made one, `RAY_ADDRESS`
says where, and the folder and the input are on a file system that all machines see. Otherwise a
cluster of this machine is made and stopped again. Usage statistics are off.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from functools import lru_cache
from typing import Any

ADDRESS = "RAY_ADDRESS"
USAGE = "RAY_USAGE_STATS_ENABLED"
# Ray's warning of a default that will change for workers without a GPU; the new one is taken.
ACCELERATORS = "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"


def work_on_ray(
    work: Any, waiting: list[int], progress: Callable[[int], None], workers: int | None = None
) -> None:
    """Makes the shards of a `ShardWork` that are waiting.

    Args:
        work: that can be pickled.
        waiting: numbers of the shards.
        progress: called with the pictures of each finished shard.
        workers: that hold a network each, with one GPU where the cluster has some, else with one
            processor. Default: as many as there are GPUs, or processors.

    Raises:
        ImportError: Ray is not installed; the line names the extra.
        ValueError: whatever the local engine raises, or more workers than the cluster has room for.
    """
    if not waiting:
        return
    ray = _ray()
    mine = not ray.is_initialized()
    if mine:
        ray.init(**_cluster())
    try:
        _run(ray, work, waiting, progress, workers)
    finally:
        if mine:
            ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault(USAGE, "0")  # before Ray is imported
    os.environ.setdefault(ACCELERATORS, "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(
            f"the engine 'ray' is Ray Data: pip install 'kerasface[scale]' ({error})"
        ) from None
    for name in ("ray", "ray.data"):  # what they say of an error, the error says
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return ray


def _cluster() -> dict:
    """Arguments of `ray.init`."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    return quiet if os.environ.get(ADDRESS) else {**quiet, "include_dashboard": False}


def _run(ray, work, waiting, progress, workers) -> None:
    total = ray.cluster_resources()
    gpus, cpus = int(total.get("GPU", 0)), int(total.get("CPU", 0))
    room = gpus or cpus
    if (workers or 1) > room:
        raise ValueError(
            f"the cluster has {cpus} processors and {gpus} GPUs, one of which each worker needs. "
            f"Received: workers={workers}"
        )
    ray.data.DataContext.get_current().enable_progress_bars = False
    # An item is a part, and so is a block: what is done again after a death is one part.
    parts = ray.data.from_items([{"shard": n} for n in waiting], override_num_blocks=len(waiting))
    if gpus:
        held = ray.put((work.source, work.shards.run, work.tasks))
        parts = parts.map_batches(_Reader(held), batch_size=1, num_cpus=1)
    held_work = ray.put(work)
    done = parts.map_batches(
        _Answerer,
        # In a list it is a reference that lives as long as this function, for restarted actors.
        fn_constructor_args=([held_work], _environment()),
        batch_size=1,
        concurrency=min(workers or room, len(waiting)),
        num_cpus=0 if gpus else 1,
        num_gpus=1 if gpus else 0,
    )
    for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
        for error in filter(None, batch["error"]):
            raise pickle.loads(error)
        progress(int(batch["pictures"].sum()))


class _Reader:
    """Numbers of parts to their `ReadRows`, pickled into one value so that no block splits them."""

    def __init__(self, held):
        self.held = held

    def __call__(self, batch: dict) -> dict:
        import numpy as np

        source, run, tasks = _fetched(self.held)
        found = np.empty(len(batch["shard"]), object)
        for place, number in enumerate(batch["shard"]):
            read = source.read(np.array(run.part(int(number))), tasks)
            found[place] = pickle.dumps(read, protocol=5)
        return {"shard": batch["shard"], "found": found}


@lru_cache(maxsize=1)
def _fetched(held):
    """A source, once a process: its names may be millions."""
    import ray

    return ray.get(held)


class _Answerer:
    """The actor that holds the network."""

    def __init__(self, held: list, environment: dict[str, str]):
        import ray

        for name, value in environment.items():
            os.environ.setdefault(name, value)  # before the backend is imported
        self.work = ray.get(held[0])

    def __call__(self, batch: dict) -> dict:
        import numpy as np

        pictures, errors = [], []
        for place, number in enumerate(int(each) for each in batch["shard"]):
            pictures.append(len(self.work.shards.run.part(number)))
            try:
                if "found" in batch:
                    found = pickle.loads(batch["found"][place])
                else:
                    found = self.work.read(number)
                self.work.finish(number, found)
                errors.append(b"")
            except Exception as error:  # told as it is: Ray would wrap it in pages of its own
                errors.append(pickle.dumps(error))
        return {
            "shard": batch["shard"],
            "pictures": np.array(pictures),
            "error": np.array(errors, object),
        }


def _environment() -> dict[str, str]:
    """What workers on other machines must know before they import a backend."""
    import keras

    # A worker has one processor, so several on a machine must not each take all of them.
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    return {"KERAS_BACKEND": keras.backend.backend(), "TF_CPP_MIN_LOG_LEVEL": "3", **threads}
