"""Procedural faces as a data set: every label is known, because the picture was drawn from it."""

import difflib
from collections.abc import Sequence

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.data.synthetic.landmarks import landmarks5, landmarks68
from kerasface.data.synthetic.parameters import FaceParameters, sample_faces
from kerasface.data.synthetic.randomness import key_of, uniform
from kerasface.data.synthetic.styles import faces_in_style, style_named

TASKS = ("expression", "age", "gender", "identity", "landmarks5", "landmarks68")
PICTURES_A_PERSON = 7  # one of each expression
FEWEST_PEOPLE = 8  # so that small sets still hold both genders and several ages
BATCH = 32  # faces drawn at once: their planes fit in a core's cache
SMALLEST = 16  # pixels


def synthetic_set(
    n: int,
    style: str = "photo",
    seed: int = 0,
    identities: int | None = None,
    size: int = 48,
    tasks: Sequence[str] = TASKS,
) -> PreparedSet:
    """`n` drawn faces with their labels.

    Picture `i` is of person `i % identities`. One seed gives the same people with the same
    expressions in every style; take another seed for other people. The result is the same on
    every platform, and, at equal `identities`, the first pictures of a larger set are those of
    a smaller one.

    Args:
        n: pictures, at least 1.
        style: "photo", "sketch" or "comic".
        seed: integer of at least 0.
        identities: people, default `n / 7`, but at least 8 (or `n`).
        size: pixels of a side, at least 16.
        tasks: labels to give, of "expression" (int32, FER2013's order), "age" (float32 years),
            "gender" (int32: male, female), "identity" (int32), "landmarks5" and "landmarks68"
            (float32 `(points, 2)`, x first, in [0, 1] of the crop). The others are not in the
            set, as with a data set that was never labelled for them.

    Returns:
        A `PreparedSet` of domain `"synthetic_<style>"` with every mask true.

    Raises:
        ValueError: unknown style or task, or a number below its least.

    Example:
        >>> faces = synthetic_set(14, style="sketch", identities=2, tasks=("expression", "age"))
        >>> faces.images.shape, sorted(faces.labels), faces.domain
        ((14, 48, 48, 3), ['age', 'expression'], 'synthetic_sketch')
    """
    for task in tasks:
        if task not in TASKS:
            near = difflib.get_close_matches(str(task), TASKS, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"tasks must be of {TASKS}; {hint}Received: {task!r}")
    style_named(style)
    if identities is None:
        identities = max(min(n, FEWEST_PEOPLE), n // PICTURES_A_PERSON)
    parameters = sample_faces(n, identities, seed)
    points = face_landmarks(parameters, style)
    known = {
        "expression": parameters.expression,
        "age": parameters.age.astype(np.float32),
        "gender": parameters.gender,
        "identity": parameters.identity,
        "landmarks5": landmarks5(points),
        "landmarks68": points,
    }
    return PreparedSet(
        images=draw_faces(parameters, style, size),
        labels={task: known[task] for task in tasks},
        masks={task: np.ones(n, bool) for task in tasks},
        subjects=np.array([f"person-{seed}-{person}" for person in parameters.identity]),
        domain=f"synthetic_{style}",
        names=np.array([f"{style}-{seed}-{picture}" for picture in range(n)]),
        report=(f"synthetic_{style}: {n} drawn of {identities} people, seed {seed}",),
    )


def draw_faces(parameters: FaceParameters, style: str = "photo", size: int = 48) -> np.ndarray:
    """Pictures of faces; a face looks the same whichever others are drawn with it.

    Args:
        parameters: of `n` faces.
        style: "photo", "sketch" or "comic".
        size: pixels of a side, at least 16.

    Returns:
        `(n, size, size, 3)` uint8 RGB.

    Raises:
        ValueError: unknown style, or `size` below 16.
    """
    if size < SMALLEST:
        raise ValueError(f"size must be at least {SMALLEST} pixels. Received: size={size}")
    chosen = style_named(style)
    pictures = np.empty((len(parameters), size, size, 3), np.uint8)
    for start in range(0, len(parameters), BATCH):
        some = parameters.take(slice(start, start + BATCH))
        pictures[start : start + BATCH] = chosen.draw(faces_in_style(some, style), some, size)
    return pictures


def draw_face(parameters: FaceParameters, style: str = "photo", size: int = 48) -> np.ndarray:
    """The picture of one face, `(size, size, 3)` uint8 RGB.

    Raises:
        ValueError: `parameters` are not of exactly one face; see also `draw_faces`.

    Example:
        >>> people = sample_faces(7, identities=1, seed=0)
        >>> draw_face(people.take(3), "comic", size=64).shape
        (64, 64, 3)
    """
    if len(parameters) != 1:
        raise ValueError(
            "draw_face takes parameters of one face, as `parameters.take(0)` gives. "
            f"Received: parameters of {len(parameters)} faces"
        )
    return draw_faces(parameters, style, size)[0]


def face_landmarks(parameters: FaceParameters, style: str = "photo") -> np.ndarray:
    """The 68 ibug points of faces as a style draws them.

    Returns:
        `(n, 68, 2)` float32 in [0, 1] of the crop, x first; 0 is the left or top edge of the
        picture, so pixel `j` has its centre at `(j + 0.5) / size`.
    """
    return landmarks68(faces_in_style(parameters, style))


def split_identities(
    faces: PreparedSet, held_out: float = 0.25, seed: int = 0
) -> tuple[PreparedSet, PreparedSet]:
    """Two sets that have no person in common.

    Args:
        faces: a set in which every row has a subject.
        held_out: share of the people in the second set, above 0 and below 1.
        seed: which people.

    Returns:
        `(train, test)`; at least one person in each.

    Raises:
        ValueError: rows without a subject, fewer than two people, or a share out of range.

    Example:
        >>> train, test = split_identities(synthetic_set(40, identities=8))
        >>> len(train), len(test), set(train.subjects) & set(test.subjects)
        (30, 10, set())
    """
    people = np.unique(faces.subjects)
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1. Received: held_out={held_out}")
    if len(people) < 2 or "" in people:
        raise ValueError(
            "a split by identity needs two people or more, and a subject in every row. "
            f"Received: {len(people)} subjects, {np.sum(faces.subjects == '')} rows without one"
        )
    order = np.argsort(uniform(key_of(seed, "held out"), len(people), 1)[:, 0], kind="stable")
    count = min(max(round(held_out * len(people)), 1), len(people) - 1)
    test = np.isin(faces.subjects, people[order[:count]])
    return faces.take(~test), faces.take(test)
