"""What `label` and `embed` have in common: their input, who does the work, and how it is shown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RECORDS = "about.json"  # in a folder of TFRecord files that kerasface wrote
PARQUET, TFRECORD = (".parquet",), (".tfrecord", ".tfrecords", ".tfrec")
SHOWN = 5  # unreadable pictures that are named


def add_input(parser: argparse.ArgumentParser) -> None:
    """Adds what is read, and by whom it is done."""
    parser.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="a folder of pictures, Parquet or TFRecord files, one such file, a prepared set "
        "(.npz), or a folder of its TFRecord files",
    )
    parser.add_argument("--dataset", help="name of the data set; default: the folder's or set's")
    parser.add_argument(
        "--column",
        help="of Parquet files, with encoded pictures or paths (default: image); of TFRecord "
        "files the feature with encoded pictures (default: image/encoded)",
    )
    parser.add_argument(
        "--name-column", help="column or feature with the pictures' names; default: file and row"
    )
    parser.add_argument(
        "--detector",
        choices=("mtcnn", "none"),
        default="none",
        help="none: each picture is the crop of one face; mtcnn: the largest face counts "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--rows-per-shard", type=int, default=4096, help="pictures a file (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=4, help="that decode, a worker (default: %(default)s)"
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="local: this process; ray: workers on Ray Data, on this machine or on the cluster of "
        "RAY_ADDRESS (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, help="of Ray; default: one a GPU, or one a processor"
    )


def check_input(options: argparse.Namespace) -> None:
    """Looks at what can be wrong before a network is built.

    Raises:
        FileNotFoundError: there is no such input.
        ValueError: no threads, or workers for the local engine.
        ImportError: pyarrow is not installed.
    """
    if options.threads < 1:
        raise ValueError(f"--threads must be 1 or more. Received: {options.threads}")
    if options.workers is not None and (options.engine == "local" or options.workers < 1):
        raise ValueError(
            "--workers is for --engine ray, 1 or more. "
            f"Received: --engine {options.engine} --workers {options.workers}"
        )
    if not options.input.exists():
        raise FileNotFoundError(f"no such file or folder: {options.input}")
    from kerasface.data.parquet import arrow

    arrow()


def source_of(options: argparse.Namespace, size: int):
    """The rows of the input; crops of `size` pixels where pictures are decoded.

    Raises:
        FileNotFoundError: a folder without pictures.
        ValueError: a file of another kind, or one that is damaged.
    """
    path = options.input
    is_set = (path / RECORDS).is_file() if path.is_dir() else path.suffix == ".npz"
    if is_set:
        return _prepared_source(path, options.dataset)
    root = path if path.is_dir() else path.parent
    how = {
        "dataset": options.dataset or (path.resolve().name if path.is_dir() else path.stem),
        "root": root,
        "size": size,
        "detector": options.detector,
        "workers": options.threads,
    }
    columns = {"name_column": options.name_column}
    if options.column:
        columns["column"] = options.column
    files = _of_kind(path, PARQUET)
    if files:
        from kerasface.inference.parquet_source import ParquetSource

        return ParquetSource(files, **columns, **how)
    files = _of_kind(path, TFRECORD)
    if files:
        from kerasface.inference.record_source import RecordSource

        columns = {name.replace("column", "feature"): each for name, each in columns.items()}
        return RecordSource(files, **columns, **how)
    if not path.is_dir():
        raise ValueError(
            f"{path} is no prepared set (.npz), Parquet file ({PARQUET[0]}) or TFRecord file "
            f"({', '.join(TFRECORD)}). Received: a file ending in {path.suffix or 'nothing'}"
        )
    from kerasface.apps.commands.analyze import expand
    from kerasface.inference.label_sources import FileSource

    return FileSource(list(expand([str(path)])), **how)


def _of_kind(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The file, or those of the folder, whose names end so, or as `x.tfrecord-00000-of-00010`."""

    def fits(file: Path) -> bool:
        name = file.name.lower()
        return name.endswith(suffixes) or any(f"{suffix}-" in name for suffix in suffixes)

    if not path.is_dir():
        return [path] if fits(path) else []
    return sorted(file for file in path.rglob("*") if fits(file) and file.is_file())


def _prepared_source(path: Path, dataset: str | None):
    """A prepared set from its file or its folder of records.

    Raises:
        ValueError: it is neither.
    """
    from dataclasses import replace

    from kerasface.data.prepared import PreparedSet
    from kerasface.data.records import read_records
    from kerasface.inference.label_sources import SetSource

    prepared = read_records(path) if path.is_dir() else PreparedSet.load(path)
    return SetSource(replace(prepared, domain=dataset or prepared.domain))


def show_unreadable(folder: Path, kind: type, total: int) -> None:
    """The first few pictures that could not be read, on stderr.

    Args:
        folder: of the shards.
        kind: of their run, a `ShardedRun`.
        total: how many could not be read.
    """
    from kerasface.data.shard_folder import read_unreadable

    run, shown = kind.read(folder), 0
    for number in range(run.shards):
        for name, error in read_unreadable(folder, run, number).items():
            if shown == SHOWN:
                print(f"and {total - SHOWN} more in unreadable-*.parquet", file=sys.stderr)
                return
            print(f"unreadable: {name}: {error}", file=sys.stderr)
            shown += 1


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function of a number of pictures that moves a bar on stderr, where a person watches."""
    if not sys.stderr.isatty():
        yield lambda pictures: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda pictures: progress.advance(task, pictures)
