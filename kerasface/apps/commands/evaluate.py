"""`kerasface evaluate`: published entries and runs under a named protocol."""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = """\
examples:
  kerasface evaluate --list
  kerasface evaluate student --protocol fer2013 --data DATA --json
  kerasface evaluate runs/fold-* --protocol ck48_10fold --data DATA --figures figures
  kerasface evaluate --protocol ck48_10fold --data DATA --write-splits folds.json

A run's settings may hold "protocol" and "split": it is then tested on that split alone."""


def add_evaluate(subparsers) -> None:
    """Adds `evaluate`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="test a model under a named protocol",
        description="Tests a published entry or a run's folder on the rows that a protocol says, "
        "with its measures, averages and 95 % intervals. Several models are runs, each tested on "
        "the split that its settings name.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="entry (student, student@1.0.0) or run's folder"
    )
    parser.add_argument("--list", action="store_true", help="list the protocols")
    parser.add_argument("--protocol", metavar="NAME", help="one of --list")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the data set, or the one that holds it"
    )
    parser.add_argument("--split", metavar="NAME", help="test on this split alone, such as fold-3")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the result as JSON; without FILE to stdout",
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="write confusion matrices and learning curves"
    )
    parser.add_argument(
        "--write-splits", type=Path, metavar="FILE", help="write the rows of every split as JSON"
    )
    parser.add_argument(
        "--resamples", type=int, default=1000, help="of the bootstrap (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=256, help="faces at once (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tests the models, or lists the protocols, or writes the splits of one."""
    _check(options)
    from kerasface.apps.protocol_runs import load, notes_of, plan
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface.evaluation.protocols import PROTOCOLS, find_protocol
    if options.list:
        for name, protocol in PROTOCOLS.items():
            print(f"{name:24}  {protocol.about}")
        return 0
    protocol = find_protocol(options.protocol)
    table = protocol.read(options.data)
    if options.write_splits:
        _write_splits(protocol, table, options)
    if not options.models:
        return 0
    plans = plan(options.models, protocol.name, protocol.splits(table), options.split)
    parts, models = [], []
    with _progress(sum(len(each.splits) for each in plans)) as advance:
        for each in plans:
            model, facts = load(each.source, protocol)
            for split in each.splits:
                parts.append(_tested(protocol, table, split, model, options.batch_size))
                advance()
            models.append({**facts, "splits": [split.name for split in each.splits]})
    from kerasface import __version__

    result = protocol.score(parts, options.resamples)
    result |= {
        "models": models,
        "data": str(table.report).splitlines(),
        "notes": notes_of(models, protocol),
        "kerasface": __version__,
    }
    for note in result["notes"]:
        print(f"note: {note}", file=sys.stderr)
    if options.figures:
        _draw(result, options)
    if options.json:
        with _opened(options.json) as file:
            json.dump(result, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.write("\n")
    if options.json != "-":
        print(render(result))
    return 0


def render(result: dict) -> str:
    """The result as lines of text."""
    protocol = result["protocol"]
    lines = [f"{protocol['name']}: {protocol['about']}"]
    lines += [f"  {m['name']} on {', '.join(m['splits'])}" for m in result["models"][:12]]
    for name, view in result["views"].items():
        lines.append(f"{name} ({view['rows']} rows, {view['people']} people): {view['about']}")
        if view.get("ceiling", 1.0) < 1.0:
            lines.append(f"  at most {100 * view['ceiling']:.1f} % could be right")
        for metric, found in view["measures"].items():
            line = f"  {metric:24} {found['value']:.4f}  [{found['low']:.4f}, {found['high']:.4f}]"
            if "over_splits" in view:
                over = view["over_splits"][metric]
                line += f"  splits: {over['mean']:.4f} ± {over['sd']:.4f} (n = {over['splits']})"
            lines.append(line)
    return "\n".join(lines)


def _check(options: argparse.Namespace) -> None:
    if options.list:
        return
    if not options.protocol or not options.data:
        raise ValueError("--protocol and --data are needed; --list shows the protocols")
    if not options.models and not options.write_splits:
        raise ValueError("name a model to test, or --write-splits FILE")
    if not options.data.is_dir():
        raise FileNotFoundError(f"no such folder: {options.data}")
    if options.resamples < 2 or options.batch_size < 1:
        raise ValueError(
            "--resamples must be 2 or more and --batch-size 1 or more. "
            f"Received: {options.resamples} and {options.batch_size}"
        )


def _write_splits(protocol, table, options) -> None:
    from kerasface.evaluation.protocols import save_splits

    training = protocol.read_training(options.data) if protocol.training else None
    splits = protocol.splits(table, training, clean=True)
    subjects = {}
    for each in (training, table):
        if each is not None:
            subjects |= {each.name_of(place): row.subject for place, row in enumerate(each)}
    save_splits(options.write_splits, protocol.name, splits, subjects)


def _tested(protocol, table, split, model, batch_size: int):
    from kerasface.training.validation import predict

    height, width, channels = model.trunk.input_shape[1:]
    if height != width or channels != 3:
        raise ValueError(
            "a model to test must read square colour pictures. "
            f"Received: {height} x {width} x {channels}"
        )
    test = protocol.test_set(table, split, height)
    return protocol.tested(table, split, test, model.tasks, predict(model, test.images, batch_size))


def _draw(result: dict, options) -> None:
    from kerasface.evaluation.curves import task_curves
    from kerasface.evaluation.figures import confusion_figure, read_history
    from kerasface.tasks import from_config
    from kerasface.training.trained_run import is_run, run_config

    options.figures.mkdir(parents=True, exist_ok=True)
    protocol = result["protocol"]
    for name, view in result["views"].items():
        if "confusion" in view:
            title = f"{protocol['name']}, {name}"
            picture = confusion_figure(view["confusion"], protocol["classes"], title)
            file = f"{protocol['name']}_{re.sub('[^a-z0-9]+', '_', name)}_confusion.png"
            (options.figures / file).write_bytes(picture)
    for source in options.models:
        history = Path(source) / "history.jsonl"
        if is_run(source) and history.is_file():
            tasks = [from_config(each) for each in run_config(source)["spec"]["tasks"]]
            picture = task_curves(read_history(history), tasks, Path(source).name)
            (options.figures / f"{Path(source).name}_curves.png").write_bytes(picture)


@contextmanager
def _opened(place: str):
    if place == "-":
        yield sys.stdout
        return
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    with open(place, "w", encoding="utf-8") as file:
        yield file


@contextmanager
def _progress(total: int):
    """A bar on stderr for several splits, where a person watches."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("splits", total=total)
        yield lambda: progress.advance(task)
