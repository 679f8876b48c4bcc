"""What `kerasface analyze` can be told, and which of it cannot go together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_reading(parser: argparse.ArgumentParser, model: str) -> None:
    """Adds what reads: network, tasks, detector, runtime."""
    parser.add_argument(
        "--model",
        default=model,
        help="name in the zoo (student, student@1.0.0), entry folder or https address "
        "(default: %(default)s)",
    )
    parser.add_argument("--tasks", help="names with commas between; default: all but race")
    parser.add_argument(
        "--threshold",
        metavar="LEAST",
        help="least confidence of classes, below which the answer is not sure: 0.8, or "
        "expression=0.9,gender=0.7",
    )
    parser.add_argument(
        "--detector",
        default="auto",
        help="mtcnn, haar, yunet:FILE; none: each picture is the crop of one face; auto: mtcnn "
        "where it is installed, else haar (default: %(default)s)",
    )
    parser.add_argument(
        "--undetected",
        choices=("empty", "whole"),
        default="empty",
        help="a picture in which no face is found has none, or is read whole as if it were a "
        "face's crop (default: %(default)s)",
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", "keras", "litert", "onnx", "openvino"),
        default="auto",
        help="what runs the network; others than keras need no TensorFlow; auto: the first that "
        "the model has a file for and that is installed, else keras (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "float16", "int8"),
        help="of the runtime's file; default: the most precise",
    )
    parser.add_argument("--threads", type=int, help="of the runtime; default: up to 4")
    parser.add_argument(
        "--batch-size", type=int, default=64, help="faces at once (default: %(default)s)"
    )
    parser.add_argument(
        "--allow-urls", action="store_true", help="fetch pictures given as http(s) addresses"
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Adds where results go."""
    parser.add_argument(
        "--results",
        metavar="FILE",
        help="write results as they come: .jsonl a line a picture, .csv or .parquet a row a face; "
        "- for stdout",
    )
    parser.add_argument(
        "--format",
        choices=("csv", "jsonl", "json", "parquet"),
        help="of --results; default: by its suffix",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the --results of a run that was stopped, however it was",
    )
    parser.add_argument("--json", metavar="FILE", help="write all answers as JSON; - for stdout")
    parser.add_argument("--csv", metavar="FILE", help="write a row a face; - for stdout")
    parser.add_argument(
        "--out",
        metavar="PATH",
        type=Path,
        help="write pictures with boxes and answers: a file for one picture, else a folder",
    )


def checked(options: argparse.Namespace) -> tuple[str | None, Any]:
    """The format of the results and what draws, or an error before anything is loaded."""
    from kerasface.apps.drawn_pictures import DrawnFrames, DrawnPictures
    from kerasface.apps.result_run import check_place, format_of
    from kerasface.inference.pictures import is_address

    if bool(options.pictures) == (options.watch is not None):
        raise ValueError(f"give pictures or --watch SOURCE. Received: {options.pictures}")
    if options.resume and (options.results is None or options.watch is not None):
        raise ValueError("--resume goes on with the --results of pictures. Received: --resume")
    if options.every is not None and options.watch is None:
        raise ValueError(f"--every is of --watch. Received: --every {options.every:g}")
    form = None
    if options.results is not None:
        form = format_of(options.results, options.format)
        check_place(options.results, form, options.resume)
    elif options.format is not None:
        raise ValueError(f"--format is of --results. Received: --format {options.format}")
    if options.out is None:
        return form, None
    if options.watch is not None:
        return form, DrawnFrames(options.out)
    if any(is_address(picture) for picture in options.pictures):
        raise ValueError(f"pictures from addresses are not drawn. Received: --out {options.out}")
    return form, DrawnPictures(options.out, options.pictures)
