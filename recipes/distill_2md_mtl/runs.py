"""Folders of runs, how long each took, and many of them one after the other."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import track

from kerasface.training.devices import Devices

METRICS = "metrics.json"
# Of a run on a core, until one has been timed.
SECONDS = 270.0
# A run leaves some 180 MB of compiled steps behind, which neither TensorFlow nor Keras gives back.
RUNS_A_PROCESS = 12


class Run(NamedTuple):
    """One run of a table."""

    method: str
    split: str
    seed: int

    def folder(self, runs: Path) -> Path:
        """Below the folder of all runs."""
        return runs / self.split / f"{self.method}-s{self.seed}"


def sibling(folder: Path, method: str) -> Path:
    """The run of another method on the same split under the same seed."""
    return folder.parent / f"{method}-s{folder.name.rpartition('-s')[2]}"


def method_of(folder: Path) -> str:
    """The method whose run it is."""
    return folder.name.rpartition("-s")[0]


class Stopwatch:
    """Seconds of a run over all its starts; among `RunState`'s `keep` it survives a kill.

    What was done after the last saved epoch and is done again counts once.
    """

    def __init__(self):
        self.begin, self.before = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Of this start and those before it."""
        return self.before + time.perf_counter() - self.begin

    def get_state(self) -> dict:
        """JSON-safe."""
        return {"seconds": self.seconds}

    def set_state(self, stored: dict) -> None:
        """Goes on from there."""
        self.begin, self.before = time.perf_counter(), float(stored["seconds"])


def run_all(
    wanted: Iterable[Run],
    seconds_of: Callable[[Run], float | None],
    start: Callable[[Run], object],
    after: Callable[[], object] = lambda: None,
    devices: Devices | None = None,
) -> None:
    """Starts what is not finished, in that order, and says before what it will take.

    Args:
        wanted: the runs.
        seconds_of: wall time of a finished run, None of another.
        start: trains one; a kill in it loses that run's last epoch at most.
        after: called when the last run of a split and seed is done.
        devices: that train them; on several hosts all come here, and the first one prints.
    """
    wanted, devices = list(wanted), Devices() if devices is None else devices
    found = devices.once(lambda: [seconds_of(run) for run in wanted])
    times = dict(zip(wanted, found, strict=True))
    left = [run for run, seconds in times.items() if seconds is None]
    if devices.chief:
        print(outlook(times), flush=True)
    shown = bool(left) and devices.chief
    for place, run in enumerate(track(left, "runs", disable=not shown)):
        start(run)
        following = left[place + 1 : place + 2]
        if [each[1:] for each in following] != [run[1:]]:
            after()
        if following and place + 1 == RUNS_A_PROCESS:
            devices.close()
            begin_anew()


def begin_anew() -> None:
    """The same command in a new program, under the same process number."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def outlook(times: dict[Run, float | None]) -> str:
    """How many runs are left and how long they should take, by those that were timed."""
    timed = {run: seconds for run, seconds in times.items() if seconds is not None}
    usual = float(np.mean(list(timed.values()))) if timed else SECONDS
    expected = 0.0
    left = [run for run in times if run not in timed]
    for run in left:
        alike = [seconds for other, seconds in timed.items() if other.method == run.method]
        expected += float(np.mean(alike)) if alike else usual
    source = f"by {len(timed)} timed" if timed else f"at {SECONDS:.0f} s each, none is timed yet"
    minutes = f"about {expected / 60:.0f} minutes, {source}" if left else "nothing to train"
    return f"{len(left)} of {len(times)} runs left: {minutes}"
