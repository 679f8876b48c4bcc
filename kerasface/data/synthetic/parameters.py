"""Who is in a picture and how it was taken: the numbers that a face is drawn from.

Lengths are in head units: the crop spans -1 to 1 in both directions before pose, x to the right
and y down, so one unit is half a crop.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from kerasface.data.synthetic.expressions import EXPRESSIONS, sample_actions
from kerasface.data.synthetic.randomness import bell, key_of, random_bits, uniform

GENDERS = ("male", "female")
AGES = (4.0, 84.0)  # years
AGE_SPREAD = 2.0  # years by which a person's pictures lie apart from the mean, at most

# Each shape: name -> (mean, standard deviation, how much it differs from men to women).
SHAPES = {
    "head_width": (0.68, 0.022, -0.018),
    "chin": (0.91, 0.025, -0.03),  # y of the chin
    "jaw": (0.42, 0.14, -0.22),  # 0 tapering, 1 square
    "eye_x": (0.30, 0.016, 0.0),
    "eye_y": (-0.17, 0.016, 0.0),
    "eye_width": (0.160, 0.009, 0.006),  # half of it
    "eye_open": (0.070, 0.006, 0.006),  # height of the upper lid above the corners
    "eye_tilt": (0.0, 0.010, 0.008),  # outer corner above the inner one
    "brow_gap": (0.165, 0.014, 0.012),  # from eye to brow
    "brow_thick": (0.034, 0.005, -0.011),
    "brow_arch": (0.030, 0.010, 0.012),
    "nose_length": (0.37, 0.026, -0.012),  # from the eyes to the tip
    "nose_width": (0.115, 0.013, -0.010),  # half of it
    "mouth_drop": (0.27, 0.018, -0.006),  # from the tip of the nose to the mouth
    "mouth_width": (0.250, 0.017, -0.010),  # half of it
    "lip_upper": (0.032, 0.006, 0.008),
    "lip_lower": (0.046, 0.008, 0.010),
    "hairline": (-0.66, 0.035, 0.02),
    "parting": (0.0, 0.09, 0.0),  # slope of the hairline
    "fringe": (0.45, 0.16, 0.0),  # how far the hairline comes down at the temples
    "hair_volume": (0.075, 0.03, 0.03),
}

SKINS = np.array([[0.98, 0.84, 0.74], [0.86, 0.66, 0.52], [0.60, 0.42, 0.31], [0.42, 0.28, 0.21]])
HAIRS = np.array([[0.08, 0.07, 0.07], [0.24, 0.15, 0.09], [0.48, 0.25, 0.10], [0.85, 0.68, 0.38]])
IRISES = np.array([[0.20, 0.11, 0.06], [0.36, 0.24, 0.10], [0.25, 0.42, 0.25], [0.25, 0.42, 0.62]])
LONG_HAIR = (0.15, 0.80)  # probability by gender
BEARD = (0.35, 0.0)  # probability by gender
BEARD_AGE = 18.0
MAKE_UP = (0.0, 0.6)  # upper bound of the red of the lips and the weight of the lashes, by gender


@dataclass(frozen=True)
class FaceParameters:
    """Numbers of `n` faces, a column each; what they look like also depends on the style.

    Attributes:
        identity: `(n,)` int, the person.
        gender: `(n,)` int, index in `GENDERS`; it shapes the other numbers, drawing ignores it.
        age: `(n,)` years.
        expression: `(n,)` int, index in `EXPRESSIONS`; drawing looks only at `actions`.
        actions: `(n, 10)`, columns `ACTIONS`.
        shape: `(n, 21)`, columns `SHAPES`, of the person as a young adult.
        skin, hair, iris: `(n, 3)` RGB in [0, 1].
        hair_length: `(n,)` y where the hair ends; up to 0 it is short.
        beard: `(n,)` strength in [0, 1].
        make_up: `(n,)` strength in [0, 1].
        greying: `(n,)` years by which hair turns grey later than usual.
        hue: `(n,)` in [0, 1), what a style that paints skin as it likes makes of the person.
        yaw, pitch, roll: `(n,)` degrees; positive yaw turns the face to the right of the picture,
            positive pitch down, positive roll clockwise.
        scale: `(n,)` size of the head, 1 is usual.
        shift: `(n, 2)` head units.
        light: `(n, 2)` direction of the light in the picture plane, length up to 1.
        exposure: `(n,)` brightness factor.
        backdrop: `(n, 6)` two RGB colours in [0, 1].
        noise: `(n,)` strength in [0, 1].
        grain: `(n,)` uint32, key of the noise.
    """

    identity: np.ndarray
    gender: np.ndarray
    age: np.ndarray
    expression: np.ndarray
    actions: np.ndarray
    shape: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    hair_length: np.ndarray
    beard: np.ndarray
    make_up: np.ndarray
    greying: np.ndarray
    hue: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    light: np.ndarray
    exposure: np.ndarray
    backdrop: np.ndarray
    noise: np.ndarray
    grain: np.ndarray

    def __len__(self) -> int:
        return len(self.identity)

    def take(self, rows) -> "FaceParameters":
        """The given rows (an index, indices, a slice or a bool mask) as new parameters."""
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        return replace(self, **{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def sample_people(count: int, seed: int) -> dict[str, np.ndarray]:
    """What stays the same in all pictures of a person, one row each.

    Returns:
        The columns of `FaceParameters` from `gender` to `hue` that belong to a person; `age`
        is the mean over the person's pictures. Person `i` does not depend on `count`.
    """
    dice = uniform(key_of(seed, "people"), count, 16)
    gender = (dice[:, 0] < 0.5).astype(np.int32)
    mean, spread, contrast = (np.array(column) for column in zip(*SHAPES.values(), strict=True))
    shape = mean + spread * bell(key_of(seed, "shapes"), count, len(SHAPES))
    shape += contrast * (gender[:, None] - 0.5)
    long_hair = dice[:, 1] < np.array(LONG_HAIR)[gender]
    bearded = dice[:, 3] < np.array(BEARD)[gender]
    low, high = AGES
    return {
        "identity": np.arange(count, dtype=np.int32),
        "gender": gender,
        "age": low + AGE_SPREAD + (high - low - 2 * AGE_SPREAD) * dice[:, 5],
        "shape": shape,
        "skin": _blend(SKINS, dice[:, 6]),
        "hair": _blend(HAIRS, dice[:, 7] * dice[:, 8]),
        "iris": _blend(IRISES, dice[:, 9]),
        "hair_length": np.where(long_hair, 0.35 + 0.65 * dice[:, 2], -0.35 * dice[:, 2]),
        "beard": np.where(bearded, 0.35 + 0.65 * dice[:, 4], 0.0),
        "make_up": np.array(MAKE_UP)[gender] * dice[:, 10],
        "greying": 8 * (dice[:, 11] - 0.5),
        "hue": dice[:, 12],
    }


def sample_faces(count: int, identities: int, seed: int) -> FaceParameters:
    """Parameters of `count` pictures of `identities` people.

    Picture `i` shows person `i % identities`; a person's pictures go through the seven
    expressions in turn, so people and expressions are both balanced.

    Args:
        count: pictures, at least 1.
        identities: people, at least 1.
        seed: integer of at least 0; other seeds give other people.

    Raises:
        ValueError: a count below 1, or a negative seed.
    """
    if count < 1 or identities < 1:
        raise ValueError(
            "faces are drawn of at least one person in at least one picture. "
            f"Received: count={count}, identities={identities}"
        )
    picture = np.arange(count)
    person = picture % identities
    people = {name: column[person] for name, column in sample_people(identities, seed).items()}
    expression = (picture // identities + 3 * person) % len(EXPRESSIONS)
    dice = uniform(key_of(seed, "pictures"), count, 16)
    pose = bell(key_of(seed, "poses"), count, 6)
    light = 2 * dice[:, 1:3] - 1
    people["age"] = people["age"] + AGE_SPREAD * (2 * dice[:, 0] - 1)
    people["beard"] = people["beard"] * (people["age"] >= BEARD_AGE)
    return FaceParameters(
        **people,
        expression=expression.astype(np.int32),
        actions=sample_actions(expression, key_of(seed, "actions")),
        yaw=7 * pose[:, 0],
        pitch=4 * pose[:, 1],
        roll=4 * pose[:, 2],
        scale=1 + 0.035 * pose[:, 3],
        shift=0.03 * pose[:, 4:6],
        light=light,
        exposure=0.85 + 0.3 * dice[:, 3],
        backdrop=_muted(dice[:, 4:10]),
        noise=dice[:, 10],
        grain=random_bits(key_of(seed, "grain"), count, 1)[:, 0],
    )


def _blend(colours: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Colours along a palette, `(n, 3)`, at places in [0, 1)."""
    steps = places * (len(colours) - 1)
    below = steps.astype(np.int64)
    part = (steps - below)[:, None]
    return colours[below] * (1 - part) + colours[below + 1] * part


def _muted(colours: np.ndarray) -> np.ndarray:
    """Pairs of RGB colours `(n, 6)`, half way to grey."""
    pairs = colours.reshape(-1, 2, 3)
    grey = (pairs[..., :1] + pairs[..., 1:2] + pairs[..., 2:]) / 3
    return (0.1 + 0.4 * (pairs + grey)).reshape(-1, 6)
