"""The main job once, on a real photograph: `python -m kerasface.apps.demo [PHOTO]`.

Finds the faces, reads each with the published student, prints what it says, and writes the
picture with boxes and answers to `runs/demo/`. Without PHOTO it takes the public-domain portrait
of Grace Hopper that comes with matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

OUT = Path("runs/demo")
PORTRAIT = "grace_hopper.jpg"  # U.S. Navy, public domain; shipped inside matplotlib


def main(arguments=None) -> int:
    """Runs the demonstration; 2 where the picture cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m kerasface.apps.demo", description=__doc__)
    parser.add_argument("photo", nargs="?", help="a picture; default: the portrait of matplotlib")
    parser.add_argument("--model", default="student", help="name, folder or address of an entry")
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    from kerasface.zoo.errors import ZooError

    try:
        return demonstrate(options.photo or portrait(), options.model, options.out)
    except (ValueError, OSError, ImportError, ZooError) as error:
        print(f"demo: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def portrait() -> str:
    """Path of the portrait inside the installed matplotlib."""
    from matplotlib import cbook

    return str(cbook.get_sample_data(PORTRAIT, asfileobj=False))


def demonstrate(photo: str, model_name: str, out: Path) -> int:
    """Reads one photograph and shows the answers.

    Args:
        photo: path of the picture.
        model_name: as `kerasface.zoo.load` takes it.
        out: folder of the annotated picture.

    Returns:
        The exit code.
    """
    from rich.console import Console

    from kerasface import zoo
    from kerasface.apps.annotation import annotate
    from kerasface.apps.startup import quiet_start
    from kerasface.apps.wording import notes_of
    from kerasface.inference.pictures import as_picture

    image = as_picture(photo)  # first, as a wrong path should not take seconds to be said
    with quiet_start():
        from kerasface.inference.analysis import analyze
    model = zoo.load(model_name)
    # By name, every task: groups of race are given only to who asks for them so.
    [record] = analyze(model, image, [task.name for task in model.tasks], detector="mtcnn")
    if "error" in record:
        raise ValueError(record["error"])
    console = Console()
    plain = {"markup": False, "highlight": False, "soft_wrap": True}
    height, width = image.shape[:2]
    console.print(
        f"{Path(photo).name}: {width} x {height} pixels, faces found: {len(record['faces'])}",
        **plain,
    )
    for number, face in enumerate(record["faces"]):
        console.print(face_table(number, face))
    for note in notes_of(record["faces"]):
        console.print(note, style="italic", **plain)
    target = out / f"{Path(photo).stem}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    annotate(image, record).save(target)
    console.print(f"written: {target}", **plain)
    return 0


def face_table(number: int, face: dict):
    """A table of one face: a row a task, with the probabilities of its classes, likeliest first."""
    from rich.table import Table
    from rich.text import Text

    from kerasface.apps.wording import in_words

    table = Table("task", "answer", "probabilities", title=f"face {number}", title_justify="left")
    for name, answer in face["answers"].items():
        if not in_words(answer):
            continue
        ranked = sorted(answer.get("probabilities", {}).items(), key=lambda item: -item[1])
        shown = ", ".join(f"{label} {share:.0%}".replace("%", " %") for label, share in ranked)
        table.add_row(name, Text(in_words(answer)), Text(shown))
    return table


if __name__ == "__main__":
    sys.exit(main())
