"""Core-hours of training: what each stage of the recipe, and each way, was given."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = "seconds.jsonl"


@contextmanager
def clock(runs: Path | None, name: str, every: float = 30.0) -> Iterator[None]:
    """Notes the core-seconds of a block in `seconds.jsonl`.

    A killed try lacks at most the last of its lines, which come while the block runs. The time of
    a block within the block is only its own.

    Args:
        runs: folder of the file; None where another host counts.
        name: of what the time is spent on.
        every: seconds between two lines.
    """
    if runs is None:
        yield
        return
    if _running:
        _running[-1].stop()
    _running.append(_Stopwatch(runs / SECONDS, name, every))
    _running[-1].start()
    try:
        yield
    finally:
        _running.pop().stop()
        if _running:
            _running[-1].start()


class _Stopwatch:
    """Adds lines to a file while it runs; can be started again."""

    def __init__(self, file: Path, name: str, every: float):
        self.file, self.name, self.every = file, name, every
        self.cores = available_cores()

    def start(self) -> None:
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._note, daemon=True)
        self.before = time.monotonic()
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()

    def _note(self) -> None:
        last = False
        while not last:
            last = self.stopped.wait(self.every)
            now = time.monotonic()
            spent = {"name": self.name, "core_seconds": self.cores * (now - self.before)}
            self.before = now
            # A line is added whole, also where several processes share the runs.
            with open(self.file, "a") as file:
                file.write(f"{json.dumps(spent)}\n")


_running: list[_Stopwatch] = []  # the innermost block last


def available_cores() -> int:
    """Of this process: `taskset` may have bound it to some."""
    bound = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(bound(0)) if bound else os.cpu_count() or 1


def seconds(runs: Path) -> dict[str, float]:
    """Core-seconds that were spent so far, by name."""
    file, spent = runs / SECONDS, Counter()
    for line in file.read_text().splitlines() if file.exists() else ():
        noted = json.loads(line)
        spent[noted["name"]] += noted["core_seconds"]
    return dict(spent)
