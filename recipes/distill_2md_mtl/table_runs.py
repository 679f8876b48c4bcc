"""What the table and the controls share: options, and the way through their runs to a page."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from recipes.distill_2md_mtl import records
from recipes.distill_2md_mtl.methods import Method
from recipes.distill_2md_mtl.runs import Run, run_all
from recipes.distill_2md_mtl.train import add_options, check_rows, complete, run_one
from recipes.shares import add_share


def add_table_options(parser: argparse.ArgumentParser, runs: Path) -> None:
    """Those of a run, and of many.

    Args:
        parser: of the command line.
        runs: folder of the runs where none is given.
    """
    add_options(parser, runs)
    add_share(parser)
    parser.add_argument("--render", action="store_true", help="train nothing")
    parser.add_argument("--out", type=Path, help="of the page; default beside this file")


def complete_table(options: argparse.Namespace, beside: Path) -> argparse.Namespace:
    """The options with what follows from them.

    Args:
        options: of the command line.
        beside: folder of the recipe, whose page only its own runs write.
    """
    options = complete(options)
    options.out = options.out or (options.runs if options.special else beside)
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def train_all(
    wanted: Iterable[Run],
    methods: Mapping[str, Method],
    options: argparse.Namespace,
    write: Callable[[argparse.Namespace], str],
    asked: Callable[[Run], tuple[str, ...] | None] = lambda run: None,
) -> None:
    """Trains this process's share of the runs that have no record yet, and prints the page.

    Args:
        wanted: all runs of the table.
        methods: by name.
        options: completed.
        write: writes results and page of what is there, and returns the page; called after each
            split and seed, too.
        asked: protocols that test a run, None for all.

    Raises:
        ValueError: a record was made under other settings.
    """
    kept = options.out / records.FOLDER
    # A teacher stands on the split and seed of its students.
    taken = options.share.taken(wanted, lambda run: (run.split, run.seed))
    records.check(taken, methods, kept, options)
    keep = partial(records.keep, taken, methods, options.runs, kept)

    def start(run: Run) -> None:
        options.split, options.seed, options.asked = run.split, run.seed, asked(run)
        run_one(run.method, options, methods)
        options.devices.once(keep)

    def page() -> None:
        options.devices.once(lambda: write(options) and None)

    options.devices.once(keep)  # of runs that were trained one by one, too
    if not options.render:
        check_rows({run.method for run in taken}, options, methods)
        run_all(taken, partial(records.seconds_of, kept=kept), start, page, options.devices)
    options.devices.once(lambda: print(write(options)))
