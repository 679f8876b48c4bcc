"""The faces of the knowledge transfer, prepared once: for points, and of seen and unseen people.

    python -m recipes.knowledge_transfer.faces points --data DATA --out runs/kt-prepared
    python -m recipes.knowledge_transfer.faces people --data DATA --out runs/kt-prepared

`points` is MTFL (five points) and Helen with AFW (68 points) in the template's crop, by one fixed
box a set. `people` is CelebA and those pictures of LFW that its pairs name: an aligner finds the
five points of each, twice, and the face is turned and scaled onto `TIGHT`. It is the published one
(`--aligner` another entry, or a run's folder), which has seen neither LFW nor MTFL's copy of it.
Half a minute and four minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data.alignment import face_alignment, transform_points
from kerasface.data.decode import ImageError, decode_row
from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read
from kerasface.data.readers.lfw_pairs import FacePair, read_lfw_pairs
from kerasface.data.synthetic import synthetic_set
from kerasface.data.table import FaceTable
from kerasface.data.template import POINTS, SET_BOXES, SIZE, crop_box, crop_from_points
from kerasface.inference.point_finding import believable
from kerasface.tasks import Classification, Landmarks

FIVE, SIXTY_EIGHT = Landmarks("landmarks5", 5), Landmarks("landmarks68", 68)
POINT_TASKS = (FIVE, SIXTY_EIGHT)
PAIRS, LFW_PART = "pairs_own_dev.txt", "lfw_5590"
# Medians of the sets' own points brought to the template, as `SET_BOXES`.
POINT_BOXES = {"mtfl": (0.126, 0.099, 0.870, 0.843), "w300": (0.128, 0.134, 0.872, 0.878)}
# So near that neither CelebA's nor LFW's tight pictures end before the crop does.
ZOOM, TIGHT_EYES = 1.258, 0.353
TIGHT = tuple(
    (round(0.5 + (x - 0.5) * ZOOM, 3), round(TIGHT_EYES + (y - POINTS[0][1]) * ZOOM, 3))
    for x, y in POINTS
)
# Of the 68, the points whose means are the five.
FIVE_OF_68 = (range(36, 42), range(42, 48), (30,), (48,), (54,))
# An entry that has not seen LFW.
ALIGNER = "aligner@1.0.0"
# Pictures that are decoded and aligned at once.
ROWS = 2048


def prepare_points(data: Path, out: Path) -> None:
    """Writes `mtfl-train`, `mtfl-test`, `w300-train` and `w300-test`."""
    for name, folder in (("mtfl", "MTFL"), ("w300", "300W")):
        table = read(name, data / folder)
        for split, part in (("train", "train"), ("validation", "test")):
            crop = partial(_crop_with_points, box=POINT_BOXES[name])
            prepared = prepare(table.filter(split=split), POINT_TASKS, crop, domain=name)
            if name == "w300":
                prepared = with_five(prepared)
            _save(prepared, out / f"{name}-{part}.npz")


def prepare_people(data: Path, out: Path, find: Callable) -> None:
    """Writes `celeba-seen`, `celeba-unseen`, `lfw`, `lfw-copies`, aligned; what is there is kept.

    The last are MTFL's crops of LFW's pictures: by them the search for copies is itself tested.

    Args:
        data: folder of the unpacked sets.
        out: where to.
        find: crops `(rows, 48, 48, 3)` to five points `(rows, 5, 2)` as shares of the crop.
    """
    celeba, lfw, mtfl = (
        read(name, data / folder)
        for name, folder in (("celeba", "CelebA"), ("lfw", "lfw"), ("mtfl", "MTFL"))
    )
    named = {name for pair in read_lfw_pairs(data / "lfw" / PAIRS) for name in pair[:2]}
    files = {Path(name).name for name in named}
    boxes = {
        "celeba": np.array(SET_BOXES["celeba"]),
        "mtfl": np.array(POINT_BOXES["mtfl"]),
    }
    parts = {
        "celeba-seen": celeba.filter(split="train"),
        "celeba-unseen": celeba.filter(split="validation"),
        "lfw": lfw.filter(where=lambda row: row.image in named),
        "lfw-copies": mtfl.filter(
            where=lambda row: row.image.startswith(LFW_PART) and Path(row.image).name in files
        ),
    }
    for part, table in parts.items():
        if not (out / f"{part}.npz").exists():
            domain = table.rows[0].domain
            box = boxes.get(domain)
            # LFW's points are a detector's; of the others only where its crops lie is known.
            place = _points_of if box is None else partial(_same_box, box=box)
            _save(aligned(table, place, find, domain), out / f"{part}.npz")


def aligned(table: FaceTable, place: Callable, find: Callable, domain: str) -> PreparedSet:
    """Faces on `TIGHT`: by a first guess, then by the points found in it, then in the next.

    Args:
        table: of a reader.
        place: of a row, a box as fractions, five points in pixels, or None (the whole picture).
        find: as `prepare_people`.
        domain: name of the set.
    """
    images, kept, report = [], [], []
    for start in range(0, len(table), ROWS):
        pictures, guesses = [], []
        for index in range(start, min(start + ROWS, len(table))):
            try:
                picture = decode_row(table, index)
                guesses.append(_guess(picture, place(table.rows[index])))
                pictures.append(picture)
                kept.append(index)
            except (ImageError, ValueError) as error:
                report.append(str(error))
        for _ in range(2):
            crops = np.stack(
                [
                    crop_from_points(picture, points)
                    for picture, points in zip(pictures, guesses, strict=True)
                ]
            )
            guesses = [
                _looked_at(points, guess)
                for points, guess in zip(find(crops), guesses, strict=True)
            ]
        for picture, points in zip(pictures, guesses, strict=True):
            images.append(crop_from_points(picture, points, SIZE, TIGHT))
        print(f"{domain}: {len(images)} of {len(table)}", flush=True)
    return PreparedSet(
        images=np.stack(images),
        labels={},
        masks={},
        subjects=np.array([table.rows[index].subject for index in kept], str),
        domain=domain,
        names=np.array([table.name_of(index) for index in kept], str),
        report=tuple(report),
    )


def with_five(prepared: PreparedSet) -> PreparedSet:
    """The set with five points made of its 68: the middles of the eyes for the pupils."""
    points = prepared.labels[SIXTY_EIGHT.name]
    five = np.stack([points[:, list(each)].mean(1) for each in FIVE_OF_68], axis=1)
    return replace(
        prepared,
        labels={**prepared.labels, FIVE.name: five.astype("float32")},
        masks={**prepared.masks, FIVE.name: prepared.masks[SIXTY_EIGHT.name]},
    )


def without_lfw(prepared: PreparedSet) -> PreparedSet:
    """MTFL without its pictures of LFW."""
    return prepared.take(~np.char.startswith(prepared.names, LFW_PART))


def as_classes(prepared: PreparedSet, people, name: str = "person") -> PreparedSet:
    """The rows of some people, their place in the list as the label of a task.

    Args:
        prepared: a set with subjects.
        people: their names in order; `Classification(name, people)` is the task.
        name: the task's name.
    """
    place = {each: index for index, each in enumerate(people)}
    rows = np.flatnonzero(np.isin(prepared.subjects, list(place)))
    found = prepared.take(rows)
    numbers = np.array([place[each] for each in found.subjects.tolist()], "int32")
    return replace(
        found,
        labels={**found.labels, name: numbers},
        masks={**found.masks, name: np.ones(len(numbers), bool)},
    )


def some_people(subjects, share: float) -> list[str]:
    """Names of a share of the people, in the order of their sha1: smaller shares lie in larger."""
    names = sorted({*subjects.tolist()}, key=lambda each: hashlib.sha1(each.encode()).hexdigest())
    return names[: max(round(share * len(names)), 2)]


def person_task(people, **more) -> Classification:
    """The task of telling these people apart."""
    return Classification("person", tuple(people), **more)


def load(folder: Path, name: str) -> PreparedSet:
    """A prepared set, such as `celeba-seen`."""
    return PreparedSet.load(folder / f"{name}.npz")


# Rows, people and seed of the synthetic faces that stand for each set in `--smoke`.
SMOKE = {
    "mtfl-train": (24, 8, 1, ("landmarks5",)),
    "mtfl-test": (12, 6, 2, ("landmarks5",)),
    "w300-train": (16, 8, 3, ("landmarks5", "landmarks68")),
    "w300-test": (8, 4, 4, ("landmarks5", "landmarks68")),
    "celeba-seen": (96, 12, 5, ()),
    "celeba-unseen": (24, 6, 6, ()),
    "lfw": (24, 6, 7, ()),
    "lfw-copies": (24, 6, 7, ()),
}


def smoke(name: str) -> PreparedSet:
    """Synthetic faces in place of a set."""
    rows, people, seed, tasks = SMOKE[name]
    return synthetic_set(rows, seed=seed, identities=people, tasks=tasks)


def pairs_of(data: Path) -> list[FacePair]:
    """LFW's own pairs."""
    return read_lfw_pairs(data / "lfw" / PAIRS)


def smoke_pairs() -> list[FacePair]:
    """Pairs of synthetic faces in two folds."""
    faces = smoke("lfw")
    chance = np.random.default_rng(0)
    pairs = []
    for number in range(24):
        first, second = chance.choice(len(faces), 2, replace=False)
        if number % 2:
            same = np.flatnonzero(faces.subjects == faces.subjects[first])
            second = same[(np.flatnonzero(same == first)[0] + 1) % len(same)]
        same = bool(faces.subjects[first] == faces.subjects[second])
        pairs.append(FacePair(faces.names[first], faces.names[second], same, number // 12))
    return pairs


def _points_of(row):
    return row.labels.get(FIVE.name)


def _same_box(row, box):
    return box


def _guess(picture: np.ndarray, place) -> np.ndarray:
    """Five points in pixels where the template's crop would have them."""
    height, width = picture.shape[:2]
    box = np.array((0.0, 0.0, 1.0, 1.0) if place is None else place, float)
    if box.shape == (5, 2):
        return box
    left, top, right, bottom = box * (width, height, width, height)
    return np.array(POINTS) * (right - left, bottom - top) + (left, top)


def _looked_at(shares: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Points of a crop in pixels of its picture; the guess where they are no face's."""
    template = np.array(POINTS) * SIZE
    place = face_alignment(guess, template)
    points = transform_points(shares * SIZE, place)
    return points if believable(points, transform_points(template, place)) else guess


def _crop_with_points(image, row, box):
    height, width = image.shape[:2]
    left, top, right, bottom = np.array(box) * (width, height, width, height)
    # MTFL counts from the picture's corner, the reader of 300-W from the first pixel's middle.
    shift = 0.5 if SIXTY_EIGHT.name in row.labels else 0.0
    labels = {
        name: (np.array(row.labels[name], float) + shift - (left, top))
        / (right - left, bottom - top)
        for name in (task.name for task in POINT_TASKS)
        if name in row.labels
    }
    return crop_box(image, box), labels


def _save(prepared: PreparedSet, file: Path) -> None:
    prepared.save(file)
    print(f"{file}: {len(prepared)} faces", *prepared.report[:8], sep="\n  ", flush=True)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("points", "people"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked sets")
    parser.add_argument("--out", type=Path, default=Path("runs/kt-prepared"))
    parser.add_argument(
        "--aligner", default=ALIGNER, help="what aligns people: an entry, or a run's folder"
    )
    options = parser.parse_args(arguments)
    if options.what == "points":
        prepare_points(options.data, options.out)
        return
    from recipes.knowledge_transfer.measures import points_of

    aligner = aligner_of(options.aligner)
    prepare_people(options.data, options.out, lambda crops: points_of(aligner, crops, FIVE.name))


def aligner_of(source: str):
    """The network of a run's folder, or of an entry.

    Raises:
        ValueError: there is none, or it does not answer the five points.
    """
    from kerasface import zoo
    from kerasface.training import load_finished
    from kerasface.training.trained_run import is_run

    aligner = load_finished(source) if is_run(source) else zoo.load(source)
    names = [task.name for task in aligner.tasks]
    if FIVE.name not in names:
        raise ValueError(f"{source} does not find {FIVE.name}. Received: tasks {names}")
    return aligner


if __name__ == "__main__":
    main()
