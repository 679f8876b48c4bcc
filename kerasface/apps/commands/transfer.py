"""`kerasface transfer`: a published network learns a task of your own from your own faces."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

RANGE = re.compile(r"(-?[\d.]+)\.\.(-?[\d.]+)(?::(.+))?")
EXAMPLE = """\
examples:
  kerasface transfer student faces.csv --classes glasses=yes,no --classes smile=smiling,neutral
  kerasface transfer student faces.csv --number age=0..116:years --column age=Age --subject who
  kerasface transfer student folders/ --classes mood=happy,other --publish mood@0.1.0 \\
      --terms "my own pictures"
A folder holds a folder of pictures for each class. A CSV file has a head line and a face a row."""


def add_transfer(subparsers) -> None:
    """Adds `transfer`."""
    parser = subparsers.add_parser(
        "transfer",
        help="teach a published network a task of your own",
        description="A small network learns on the frozen embedding of an entry, then all of it "
        "is trained on. Every tenth face, by its name's or person's hash, is kept to measure by.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("entry", help="name in the zoo, entry folder or https address")
    parser.add_argument("data", type=Path, help="a CSV file, or a folder of class folders")
    add = parser.add_argument
    add("--classes", action="append", default=[], metavar="TASK=A,B,...", help="learn classes")
    add("--number", action="append", default=[], metavar="TASK=LOW..HIGH:UNIT", help="a number")
    add("--points", action="append", default=[], metavar="TASK=N", help="N points in pixels")
    add("--people", metavar="TASK", help="learn who looks alike; needs --subject")
    add("--image", default="image", help="column of the picture's path (default: %(default)s)")
    add("--column", action="append", default=[], metavar="TASK=COLUMN", help="default: TASK")
    add("--subject", help="column of who it is: nobody is on both sides then")
    add("--split", help='column of "train" and "validation"')
    add("--detector", default="none", help="none: pictures are crops of faces; mtcnn, haar, ...")
    add("--frozen", action="store_true", help="train the small network only")
    add("--epochs", type=int, default=10, help="of all weights (default: %(default)s)")
    add("--seed", type=int, default=0)
    add("--devices", type=int, default=1, help="GPUs, or parts of the processor (default: 1)")
    add("--publish", metavar="NAME@VERSION", help="make an entry of it; needs --terms")
    add("--terms", help="under which your faces may be used")
    add("--root", type=Path, default=Path("zoo"), help="the zoo's folder (default: %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Teaches, prints what was measured, and publishes if asked."""
    name, _, version = (options.publish or "").partition("@")
    if options.publish and not (name and version and options.terms):
        raise ValueError(
            "an entry is published as NAME@VERSION with --terms. "
            f"Received: --publish {options.publish} --terms {options.terms}"
        )
    if not options.data.exists():
        raise FileNotFoundError(f"no such file or folder: {options.data}")
    if options.epochs < 1:
        raise ValueError(f"--epochs must be 1 or more. Received: {options.epochs}")
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface.apps.transferring import transfer
        from kerasface.training.devices import Devices

        devices = Devices(options.devices)  # before anything of Keras
        tasks = tasks_of(options)
    taught = transfer(
        options.entry,
        tasks,
        options.data,
        image=options.image,
        columns=dict(_named(each, "--column") for each in options.column),
        subject=options.subject,
        split=options.split,
        detector=options.detector,
        frozen=options.frozen,
        epochs=options.epochs,
        seed=options.seed,
        devices=devices,
    )
    print(*taught.lines, sep="\n")
    print(f"{taught.images} faces learnt in {taught.seconds:.0f} s; on those held out:")
    for task, measures in taught.scores.items():
        for measure, found in measures.items():
            print(
                f"{task}: {measure.replace('_', ' ')} {found['value']:.3f} "
                f"({found['low']:.3f} to {found['high']:.3f}, {found['rows']} faces)"
            )
    if options.publish:
        print(taught.publish(name, version, terms=options.terms, root=options.root))
    return 0


def tasks_of(options: argparse.Namespace) -> list:
    """The tasks that the options name.

    Raises:
        ValueError: none, or one that is not written as its help says.
    """
    from kerasface.tasks import Classification, Embedding, Landmarks, Regression

    tasks: list = []
    for text in options.classes:
        task, classes = _named(text, "--classes")
        tasks.append(Classification(task, tuple(classes.split(","))))
    for text in options.number:
        task, numbers = _named(text, "--number")
        match = RANGE.fullmatch(numbers)
        if match is None:
            raise ValueError(f"--number must be TASK=LOW..HIGH:UNIT. Received: {text!r}")
        tasks.append(Regression(task, match[3] or "units", (float(match[1]), float(match[2]))))
    for text in options.points:
        task, count = _named(text, "--points")
        if not count.isdecimal():
            raise ValueError(f"--points must be TASK=N. Received: {text!r}")
        tasks.append(Landmarks(task, int(count)))
    if options.people:
        tasks.append(Embedding(options.people))
    if not tasks:
        raise ValueError("say what to learn: --classes, --number, --points or --people")
    return tasks


def _named(text: str, flag: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise ValueError(f"{flag} must be TASK=... Received: {text!r}")
    return name, value
