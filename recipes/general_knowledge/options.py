"""What every stage of the recipe takes from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from kerasface.training.devices import Devices, devices_of
from recipes.general_knowledge import sets
from recipes.general_knowledge.clock import clock
from recipes.general_knowledge.sources import FULL, SMOKE, SOURCES

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


def parse(parser: argparse.ArgumentParser, arguments=None) -> argparse.Namespace:
    """The options, and `load` (a part's faces), `found`, `scale`, `clock`, which sources and parts.

    `devices` are those of `add_devices`, where the stage has it, else one. A prepared file that is
    not there, or damaged, ends the command in one line.

    Args:
        parser: with `add_options`.
        arguments: None: those of the process.
    """
    options = parser.parse_args(arguments)
    options.devices = devices_of(options) if "devices" in options else Devices()
    options.runs.mkdir(parents=True, exist_ok=True)
    options.scale = SMOKE if options.smoke else FULL

    def prepared(read: Callable, *names: str):
        try:
            return read(options.prepared, *names)
        except FileNotFoundError as error:
            parser.error(f"{error.filename} is not there: recipes.general_knowledge.sets makes it")
        except ValueError as error:
            parser.error(str(error))

    load = sets.smoke if options.smoke else partial(prepared, sets.load)
    # Parts are asked for again and again; together they take 1 GB.
    options.load = lru_cache(maxsize=4)(load)
    options.found = sets.smoke_found if options.smoke else partial(prepared, sets.load_found)
    options.sources = SMOKE_SOURCES if options.smoke else tuple(SOURCES)
    options.unsupervised = SMOKE_UNSUPERVISED if options.smoke else sets.UNSUPERVISED
    options.held = SMOKE_HELD if options.smoke else sets.HELD
    options.parts = SMOKE_PARTS if options.smoke else sets.PARTS
    options.clock = partial(clock, options.runs if options.devices.chief else None)
    return options
