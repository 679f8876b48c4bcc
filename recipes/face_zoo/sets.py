"""The tasks of the first zoo and the four sets it learns them from, prepared once.

    python -m recipes.face_zoo.sets --data DATA --out runs/prepared

reads FER2013, UTKFace, FairFace and CelebA in their standard layouts below DATA, cuts every face
to the one template, and writes a train and a validation file a set (a minute, 90,000 faces).
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read, vocabulary
from kerasface.data.readers.fer2013 import near_private_names
from kerasface.data.synthetic import synthetic_set
from kerasface.data.table import FaceTable
from kerasface.data.template import SET_BOXES, crop_box
from kerasface.tasks import Classification, Regression

GUESSED = "labels are annotators' guesses from a picture, not facts about a person"

TASKS = (
    Classification("expression", vocabulary.EXPRESSIONS),
    Regression("age", "years", (0, 116), bins=59, spread=3.0, alpha=0.5, note=GUESSED),
    Classification("age_group", vocabulary.AGE_GROUPS, alpha=0.25, note=GUESSED),
    Classification("gender", vocabulary.GENDERS, alpha=0.5, note=GUESSED),
    Classification("race", vocabulary.RACES, alpha=0.5, note=GUESSED),
    Classification("race7", vocabulary.RACES7, alpha=0.25, note=GUESSED),
)

# Set and its folder below DATA.
SETS = {"fer2013": "fer2013", "utkface": "UTKFace", "fairface": "fairface", "celeba": "CelebA"}
SPLITS = ("train", "validation")
# As cards name them.
NAMES = {"fer2013": "FER2013", "utkface": "UTKFace", "fairface": "FairFace", "celeba": "CelebA"}


def prepare_sets(data: Path, out: Path) -> None:
    """Write `<set>-<split>.npz` for each set and split that is not there yet."""
    for name, folder in SETS.items():
        files = {split: out / f"{name}-{split}.npz" for split in SPLITS}
        if all(file.exists() for file in files.values()):
            continue
        table = read(name, data / folder)
        if name == "fer2013":
            table = without_near_private(table)
        crop = partial(_crop, box=SET_BOXES[name])
        for split, file in files.items():
            prepared = prepare(table.filter(split=split), TASKS, crop, domain=name)
            prepared.save(file)
            print(f"{file}: {len(prepared)} faces", *prepared.report, sep="\n  ", flush=True)


def without_near_private(table: FaceTable) -> FaceTable:
    """FER2013 without training pictures that nearly equal one of its PrivateTest.

    So that a later score on that part is a fair one; the validation part stays whole.
    """
    near = near_private_names(table.root)
    kept = table.filter(where=lambda row: row.split != "train" or row.image not in near)
    table.report.note(f"{len(table) - len(kept)} of them left training as near PrivateTest")
    return kept


def load_sets(folder: Path, split: str) -> dict[str, PreparedSet]:
    """The prepared sets of one split by name."""
    return {name: PreparedSet.load(folder / f"{name}-{split}.npz") for name in SETS}


# Style, seed and labels of the synthetic faces that stand for each set in `--smoke`.
SMOKE = {
    "fer2013": ("photo", 1, ("expression",)),
    "utkface": ("sketch", 2, ("age", "gender")),
    "fairface": ("comic", 3, ("gender",)),
    "celeba": ("photo", 4, ("gender",)),
}


def smoke_sets(split: str, rows: int = 80) -> dict[str, PreparedSet]:
    """Synthetic faces in place of the real sets; nobody's race is drawn."""
    first = SPLITS.index(split) * 100
    return {
        name: synthetic_set(rows, style=style, seed=first + seed, tasks=tasks)
        for name, (style, seed, tasks) in SMOKE.items()
    }


def _crop(image, row, box):
    return crop_box(image, box)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked sets")
    parser.add_argument("--out", type=Path, default=Path("runs/prepared"))
    options = parser.parse_args()
    prepare_sets(options.data, options.out)
