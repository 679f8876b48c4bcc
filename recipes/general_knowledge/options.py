"""What every stage of the recipe takes from the command line, and how long each of them took."""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path

from kerasface.training.devices import Devices, devices_of
from recipes.general_knowledge import sets
from recipes.general_knowledge.sources import FULL, SMOKE, SOURCES

SECONDS = "seconds.jsonl"
# Enough of each to run everything once.
SMOKE_SOURCES = ("identity", "attributes")
SMOKE_UNSUPERVISED, SMOKE_HELD = ("celeba-source", "mtfl-source"), ("celeba-held",)
SMOKE_PARTS = (*SMOKE_UNSUPERVISED, *SMOKE_HELD, "mtfl-target", "mtfl-test", "lfw")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds folders, seed and `--smoke`."""
    parser.add_argument("--prepared", type=Path, default=Path("runs/gk-prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/gk"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, synthetic faces")


def complete(options: argparse.Namespace) -> argparse.Namespace:
    """Adds `load` (a part's faces), `found`, `scale`, `clock`, and which sources and parts.

    `devices` are those of `add_devices`, where the stage has it, else one.
    """
    options.devices = devices_of(options) if "devices" in options else Devices()
    options.runs.mkdir(parents=True, exist_ok=True)
    options.scale = SMOKE if options.smoke else FULL
    load = sets.smoke if options.smoke else partial(sets.load, options.prepared)
    # Parts are asked for again and again; together they take 1 GB.
    options.load = lru_cache(maxsize=4)(load)
    options.found = (
        sets.smoke_found if options.smoke else partial(sets.load_found, options.prepared)
    )
    options.sources = SMOKE_SOURCES if options.smoke else tuple(SOURCES)
    options.unsupervised = SMOKE_UNSUPERVISED if options.smoke else sets.UNSUPERVISED
    options.held = SMOKE_HELD if options.smoke else sets.HELD
    options.parts = SMOKE_PARTS if options.smoke else sets.PARTS
    options.clock = partial(clock, options.runs if options.devices.chief else None)
    return options


@contextmanager
def clock(runs: Path | None, name: str, every: float = 30.0) -> Iterator[None]:
    """Notes the core-seconds of a block in `seconds.jsonl`.

    A killed try lacks at most the last of its lines, which come while the block runs.

    Args:
        runs: folder of the file; None where another host counts.
        name: of what the time is spent on.
        every: seconds between two lines.
    """
    if runs is None:
        yield
        return
    cores, ended = available_cores(), threading.Event()

    def note() -> None:
        before, last = time.monotonic(), False
        while not last:
            last = ended.wait(every)
            now = time.monotonic()
            line = json.dumps({"name": name, "core_seconds": cores * (now - before)})
            before = now
            # A line is added whole, also where several processes share the runs.
            with open(runs / SECONDS, "a") as file:
                file.write(f"{line}\n")

    thread = threading.Thread(target=note, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
