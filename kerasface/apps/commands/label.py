"""`kerasface label`: a teacher labels faces in files or a prepared set, into Parquet shards."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kerasface.apps.commands.analyze import DEFAULT_MODEL
from kerasface.apps.picture_inputs import (
    add_input,
    check_input,
    progress_bar,
    show_unreadable,
    source_of,
)


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
    add_input(parser)
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
    parser.add_argument(
        "--batch-size",
        type=int,
        default=384,
        help="pictures through the teacher at once, transforms counted (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Labels the input; 2 where none of its pictures could be read."""
    thresholds = parse_threshold(options.threshold)
    check_input(options)
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface.data.template import SIZE
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
    source = source_of(options, labeller.input_size[0] or SIZE)
    with progress_bar("labelling", len(source)) as advance:
        report = label_images(
            labeller,
            source,
            options.out,
            thresholds,
            options.rows_per_shard,
            advance,
            options.engine,
            options.workers,
        )
    print(
        f"{options.out}: {report.labels:,} labels of {report.pictures:,} pictures in "
        f"{report.shards} files ({report.resumed} were there), {report.unreadable} unreadable"
    )
    if report.unreadable:
        from kerasface.data.label_shards import LabelRun

        show_unreadable(options.out, LabelRun, report.unreadable)
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
    from kerasface.zoo.weights import measure_weights

    weights = Path(teacher)
    sha256 = sha256_of(weights)
    holding = measure_weights(weights)  # refuses links and other surprises before it is opened
    model = from_config(json.loads(config.read_text(encoding="utf-8")), str(config), holding)
    try:
        model.load_weights(weights)
    except (ValueError, KeyError, TypeError, OSError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{weights} does not fit {config}: {line}") from None
    return model, {"name": weights.name.removesuffix(".weights.h5"), "sha256": sha256}


def _words(text: str | None) -> list[str] | None:
    return [word.strip() for word in text.split(",") if word.strip()] if text else None
