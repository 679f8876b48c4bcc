"""What `transfer` takes on 1,000 labelled faces: from files on disk to measured answers.

    python -m recipes.general_knowledge.transfer_time --entry general

Writes synthetic faces and their CSV into a temporary folder, teaches the entry their gender, and
prints the seconds of each way: all of `transfer`, reading of files included, without the start of
Python. Aim: under three minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

from PIL import Image

from kerasface import zoo
from kerasface.apps import transfer
from kerasface.data import synthetic_set
from kerasface.tasks import Classification

WAYS = {"frozen": True, "fine-tuned": False}
GENDER = Classification("gender", ("male", "female"))


def write_faces(folder: Path, faces: int) -> Path:
    """A CSV of drawn faces, every tenth held out."""
    drawn = synthetic_set(faces, tasks=("gender",))
    file = folder / "faces.csv"
    with open(file, "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["image", "gender", "part"])
        for number, pixels in enumerate(drawn.images):
            Image.fromarray(pixels).save(folder / f"{number}.png")
            label = GENDER.classes[drawn.labels["gender"][number]]
            rows.writerow([f"{number}.png", label, "train" if number % 10 else "validation"])
    return file


def main(arguments=None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entry", default="general", help="name in the zoo, or an entry's folder")
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    options = parser.parse_args(arguments)
    spent = {}
    with tempfile.TemporaryDirectory() as folder:
        file = write_faces(Path(folder), options.faces)
        model = zoo.load(options.entry)
        for way in options.ways:
            begin = time.monotonic()
            taught = transfer(model, GENDER, file, split="part", frozen=WAYS[way])
            spent[way] = time.monotonic() - begin
            found = taught.scores["gender"]["accuracy"]["value"]
            print(f"{way}: {options.faces} faces in {spent[way]:.0f} s, accuracy {found:.3f}")
    return spent


if __name__ == "__main__":
    main()
