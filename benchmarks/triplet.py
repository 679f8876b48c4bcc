"""Triplet losses against batch size: time and memory of a step, beside tensorflow-addons.

    python -m benchmarks.triplet [--addons PYTHON] [--largest 4096] [--addons-largest 512]
        [--clock cpu]

PYTHON is the interpreter of a second environment with tensorflow-cpu 2.15.1 and tensorflow-addons,
which cannot be installed beside Keras 3. Without it the figures of the design stand in its place
(batch 1024: 8.3 s and 18 GB on another machine), and the result says so. Every batch size runs in
a process of its own, so that its peak memory is its own. About 3 minutes on 2 cores.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.result import ROOT, finish, parser, warn_if_busy
from benchmarks.timing import CLOCKS, row, stated

DIM = 128
KINDS = ("semi-hard", "hard")
# The design's, measured there with tensorflow-addons 0.23: not on this machine.
RECORDED = {"kind": "semi-hard", "batch": 1024, "seconds": 8.3, "peak_mb": 18e3}


def one(python: str, library: str, kind: str, batch: int, repeats: int, clock: str) -> dict:
    """Figures of one loss at one batch size.

    Args:
        python: the interpreter to run it with.
        library: "kerasface" or "addons".
        kind: "semi-hard" or "hard".
        batch: rows.
        repeats: timed steps.
        clock: "wall", or "cpu" for seconds of all threads.

    Returns:
        `kind`, `batch`, `seconds` (of each step), `peak_mb`, `value` of the loss, `tensorflow`.

    Raises:
        RuntimeError: the process failed; with the last line it wrote.
    """
    script = Path(__file__).with_name("triplet_step.py")
    command = [python, script, library, kind, *map(str, (batch, DIM, repeats)), clock]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if library == "kerasface":
        environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise RuntimeError(f"{library} {kind} at batch {batch} failed: {last}")
    return {"kind": kind, "batch": batch, **json.loads(done.stdout.splitlines()[-1])}


def line(figures: dict) -> dict:
    """A record of the table: batch, milliseconds of the median step, MB."""
    return {
        "loss": figures["kind"],
        "batch": figures["batch"],
        "ms": 1e3 * statistics.median(figures["seconds"]),
        "peak_mb": figures["peak_mb"],
    }


def growth(ours: list[dict]) -> list[dict]:
    """Ratios between the two largest batches, beside what batch^2 (times its log) gives."""
    semi_hard = [figures for figures in ours if figures["kind"] == "semi-hard"][-2:]
    small, large = (line(figures) for figures in semi_hard)
    b, c = small["batch"], large["batch"]
    expected = (c / b) ** 2
    return [
        stated(
            f"semi-hard time, batch {c} / {b}; batch^2 log(batch) gives "
            f"{expected * math.log(c) / math.log(b):.1f}",
            large["ms"] / small["ms"],
        ),
        stated(
            f"semi-hard memory, batch {c} / {b}; batch^2 gives {expected:.1f}",
            large["peak_mb"] / max(small["peak_mb"], 1.0),
        ),
    ]


def against(ours: list[dict], theirs: dict, where: str) -> list[dict]:
    """Ratios of one figure of tensorflow-addons to ours at the same batch and kind."""
    key = (theirs["kind"], theirs["batch"])
    mine = next(figures for figures in ours if (figures["kind"], figures["batch"]) == key)
    name = f"tensorflow-addons {where} / ours, {key[0]}, batch {key[1]}"
    seconds = statistics.median(theirs["seconds"]) / statistics.median(mine["seconds"])
    return [
        stated(f"time, {name}", seconds, ">= 1.00"),
        stated(f"memory, {name}", theirs["peak_mb"] / max(mine["peak_mb"], 1.0), ">= 1.00"),
    ]


def sizes(smallest: int, largest: int) -> list[int]:
    """Doublings from the smallest to the largest."""
    return [smallest << step for step in range((largest // smallest).bit_length())]


def main(arguments=None) -> None:
    """Measures and writes `triplet.json`."""
    made = parser(__doc__)
    made.add_argument("--addons", metavar="PYTHON", help="interpreter with tensorflow-addons")
    made.add_argument("--largest", type=int, default=4096, help="largest batch, default 4096")
    made.add_argument(
        "--addons-largest",
        type=int,
        default=512,
        help="largest batch for tensorflow-addons, default 512 (1024 takes 18 GB)",
    )
    made.add_argument("--repeats", type=int, default=3, help="timed steps, default 3")
    made.add_argument("--clock", choices=CLOCKS, default="wall")
    options = made.parse_args(arguments)
    warn_if_busy(options.smoke)
    if options.smoke:
        options.largest, options.addons_largest, options.repeats = 128, 64, 1

    def measured(python, library, kinds, largest):
        found = []
        for kind in kinds:
            for batch in sizes(64, largest):
                found.append(one(python, library, kind, batch, options.repeats, options.clock))
                print({**line(found[-1]), "library": library}, file=sys.stderr, flush=True)
        return found

    ours = measured(sys.executable, "kerasface", KINDS, options.largest)
    theirs = []
    if options.addons:
        theirs = measured(options.addons, "addons", KINDS, options.addons_largest)
    ratios = []
    for kind in KINDS:
        same = [figures for figures in theirs if figures["kind"] == kind]
        if same:
            ratios += against(ours, same[-1], "here")
    if options.largest >= RECORDED["batch"]:
        recorded = {**RECORDED, "seconds": [RECORDED["seconds"]]}
        ratios += against(ours, recorded, "as the design recorded it elsewhere")
    every = [
        row(f"{name} {each['kind']}, batch {each['batch']}", [each["seconds"]], each["batch"])
        for name, group in (("ours", ours), ("tensorflow-addons", theirs))
        for each in group
    ]
    finish(
        "triplet",
        options,
        {
            "dim": DIM,
            "repeats": options.repeats,
            "batches": sizes(64, options.largest),
            "clock": options.clock,
        },
        [*ratios, *growth(ours)],
        every,
        {
            "addons": (
                f"measured here with TensorFlow {theirs[0]['tensorflow']}"
                if theirs
                else "not measured here; the design's figures"
            ),
            "memory": [line(figures) for figures in ours],
            "memory_of_addons": [line(figures) for figures in theirs],
            "largest_difference_of_values": difference(ours, theirs),
        },
    )


def difference(ours: list[dict], theirs: list[dict]) -> float | str:
    """Largest difference between the two libraries' losses on the same batches."""
    values = {(figures["kind"], figures["batch"]): figures["value"] for figures in ours}
    gaps = [abs(values[each["kind"], each["batch"]] - each["value"]) for each in theirs]
    return f"{max(gaps):.1e}" if gaps else "not measured"


if __name__ == "__main__":
    main()
