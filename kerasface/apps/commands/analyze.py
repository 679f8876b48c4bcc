"""`kerasface analyze`: pictures, folders, films and cameras to tables, files and drawn pictures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from kerasface.apps.analyze_options import add_reading, add_results, checked

DEFAULT_MODEL = "student"


def add_analyze(subparsers) -> None:
    """Adds `analyze`."""
    parser = subparsers.add_parser(
        "analyze",
        help="read the faces in pictures",
        description="Finds the faces in pictures and reads each with a published model. Without "
        "--results, --json, --csv or --out a table is printed. Folders of any size are read as "
        "they are come to.",
        epilog="Groups of race are annotators' guesses, shown only where they are asked for: "
        "--tasks age,race.",
    )
    parser.add_argument("pictures", nargs="*", metavar="PATH", help="a picture or a folder")
    parser.add_argument(
        "--watch",
        metavar="SOURCE",
        help="instead of pictures a video file, or the number of a camera (0 is the first; "
        "Ctrl-C ends it)",
    )
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="between the frames that are read"
    )
    add_reading(parser, DEFAULT_MODEL)
    add_results(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Reads the pictures; 2 where none of them could be read."""
    from kerasface.apps.commands.label import parse_threshold

    threshold = parse_threshold(options.threshold)
    form, drawn = checked(options)
    paths = list(options.pictures)
    counted = _count(paths, options.allow_urls) if not options.watch else None
    # Before it is imported: OpenCV and its decoders would say on their own what the one line says.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    analyzer = _analyzer(options, threshold)
    with ExitStack() as stack:
        results, sinks = _opened(stack, options, form, analyzer)
        advance = stack.enter_context(_progress(counted))
        if options.watch is not None:
            pairs = _watched(analyzer, options.watch, options.every, drawn is not None)
        else:
            done = results.done if options.resume else ()
            pictures = expand(paths, options.allow_urls)
            pairs = _read(analyzer, _still_to_do(pictures, done, advance))
        try:
            good, bad = _written(pairs, sinks, drawn, advance)
        except KeyboardInterrupt:
            if results is not None and options.watch is None and options.results != "-":
                print(f"stopped; --resume goes on with {options.results}", file=sys.stderr)
            raise
    places = [
        str(place) for place in (options.results, options.json, options.csv, options.out) if place
    ]
    if places and "-" not in places:
        pictures = "picture" if good + bad == 1 else "pictures"
        print(f"{', '.join(places)}: {good + bad:,} {pictures} read, {bad:,} with an error")
    return 2 if bad and not good else 0


def expand(arguments: Iterable[str], allow_urls: bool = False) -> Iterator[str]:
    """Files as they are; of folders all pictures below them, in order of their paths.

    Args:
        arguments: paths of files and folders.
        allow_urls: whether addresses are passed on.

    Returns:
        An iterator that reads folders as they are come to.

    Raises:
        FileNotFoundError: at once: there is no such file or folder, or a folder holds no picture.
    """
    from kerasface.inference.pictures import each_picture, is_address, picture_files

    arguments = list(arguments)
    for argument in arguments:
        if os.path.isdir(argument):
            if next(picture_files(argument), None) is None:
                raise FileNotFoundError(f"no picture in the folder {argument}")
        elif not os.path.exists(argument) and not (allow_urls and is_address(argument)):
            more = "; --allow-urls fetches addresses" if is_address(argument) else ""
            raise FileNotFoundError(f"no such file or folder: {argument}{more}")
    return each_picture(arguments)


def _analyzer(options: argparse.Namespace, threshold):
    from kerasface.apps.face_analyzer import FaceAnalyzer
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        return FaceAnalyzer(
            options.model,
            options.detector,
            options.runtime,
            options.tasks and _words(options.tasks),
            threshold,
            precision=options.precision,
            threads=options.threads,
            batch_size=options.batch_size,
            undetected=options.undetected,
            allow_urls=options.allow_urls,
        )


def _opened(stack: ExitStack, options, form: str | None, analyzer):
    """The file of results, or None, and everything that records are written to."""
    from kerasface.apps.result_files import CsvFile, JsonFile
    from kerasface.apps.result_rows import columns_of
    from kerasface.apps.result_run import open_results
    from kerasface.apps.result_table import Lines, TablePages

    timed = options.watch is not None
    columns = columns_of(analyzer.tasks, analyzer.thresholds, timed)
    results, sinks = None, []
    if form is not None:
        facts = _facts(options, analyzer)
        results = open_results(options.results, form, columns, facts, options.resume)
        sinks.append(stack.enter_context(results))
    for kind, place in ((JsonFile, options.json), (CsvFile, options.csv)):
        if place:
            sinks.append(stack.enter_context(kind(place, columns)))
    if not sinks and not options.out:
        sinks.append(stack.enter_context(Lines() if timed else TablePages()))
    return results, sinks


def _facts(options, analyzer) -> dict[str, Any]:
    """All that the answers depend on, for who finds them and for --resume."""
    from kerasface import __version__
    from kerasface.inference.detectors import AUTO, installed_detector

    manifest = getattr(analyzer.model, "manifest", None)
    automatic = options.detector == AUTO
    return {
        "model": manifest.reference if manifest else options.model,
        "runtime": analyzer.runtime,
        "precision": getattr(analyzer.model, "precision", None),
        "detector": installed_detector() if automatic else options.detector,
        "undetected": options.undetected,
        "tasks": [task.name for task in analyzer.tasks],
        "thresholds": analyzer.thresholds,
        "kerasface": __version__,
    }


def _still_to_do(pictures: Iterable[str], done, advance: Callable[[], None]) -> Iterator[str]:
    for picture in pictures:
        if picture in done:
            advance()
        else:
            yield picture


def _read(analyzer, pictures: Iterable[str]) -> Iterator[tuple[dict, None]]:
    for result in analyzer.stream(pictures):
        yield result.to_dict(), None


def _watched(
    analyzer, source: str, every: float | None, with_pixels: bool
) -> Iterator[tuple[dict, Any]]:
    """Records of frames, with their pixels where these are wanted."""
    from kerasface.inference.video import video_frames

    if not with_pixels:
        for result in analyzer.watch(source, every):
            yield result.to_dict(), None
        return
    for frame in video_frames(source, every):
        for result in analyzer.stream(frame):
            yield result.to_dict(), frame.content


def _written(pairs, sinks, drawn, advance) -> tuple[int, int]:
    """Draws, then writes each record, so that what is recorded is drawn too.

    Returns:
        How many could be read, and how many not.
    """
    good = bad = 0
    for record, pixels in pairs:
        if "error" in record:
            print(f"error: {record['error']}", file=sys.stderr)
            bad += 1
        else:
            good += 1
            if drawn is not None:
                drawn.draw(record, pixels)
        for sink in sinks:
            sink.write(record)
        advance()
    return good, bad


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _count(paths: list[str], allow_urls: bool) -> int | None:
    """How many pictures there are, where a person watches and wants to know; errors at once."""
    pictures = expand(paths, allow_urls)
    return sum(1 for _ in pictures) if sys.stderr.isatty() else 0


@contextmanager
def _progress(total: int | None):
    """A bar on stderr for several pictures, where a person watches; None: no end is known."""
    if total is None or total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:  # a light install has no bars
        yield lambda: None
        return
    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pictures", total=total)
        yield lambda: progress.advance(task)
