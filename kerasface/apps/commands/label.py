"""`kerasface label`: a teacher labels a folder of faces or a prepared set, into Parquet shards."""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

from kerasface.apps.commands.analyze import DEFAULT_MODEL, expand

RECORDS = "about.json"  # in a folder of TFRecord files
SHOWN = 5  # unreadable pictures that are named


def add_label(subparsers) -> None:
    """Adds `label`."""
    parser = subparsers.add_parser(
        "label",
        help="let a model label faces for the tasks they lack",
        description="A teacher's answers under several transforms of each face, averaged, with "
        "their confidence, as Parquet files in a folder. A set's own labels are not made again. "
        "Stopped at any moment, the same command goes on where it was.",
        epilog="Labels of race are made only where they are asked for: --tasks race.",
    )
    parser.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="a folder of pictures, a prepared set (.npz), or a folder of its TFRecord files",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the label files")
    parser.add_argument(
        "--teacher",
        default=DEFAULT_MODEL,
        metavar="ENTRY",
        help="name in the zoo, entry folder, https address, or with --config a .weights.h5 "
        "(default: %(default)s)",
    )
    parser.add_argument("--config", type=Path, help="JSON of FaceModel.get_spec() for weights")
    parser.add_argument("--tasks", help="names with commas between; default: all but race")
    parser.add_argument(
        "--transforms",
        metavar="LIST",
        help="with commas between: plain, flip, scale=1.1, shift=0.05:0, crop=0:0:0.9:0.9, "
        "flip+scale=1.1 (default: six of these)",
    )
    parser.add_argument(
        "--threshold",
        metavar="LEAST",
        help="least confidence of labels that are kept: 0.8, or expression=0.9,age=0.5",
    )
    parser.add_argument("--dataset", help="name of the data set; default: the folder's or set's")
    parser.add_argument(
        "--detector",
        choices=("mtcnn", "none"),
        default="none",
        help="none: each picture is the crop of one face; mtcnn: the largest face counts "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=384,
        help="pictures through the teacher at once, transforms counted (default: %(default)s)",
    )
    parser.add_argument(
        "--rows-per-shard", type=int, default=4096, help="pictures a file (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=4, help="threads that decode (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Labels the input; 2 where none of its pictures could be read."""
    thresholds = parse_threshold(options.threshold)
    if options.workers < 1:
        raise ValueError(f"--workers must be 1 or more. Received: {options.workers}")
    if not options.input.exists():
        raise FileNotFoundError(f"no such file or folder: {options.input}")
    paths = list(expand([str(options.input)])) if _holds_pictures(options.input) else None
    from kerasface.apps.startup import quiet_start
    from kerasface.data.parquet import arrow

    arrow()  # its absence is said before a network is built
    with quiet_start():
        from kerasface.inference.labeller import Labeller
        from kerasface.inference.labelling import label_images
        from kerasface.inference.transforms import DEFAULT_TRANSFORMS

    teacher, known_as = load_teacher(options.teacher, options.config)
    labeller = Labeller(
        teacher,
        _words(options.tasks),
        _words(options.transforms) or DEFAULT_TRANSFORMS,
        options.batch_size,
        **known_as,
    )
    source = _source(options, paths, labeller)
    with _progress(len(source.names)) as advance:
        report = label_images(
            labeller, source, options.out, thresholds, options.rows_per_shard, advance
        )
    print(
        f"{options.out}: {report.labels:,} labels of {report.pictures:,} pictures in "
        f"{report.shards} files ({report.resumed} were there), {report.unreadable} unreadable"
    )
    if report.unreadable:
        _show_unreadable(options.out)
    return 0 if report.unreadable < report.pictures else 2


def parse_threshold(text: str | None) -> float | dict[str, float] | None:
    """`0.8` for all tasks or `expression=0.9,age=0.5`.

    Raises:
        ValueError: neither of these.
    """
    if text is None:
        return None
    try:
        if "=" not in text:
            return float(text)
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(least) for name, least in pairs}
    except ValueError:
        raise ValueError(
            f"--threshold must be a number or TASK=NUMBER,TASK=NUMBER. Received: {text!r}"
        ) from None


def load_teacher(teacher: str, config: Path | None):
    """The model, and what label files call it: `{}`, or `{"name", "sha256"}` of a weights file.

    Raises:
        ValueError: the configuration and weights do not fit, or the file is no such thing.
        ZooError: an entry that cannot be had.
    """
    if config is None:
        if teacher.endswith(".h5"):
            raise ValueError(f"weights need the --config of their model. Received: {teacher}")
        from kerasface import zoo

        return zoo.load(teacher), {}
    from kerasface.zoo.entry import sha256_of
    from kerasface.zoo.loading import from_config
    from kerasface.zoo.weights import count_parameters

    weights = Path(teacher)
    sha256 = sha256_of(weights)
    count_parameters(weights)  # refuses links and other surprises before anything opens them
    model = from_config(json.loads(config.read_text(encoding="utf-8")), str(config))
    try:
        model.load_weights(weights)
    except (ValueError, KeyError, TypeError, OSError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{weights} does not fit {config}: {line}") from None
    return model, {"name": weights.name.removesuffix(".weights.h5"), "sha256": sha256}


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() and not (path / RECORDS).is_file()


def _source(options: argparse.Namespace, paths: list[str] | None, labeller):
    """The rows of the input."""
    from dataclasses import replace

    from kerasface.data.template import SIZE
    from kerasface.inference.label_sources import FileSource, SetSource

    if paths is None:
        prepared = _prepared(options.input)
        return SetSource(replace(prepared, domain=options.dataset or prepared.domain))
    return FileSource(
        paths,
        options.dataset or options.input.resolve().name,
        root=options.input,
        size=labeller.input_size[0] or SIZE,
        detector=options.detector,
        workers=options.workers,
    )


def _prepared(path: Path):
    """A prepared set from its file or its folder of records.

    Raises:
        ValueError: it is neither.
    """
    if path.is_dir():
        from kerasface.data.records import read_records

        return read_records(path)
    from kerasface.data.prepared import PreparedSet

    try:
        return PreparedSet.load(path)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no prepared set ({str(error).splitlines()[0]})") from None


def _words(text: str | None) -> list[str] | None:
    return [word.strip() for word in text.split(",") if word.strip()] if text else None


def _show_unreadable(folder: Path) -> None:
    from kerasface.data.pseudo_labels import read_labels

    unreadable = read_labels(folder).unreadable
    for name, error in list(unreadable.items())[:SHOWN]:
        print(f"unreadable: {name}: {error}", file=sys.stderr)
    if len(unreadable) > SHOWN:
        print(f"and {len(unreadable) - SHOWN} more in unreadable-*.parquet", file=sys.stderr)


@contextmanager
def _progress(total: int):
    """A bar on stderr where a person watches."""
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

    columns = (TextColumn("labelling"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("labelling", total=total)
        yield lambda pictures: progress.advance(task, pictures)
