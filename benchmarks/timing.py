"""Times things against each other: in turns, in one process, by medians of blocks.

A machine drifts (heat, neighbours, other work), so two things are never timed one after the
other. Every round runs a block of each, every second round in the opposite order, and a ratio is
the median of the rounds' own ratios.
"""

from __future__ import annotations

import operator
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

# CPU seconds of all threads say what is spent where other work keeps the cores busy; only the
# wall clock says what a person waits for.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
_COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}

Blocks = list[list[float]]


def alternate(
    actions: Mapping[str, Callable[[], Sequence[float]]], rounds: int
) -> dict[str, Blocks]:
    """Runs every action once a round, every second round in the opposite order.

    Args:
        actions: by name a function that runs one block and returns its samples in seconds.
            What is not to be counted (tracing, filling of caches) it has done before, or drops.
        rounds: blocks of each, at least 1.

    Returns:
        By name, a list of samples a round.

    Raises:
        ValueError: no round, or a block without a sample.
    """
    from rich.console import Console
    from rich.progress import track

    if rounds < 1:
        raise ValueError(f"rounds must be 1 or more. Received: rounds={rounds}")
    blocks: dict[str, Blocks] = {name: [] for name in actions}
    console = Console(stderr=True)
    for turn in track(range(rounds), "measuring", console=console, transient=True):
        for name in reversed(actions) if turn % 2 else actions:
            samples = [float(sample) for sample in actions[name]()]
            if not samples:
                raise ValueError(f"a block must give samples. Received: none from {name!r}")
            blocks[name].append(samples)
    return blocks


def repeated(
    action: Callable[[], object], times: int, clock: str = "wall"
) -> Callable[[], list[float]]:
    """A block for `alternate`: the seconds of each of `times` calls, after one that warms up.

    Args:
        action: what to time.
        times: samples a block, at least 1.
        clock: of `CLOCKS`.
    """
    now = CLOCKS[clock]

    def block() -> list[float]:
        action()
        samples = []
        for _ in range(times):
            started = now()
            action()
            samples.append(now() - started)
        return samples

    return block


def row(name: str, blocks: Blocks, faces: int = 1) -> dict:
    """One line of a table from all samples of one thing.

    Args:
        name: what was timed.
        blocks: samples in seconds by round.
        faces: how many faces one sample handles.

    Returns:
        JSON-safe: `name`, `faces`, `median_ms` and `min_ms` of one sample, `ms_a_face`,
        `faces_per_second` (both of the median) and the number of `samples`.
    """
    samples = [sample for block in blocks for sample in block]
    median = statistics.median(samples)
    return {
        "name": name,
        "faces": faces,
        "median_ms": 1e3 * median,
        "min_ms": 1e3 * min(samples),
        "ms_a_face": 1e3 * median / faces,
        "faces_per_second": faces / max(median, 1e-12),
        "samples": len(samples),
    }


def ratio(name: str, over: Blocks, under: Blocks, aim: str | None = None, scale=1.0) -> dict:
    """How many times `under` `over` takes: the median of the rounds' ratios of medians.

    Args:
        name: what is divided by what.
        over: samples by round.
        under: samples of the same rounds.
        aim: as `stated` takes it.
        scale: multiplies the ratio, for samples that handle different numbers of faces.

    Returns:
        As `stated`, with `low` and `high`, the least and largest ratio of a round.
    """
    pairs = zip(over, under, strict=True)
    each = [scale * statistics.median(a) / max(statistics.median(b), 1e-12) for a, b in pairs]
    return {**stated(name, statistics.median(each), aim), "low": min(each), "high": max(each)}


def stated(name: str, value: float, aim: str | None = None) -> dict:
    """A ratio and whether it is as it should be.

    Args:
        name: what is divided by what.
        value: the ratio.
        aim: "<= 1.10", ">= 0.80", "< 1.00", or None where none was set.

    Returns:
        JSON-safe: `name`, `value`, `aim`, `met` (None without an aim).

    Raises:
        ValueError: the aim is not of that form.

    Example:
        >>> stated("step", 1.05, "<= 1.10")
        {'name': 'step', 'value': 1.05, 'aim': '<= 1.10', 'met': True}
    """
    met = None
    if aim is not None:
        sign, _, limit = aim.partition(" ")
        if sign not in _COMPARISONS:
            raise ValueError(f"aim must begin with {list(_COMPARISONS)}. Received: aim={aim!r}")
        met = bool(_COMPARISONS[sign](value, float(limit)))
    return {"name": name, "value": value, "aim": aim, "met": met}
