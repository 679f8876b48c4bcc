"""`kerasface analyze`: files and folders of pictures to a table, JSON, CSV and drawn pictures."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
DEFAULT_MODEL = "student"


def add_analyze(subparsers) -> None:
    """Adds `analyze`."""
    parser = subparsers.add_parser(
        "analyze",
        help="read the faces in pictures",
        description="Finds the faces in pictures and reads each with a published model. Without "
        "--json, --csv or --out a table is printed.",
        epilog="Groups of race are shown only where they are asked for: --tasks age,race.",
    )
    parser.add_argument("pictures", nargs="+", metavar="PATH", help="a picture or a folder")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="name in the zoo (student, student@1.0.0), entry folder or https address "
        "(default: %(default)s)",
    )
    parser.add_argument("--tasks", help="names with commas between; default: all but race")
    parser.add_argument(
        "--detector",
        choices=("mtcnn", "none"),
        default="mtcnn",
        help="none: each picture is the crop of one face (default: %(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", help="write all answers as JSON; - for stdout")
    parser.add_argument("--csv", metavar="FILE", help="write a row a face; - for stdout")
    parser.add_argument(
        "--out",
        metavar="PATH",
        type=Path,
        help="write pictures with boxes and answers: a file for one picture, else a folder",
    )
    parser.add_argument(
        "--runtime",
        choices=("keras", "litert", "onnx", "openvino"),
        default="keras",
        help="what runs the network; others than keras need no TensorFlow (default: %(default)s)",
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
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Reads the pictures; 2 where none of them could be read."""
    paths = list(expand(options.pictures))
    targets = _targets(options, paths)
    from kerasface import zoo
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface.inference.analysis import iterate_analyses

    choices = {"runtime": options.runtime} if options.runtime != "keras" else {}
    choices |= {
        name: value
        for name in ("precision", "threads")
        if (value := getattr(options, name)) is not None
    }
    model = zoo.load(options.model, **choices)
    tasks = options.tasks and [name.strip() for name in options.tasks.split(",") if name.strip()]
    analyses = iterate_analyses(model, paths, tasks, options.detector, options.batch_size)
    records = []
    with _progress(len(paths)) as advance:
        for record in analyses:
            if "error" in record:
                print(f"error: {record['error']}", file=sys.stderr)
            elif record["image"] in targets:
                _draw(record, targets[record["image"]])
            records.append(record)
            advance()
    if options.json:
        with _opened(options.json) as file:
            json.dump(records, file, indent=2, ensure_ascii=False, allow_nan=False)
            file.write("\n")
    if options.csv:
        with _opened(options.csv) as file:
            write_csv(records, file)
    if not (options.json or options.csv or options.out):
        print_table(records)
    return 0 if any("error" not in record for record in records) else 2


def expand(arguments: Iterable[str]) -> Iterator[str]:
    """Files as they are; of folders all pictures below them, in order of their paths.

    Raises:
        FileNotFoundError: there is no such file or folder, or a folder holds no picture.
    """
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found = sorted(
                str(each)
                for each in path.rglob("*")
                if each.suffix.lower() in SUFFIXES and each.is_file()
            )
            if not found:
                raise FileNotFoundError(f"no picture in the folder {argument}")
            yield from found
        elif path.exists():
            yield argument
        else:
            raise FileNotFoundError(f"no such file or folder: {argument}")


def write_csv(records: list[dict], file) -> None:
    """One row a face, one a picture without faces; columns of the tasks that have a short form."""
    columns = ["image", "error", "face", "left", "top", "width", "height", "found_confidence"]
    rows = []
    for record in records:
        row = {"image": record["image"], "error": record.get("error", "")}
        for number, face in enumerate(record["faces"]):
            cells = {"face": number, "found_confidence": face["confidence"]}
            cells |= zip(("left", "top", "width", "height"), face["box"], strict=True)
            for task, answer in face["answers"].items():
                if "label" in answer:
                    cells |= {task: answer["label"], f"{task}_confidence": answer["confidence"]}
                elif "value" in answer:
                    cells[task] = answer["value"]
                    cells |= {
                        f"{task}_{end}": answer[end] for end in ("low", "high") if end in answer
                    }
            rows.append(row | cells)
        if not record["faces"]:
            rows.append(row)
    columns += dict.fromkeys(name for row in rows for name in row if name not in columns)
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_table(records: list[dict]) -> None:
    """A table on the terminal, a row a face, and the notes that belong to it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kerasface.apps.wording import in_words, notes_of

    faces = [face for record in records for face in record["faces"]]
    tasks = dict.fromkeys(
        name for face in faces for name, answer in face["answers"].items() if in_words(answer)
    )
    table = Table("picture", "face", *tasks)
    for record in records:
        name = Text(str(record["image"]), overflow="fold")
        for number, face in enumerate(record["faces"]):
            words = [in_words(face["answers"].get(task, {})) for task in tasks]
            table.add_row(name, str(number), *map(Text, words))
        if not record["faces"]:
            table.add_row(name, "cannot be read" if "error" in record else "no face found")
    console = Console()
    console.print(table)
    for note in notes_of(faces):
        console.print(Text(note, style="italic"), soft_wrap=True)


def _targets(options, paths: list[str]) -> dict[str, Path]:
    """Where each drawn picture goes; refused where two would fall on one, or on an original."""
    if options.out is None:
        return {}
    if len(paths) == 1 and not options.out.is_dir():
        targets = {paths[0]: options.out}
        if options.out.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp"):
            raise ValueError(f"--out must end in .jpg, .png or .webp. Received: {options.out}")
    else:
        if options.out.is_file():
            raise ValueError(f"several pictures go to a folder. Received: --out {options.out}")
        root = os.path.commonpath([Path(path).resolve().parent for path in paths])
        targets = {
            path: options.out / Path(path).resolve().relative_to(root).with_suffix(".png")
            for path in paths
        }
    originals = {Path(path).resolve() for path in paths}
    resolved = [target.resolve() for target in targets.values()]
    if originals & set(resolved) or len(set(resolved)) < len(set(paths)):
        raise ValueError(
            f"--out would write over a picture, or two to one file. Received: {options.out}"
        )
    return targets


def _draw(record: dict, target: Path) -> None:
    from kerasface.apps.annotation import annotate
    from kerasface.inference.pictures import as_picture

    target.parent.mkdir(parents=True, exist_ok=True)
    annotate(as_picture(record["image"]), record).save(target)


@contextmanager
def _opened(place: str):
    if place == "-":
        yield sys.stdout
        return
    with open(place, "w", newline="", encoding="utf-8") as file:
        yield file


@contextmanager
def _progress(total: int):
    """A bar on stderr for several pictures, where a person watches."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pictures", total=total)
        yield lambda: progress.advance(task)
