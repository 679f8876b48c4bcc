"""`kerasface verify`: whether two pictures show the same person."""

from __future__ import annotations

import argparse
import json

SAME, DIFFERENT = 0, 1
NO_ALIGNER = "none"
NOTE = (
    "Not for decisions about people: at this threshold one pair of strangers in {in_so_many} is "
    "called the same"
)


def add_verify(subparsers) -> None:
    """Adds `verify`."""
    parser = subparsers.add_parser(
        "verify",
        help="say whether two pictures show the same person",
        description="Compares the largest faces of two pictures by the squared distance of their "
        "embeddings.",
        epilog="Exit code 0: the same person, 1: two people, 2: a picture could not be read or "
        "shows no face.",
    )
    parser.add_argument("first", metavar="A", help="a picture")
    parser.add_argument("second", metavar="B", help="another")
    parser.add_argument(
        "--model",
        default="verifier",
        help="name in the zoo, entry folder or https address (default: %(default)s)",
    )
    parser.add_argument(
        "--aligner",
        default="aligner",
        metavar="ENTRY",
        help="whose five points faces are aligned by; none: the detector's (default: %(default)s)",
    )
    parser.add_argument(
        "--detector",
        default="auto",
        help="mtcnn, haar, yunet:FILE; none: each picture is the crop of one face; auto: mtcnn "
        "where it is installed, else haar (default: %(default)s)",
    )
    parser.add_argument(
        "--far",
        type=float,
        default=0.01,
        help="false accept rate: of the thresholds that the entry has (default: %(default)s)",
    )
    parser.add_argument(
        "--threshold", type=float, metavar="DISTANCE", help="squared distance, in place of --far"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compares; 0 the same person, 1 two people."""
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface import zoo
        from kerasface.inference.face_verifier import FaceVerifier

        aligner = None if options.aligner == NO_ALIGNER else zoo.load(options.aligner)
        verifier = FaceVerifier(
            zoo.load(options.model), options.detector, aligner, options.far, options.threshold
        )
    answer = verifier(options.first, options.second)
    if options.json:
        print(json.dumps(answer.to_dict(), ensure_ascii=False))
    else:
        print("\n".join(lines_of(answer)))
    return SAME if answer.same else DIFFERENT


def lines_of(answer) -> list[str]:
    """The answer for people."""
    rate = "" if answer.far is None else f" (false accept rate {answer.far:g})"
    lines = [
        f"{'same person' if answer.same else 'different people'}: distance {answer.distance:.3f}, "
        f"threshold {answer.threshold:.3f}{rate}"
    ]
    for name, faces in zip(answer.images, answer.faces, strict=True):
        if faces > 1:
            lines.append(f"{name}: the largest of {faces} faces")
    if answer.far:
        lines.append(NOTE.format(in_so_many=f"{round(1 / answer.far):,}"))
    return lines
