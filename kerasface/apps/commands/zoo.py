"""`kerasface zoo list | info | verify | fetch`, and `kerasface publish`.

Nothing here imports Keras, except `verify --model` and `publish`, which build networks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasface.zoo.errors import ManifestError, UnknownEntry, ZooError

WIDTH = 110
EXAMPLE = """\
FACTS is a JSON file of the other arguments of kerasface.zoo.publish:
  {"description": "...", "licences": {"code": "Apache-2.0", "weights": "..."},
   "data": [{"name": "...", "terms": "...", "labels": ["age"]}],
   "metrics": [{"task": "age", "dataset": "...", "split": "validation",
                "metric": "mean absolute error (years)", "value": 5.0, "ci95": [4.8, 5.2],
                "n": 1800, "protocol": "..."}],
   "crop": "...", "template": {"eyes": [0.5, 0.34]}, "resize": "...", "recipe": "recipes/x.py"}"""


def add_zoo(commands: Any) -> None:
    """Adds `zoo` and its own commands to an argparse `add_subparsers()`."""
    parser = commands.add_parser("zoo", help="list, inspect, check and fetch published models")
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    action = actions.add_parser("list", help="every entry that can be loaded by name")
    action.add_argument("--json", action="store_true", help="for programs")
    action.set_defaults(run=_list)

    action = actions.add_parser("info", help="what an entry says of itself")
    action.add_argument("entry", help="name, name@version, folder or https address")
    action.add_argument("--json", action="store_true", help="the manifest")
    action.set_defaults(run=_info)

    action = actions.add_parser("verify", help="check hashes, sizes, parameters and cards")
    action.add_argument("entry", nargs="*", help="default: every entry on this machine")
    action.add_argument(
        "--model", action="store_true", help="also build each network, count and probe it (slow)"
    )
    action.set_defaults(run=_verify)

    action = actions.add_parser("fetch", help="bring an entry into the cache, print its folder")
    action.add_argument("entry", help="name, name@version or https address of an entry's folder")
    action.add_argument("--sha256", help="of the entry's manifest.json")
    action.add_argument("--all", action="store_true", help="figures too")
    action.set_defaults(run=_fetch)


def add_publish(commands: Any) -> None:
    """Adds `publish` to an argparse `add_subparsers()`."""
    parser = commands.add_parser(
        "publish",
        help="make an entry of trained weights",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="of the entry")
    parser.add_argument("version", help="MAJOR.MINOR.PATCH, never one that exists")
    parser.add_argument("--config", type=Path, required=True, help="JSON of FaceModel.get_spec()")
    parser.add_argument("--weights", type=Path, required=True, help=".weights.h5 of that model")
    parser.add_argument("--facts", type=Path, required=True, help="JSON, see below")
    parser.add_argument("--root", type=Path, default=Path("zoo"), help="the zoo's folder")
    parser.set_defaults(run=_publish)


def _console():
    """What prints on a terminal or in a pipe; None in a light install, which has no `rich`."""
    try:
        from rich.console import Console
    except ImportError:
        return None
    # No markup: the text is a manifest's, which may be a stranger's.
    plain = {"highlight": False, "markup": False, "emoji": False}
    console = Console(**plain)
    return console if console.is_terminal else Console(**plain, width=WIDTH)


def _print(text: str, **how: Any) -> None:
    console = _console()
    if console is None:
        print(text)
    else:
        console.print(text, **how)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = _console()
    if console is None:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        numeric = column in ("parameters", "operations", "MB", "value", "faces")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _list(options: argparse.Namespace) -> int:
    from kerasface.zoo.entry import read_manifest
    from kerasface.zoo.index import IndexRow
    from kerasface.zoo.locate import catalogue
    from kerasface.zoo.manifest import MANIFEST
    from kerasface.zoo.markdown import millions
    from kerasface.zoo.schema import to_json

    rows, broken = [], 0
    for found in catalogue():
        try:
            row = found.row or IndexRow.of(
                read_manifest(found.folder), (found.folder / MANIFEST).read_bytes()
            )
        except ZooError as error:
            print(f"error: {error}", file=sys.stderr)
            broken = 1
            continue
        where = "cache" if found.row and found.is_here else found.source
        rows.append((row, where))
    if options.json:
        print(json.dumps([{**to_json(row), "where": where} for row, where in rows], indent=2))
        return broken
    if not rows:
        print("no entry is published yet")
        return broken
    cells = [
        (
            f"{row.name}@{row.version}",
            millions(row.parameters),
            millions(row.operations),
            f"{row.bytes / 1e6:.2f}",
            ", ".join(row.tasks),
            where,
        )
        for row, where in rows
    ]
    _print_table(("entry", "parameters", "operations", "MB", "tasks", "where"), cells)
    return broken


def _info(options: argparse.Namespace) -> int:
    from kerasface.zoo.card import shown
    from kerasface.zoo.entry import read_manifest
    from kerasface.zoo.locate import locate
    from kerasface.zoo.manifest import WEIGHTS
    from kerasface.zoo.markdown import millions

    # Without files: an entry that is not here yet costs one small download.
    folder = locate(options.entry, files=())
    manifest = read_manifest(folder)
    if options.json:
        sys.stdout.write(manifest.to_bytes().decode("utf-8"))
        return 0
    weights = manifest.files[WEIGHTS].bytes / 1e6
    size = sum(file.bytes for file in manifest.files.values()) / 1e6
    contract = manifest.input
    _print(manifest.reference, style="bold")
    _print(str(folder), soft_wrap=True)
    for line in (
        manifest.description,
        f"{millions(manifest.parameters)} parameters, {millions(manifest.operations)} "
        f"multiply-accumulates a face, {weights:.2f} MB of weights, {size:.2f} MB with all files",
        f"input: {contract.height} x {contract.width} {contract.colour}, {contract.crop}",
        f"weights: {manifest.licences.weights}",
        f"code: {manifest.licences.code}",
        "trained on: " + ", ".join(source.name for source in manifest.training_data),
        f"recipe: {manifest.recipe} at {manifest.commit[:12]}",
        "other runtimes: " + (", ".join(each.name for each in manifest.exports or ()) or "none"),
    ):
        _print(line)
    answers = [
        (
            each.name,
            ", ".join(each.classes or ()) or each.unit or f"{each.outputs} numbers",
            each.note,
        )
        for each in manifest.tasks
    ]
    _print_table(("task", "answers", "note"), answers)
    for protocol in dict.fromkeys(row.protocol for row in manifest.metrics):
        _print(f"measured on {protocol}:")
        measured = [
            (row.task, f"{row.dataset} {row.split}", row.metric, *shown(row), f"{row.n:,}")
            for row in manifest.metrics
            if row.protocol == protocol
        ]
        _print_table(("task", "data set", "metric", "value", "95 % interval", "faces"), measured)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from kerasface.zoo.check import check_entry, check_model
    from kerasface.zoo.locate import catalogue, locate

    wrong, seen = 0, 0
    wanted = options.entry or [found for found in catalogue() if found.folder]
    for each in wanted:
        seen += 1
        try:
            folder = locate(each, files=()) if isinstance(each, str) else each.folder
            manifest = (check_model if options.model else check_entry)(folder)
            print(f"ok    {manifest.reference}  {folder}")
        except UnknownEntry:
            raise
        except ZooError as error:
            print(f"WRONG {error}")
            wrong += 1
    print(f"{seen - wrong} of {seen} entries are what their manifests say")
    return 1 if wrong else 0


def _fetch(options: argparse.Namespace) -> int:
    from kerasface.zoo.entry import NEEDED
    from kerasface.zoo.locate import locate
    from kerasface.zoo.progress import bars

    files = None if options.all else NEEDED
    # The bars are on standard error, so that what is printed is the folder alone.
    with bars() as watch:
        folder = locate(options.entry, sha256=options.sha256, files=files, watch=watch)
    print(folder)
    return 0


def _read(path: Path) -> Any:
    from kerasface.zoo.schema import read_json

    try:
        return read_json(path.read_bytes(), str(path))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or error}") from None


def _publish(options: argparse.Namespace) -> int:
    spec, facts = _read(options.config), _read(options.facts)
    if not isinstance(facts, dict):
        raise ManifestError(f"{options.facts} must be an object. Received: {type(facts).__name__}")
    if not options.weights.is_file():
        raise ManifestError(f"{options.weights}: no such file")
    from inspect import signature

    from kerasface.zoo.loading import from_config
    from kerasface.zoo.publishing import publish

    allowed = {
        name: each
        for name, each in signature(publish).parameters.items()
        if each.kind is each.KEYWORD_ONLY and name not in ("root", "score")
    }
    for name in facts:
        if name not in allowed:
            raise ManifestError(f"{options.facts}: {name} is no field; there are {list(allowed)}")
    for name, each in allowed.items():
        if each.default is each.empty and name not in facts:
            raise ManifestError(f"{options.facts}: {name} is missing")
    model = from_config(spec, str(options.config))
    try:
        model.load_weights(options.weights)
    except (ValueError, KeyError, OSError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ManifestError(f"{options.weights} does not fit {options.config}: {line}") from None
    print(publish(model, options.name, options.version, root=options.root, **facts))
    return 0
