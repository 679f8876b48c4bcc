"""From parameters to the curves of a face: proportions, age, expression and the turn of the head.

The numbers are a caricature made by eye, in head units (see `parameters`), not measurements.
"""

from dataclasses import dataclass

import numpy as np

from kerasface.data.synthetic.curves import Curve, Outline, curve
from kerasface.data.synthetic.expressions import ACTIONS
from kerasface.data.synthetic.parameters import SHAPES, FaceParameters

# Depth of each part in front of the axis that the head turns about.
DEPTH_EYES, DEPTH_BROWS, DEPTH_MOUTH = 0.42, 0.46, 0.50
DEPTH_BRIDGE, DEPTH_TIP, DEPTH_BASE, DEPTH_CHIN = 0.44, 0.70, 0.56, 0.34
CURVATURE = 1.1  # how much faster the far half of a turned face narrows
CROWN = -1.02  # y of the top of the head

CHILD_UNTIL = 18.0  # years
OLD_FROM, OLD_SPAN = 28.0, 50.0  # years: wrinkles begin, and take to full depth
GREY_FROM, GREY_SPAN = 36.0, 30.0  # years: hair begins to turn grey, and takes to be all grey
RECEDING = (0.30, 0.08)  # how far the hairline goes up with age, by gender


@dataclass(frozen=True)
class Face:
    """The curves of `n` faces in head units, and the pose that puts them in the crop.

    Pairs hold the part on the left of the picture first. `folds` (from the nose past the corners
    of the mouth), `lines` (across the forehead), `frowns` (between the brows) and `bags` (under
    the eyes) are wrinkles, each with a strength in [0, 1]. The bridge of the nose, folds and
    frowns give x over y. `pose` is `(n, 4)`: scaled cosine and sine of the roll, shift x, shift y.
    """

    outline: Outline
    hairline: Curve
    grey: np.ndarray  # share of grey in the hair
    upper_lids: tuple[Curve, Curve]
    lower_lids: tuple[Curve, Curve]
    iris_size: np.ndarray
    brows: tuple[Curve, Curve]
    brow_thick: np.ndarray
    bridge: Curve
    nose_base: Curve
    mouth: tuple[Curve, Curve, Curve, Curve]  # outer upper, inner upper, inner lower, outer lower
    folds: tuple[Curve, Curve]
    lines: tuple[Curve, Curve]
    frowns: tuple[Curve, Curve]
    bags: tuple[Curve, Curve]
    fold_strength: np.ndarray
    line_strength: np.ndarray
    frown_strength: np.ndarray
    bag_strength: np.ndarray
    pose: np.ndarray


class _Sitter:
    """Columns that all parts need: proportions, actions, how young or old, how turned."""

    def __init__(self, parameters: FaceParameters, eye_size: float, acting: float):
        self.shape = dict(zip(SHAPES, parameters.shape.T, strict=True))
        self.act = dict(zip(ACTIONS, parameters.actions.T * acting, strict=True))
        self.child = np.clip((CHILD_UNTIL - parameters.age) / CHILD_UNTIL, 0, 1)
        self.old = np.clip((parameters.age - OLD_FROM) / OLD_SPAN, 0, 1)
        self.eye_size = eye_size
        self.cos_yaw, self.sin_yaw = rotation(parameters.yaw)
        self.cos_pitch, self.sin_pitch = rotation(parameters.pitch)
        self.eye_x = self.shape["eye_x"] - 0.01 * self.child
        self.eye_line = self.shape["eye_y"] + 0.07 * self.child
        gap = self.shape["brow_gap"] * (1 + 0.45 * (eye_size - 1))
        self.brow_line = self.eye_line - gap - 0.01 * self.child
        grown = 1 - 0.22 * self.child + 0.05 * self.old
        self.tip_line = self.eye_line + self.shape["nose_length"] * grown
        self.mouth_gap = 0.24 * np.maximum(self.act["jaw_drop"], 0)
        self.sneer = np.maximum(self.act["lip_raise"], 0)

    def project(self, x, y, depth):
        """A point of the head, seen from the front."""
        return (
            x * self.cos_yaw + depth * self.sin_yaw,
            y * self.cos_pitch + depth * self.sin_pitch,
        )

    def narrowing(self, x):
        """Factor on widths at `x` when the head is turned."""
        return self.cos_yaw - CURVATURE * x * self.sin_yaw


def build_faces(parameters: FaceParameters, eye_size: float = 1.0, acting: float = 1.0) -> Face:
    """The curves of faces.

    Args:
        parameters: of `n` faces.
        eye_size: factor on width and height of the eyes (1 is natural).
        acting: factor on all actions (1 is natural).
    """
    sitter = _Sitter(parameters, eye_size, acting)
    act, old = sitter.act, sitter.old
    cosine, sine = rotation(parameters.roll)
    pose = [cosine * parameters.scale, sine * parameters.scale, *parameters.shift.T]
    raised = np.maximum(act["inner_raise"], 0) + np.maximum(act["outer_raise"], 0)
    grey = (parameters.age - GREY_FROM - parameters.greying) / GREY_SPAN
    return Face(
        **_head(sitter, parameters.gender),
        **_eyes(sitter),
        **_brows(sitter),
        **_nose_and_mouth(sitter),
        grey=_share(grey),
        fold_strength=_share(0.75 * old + 0.25 * act["smile"] + 0.35 * sitter.sneer),
        line_strength=_share(0.85 * old + 0.12 * raised),
        frown_strength=_share(0.35 * old + 0.55 * act["frown"]),
        bag_strength=_share(0.8 * old + 0.15 * act["squint"]),
        pose=np.stack(pose, axis=-1).astype(np.float32),
    )


def _head(sitter: _Sitter, gender: np.ndarray) -> dict:
    shape, child, old = sitter.shape, sitter.child, sitter.old
    _, chin = sitter.project(0.0, shape["chin"] - 0.05 * child, DEPTH_CHIN)
    width = shape["head_width"] * (1 + 0.03 * child) * (1 + sitter.cos_yaw) / 2
    jaw = np.clip(shape["jaw"] - 0.25 * child + 0.25 * old, 0, 1)
    columns = width, np.float64(CROWN), chin + 0.35 * sitter.mouth_gap, jaw
    columns = np.broadcast_arrays(*columns, DEPTH_CHIN * sitter.sin_yaw)
    receding = np.array(RECEDING)[gender] * old
    _, hair_y = sitter.project(0.0, shape["hairline"] - 0.06 * child - receding, DEPTH_BRIDGE)
    fringe = shape["fringe"] * (1 - 0.6 * old)
    return {
        "outline": Outline(*(each.astype(np.float32) for each in columns)),
        "hairline": curve(
            0.30 * sitter.sin_yaw, width, hair_y, shape["parting"], 0.2 * fringe, 0.8 * fringe
        ),
    }


def _eyes(sitter: _Sitter) -> dict:
    act, child = sitter.act, sitter.child
    usual = sitter.eye_size * sitter.shape["eye_open"] * (1 + 0.22 * child)
    above = usual - 0.15 * sitter.old * usual
    above = above * np.clip(1 + 0.6 * act["lid_raise"] - 0.30 * act["squint"], 0.15, 2)
    below = 0.6 * usual * np.clip(1 + 0.3 * act["lid_raise"] - 0.75 * act["squint"], 0.1, 2)
    upper_lids, lower_lids, bags = [], [], []
    for side in (-1, 1):
        x, y = sitter.project(side * sitter.eye_x, sitter.eye_line, DEPTH_EYES)
        half = sitter.eye_size * sitter.shape["eye_width"] * (1 + 0.08 * child)
        half = half * sitter.narrowing(side * sitter.eye_x)
        tilt = -side * sitter.shape["eye_tilt"]
        upper_lids.append(curve(x, half, y - above, tilt, above))
        lower_lids.append(curve(x, half, y + below, tilt, -below))
        bags.append(curve(x, 0.9 * half, y + below + 0.055, tilt, -0.035))
    return {
        "upper_lids": tuple(upper_lids),
        "lower_lids": tuple(lower_lids),
        "bags": tuple(bags),
        "iris_size": (sitter.eye_size * 0.072 * (1 + 0.1 * child)).astype(np.float32),
    }


def _brows(sitter: _Sitter) -> dict:
    act = sitter.act
    inner = -0.095 * act["inner_raise"] + 0.075 * act["frown"] + 0.02 * act["squint"]
    outer = -0.085 * act["outer_raise"] + 0.005 * act["frown"]
    arch = sitter.shape["brow_arch"] + 0.02 * act["outer_raise"]
    brows, frowns, lines = [], [], []
    for side in (-1, 1):
        middle = side * (sitter.eye_x - 0.02 * act["frown"])
        x, y = sitter.project(middle, sitter.brow_line, DEPTH_BROWS)
        half = 0.175 * sitter.narrowing(side * sitter.eye_x)
        brows.append(
            curve(x, half, y + (inner + outer) / 2 - arch, side * (outer - inner) / 2, arch)
        )
        x, y = sitter.project(side * 0.04, sitter.brow_line + 0.01, DEPTH_BROWS)
        frowns.append(curve(y, 0.07, x, side * 0.01))
    for height in (0.12, 0.22):
        x, y = sitter.project(0.0, sitter.brow_line - height, DEPTH_BROWS)
        lines.append(curve(x, 0.33 * sitter.cos_yaw, y, 0.0, 0.03))
    thick = sitter.shape["brow_thick"] * (1 - 0.3 * sitter.child)
    return {
        "brows": tuple(brows),
        "brow_thick": thick.astype(np.float32),
        "frowns": tuple(frowns),
        "lines": tuple(lines),
    }


def _nose_and_mouth(sitter: _Sitter) -> dict:
    shape, act, child, old = sitter.shape, sitter.act, sitter.child, sitter.old
    top_x, top_y = sitter.project(0.0, sitter.eye_line + 0.02, DEPTH_BRIDGE)
    tip_x, tip_y = sitter.project(0.0, sitter.tip_line - 0.015 * act["lip_raise"], DEPTH_TIP)
    base_x, base_y = sitter.project(0.0, sitter.tip_line + 0.045, DEPTH_BASE)
    nose_half = shape["nose_width"] * (1 - 0.18 * child + 0.12 * old + 0.12 * act["lip_raise"])

    line = sitter.tip_line + shape["mouth_drop"] * (1 - 0.12 * child) + 0.045 * act["smile"]
    mouth_x, mouth_y = sitter.project(0.0, line, DEPTH_MOUTH)
    wide = 1 + 0.20 * act["smile"] + 0.25 * act["stretch"] - 0.12 * act["lip_press"]
    half = shape["mouth_width"] * (1 - 0.12 * child) * wide * sitter.cos_yaw
    bend = -0.105 * act["smile"] - 0.01 * sitter.sneer
    full = np.clip(1 - 0.6 * act["lip_press"], 0.3, 1.2) * (1 - 0.35 * old)
    upper = mouth_y - 0.30 * sitter.mouth_gap - 0.055 * sitter.sneer
    lower = mouth_y + 0.70 * sitter.mouth_gap - 0.030 * sitter.sneer
    middles = upper - shape["lip_upper"] * full, upper, lower, lower + shape["lip_lower"] * full
    round_off = np.clip(2.5 * sitter.mouth_gap, 0, 0.6)

    folds = []
    for side in (-1, 1):
        middle = base_x + side * (nose_half + 0.11 + 0.03 * act["smile"]) * sitter.cos_yaw
        slope = side * (0.075 + 0.02 * act["smile"])
        drop = mouth_y - base_y
        folds.append(curve(base_y + 0.55 * drop, 0.45 * drop, middle, slope, -side * 0.01))
    return {
        "bridge": curve(
            (top_y + tip_y) / 2, (tip_y - top_y) / 2, (top_x + tip_x) / 2, (tip_x - top_x) / 2
        ),
        "nose_base": curve(
            base_x, nose_half * sitter.cos_yaw, base_y, 0.0, -0.028 - 0.035 * sitter.sneer
        ),
        "mouth": tuple(_lip(mouth_x, half, mouth_y, each, bend, round_off) for each in middles),
        "folds": tuple(folds),
    }


def rotation(degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine by rational functions, within 1e-6 up to 25 degrees either way.

    A platform's own `cos` may differ in the last bit, which would make faces differ.
    """
    half = degrees * (np.pi / 360)
    square = half * half
    tangent = half * (1 + square * (1 / 3 + square * (2 / 15 + square * 17 / 315)))
    scale = 1 / (1 + tangent * tangent)
    return (1 - tangent * tangent) * scale, 2 * tangent * scale


def _lip(centre, half, line, middle, bend, round_off) -> Curve:
    """A lip's edge through both corners (`line + bend`) and `middle`: rounder with `round_off`."""
    height = middle - line
    return curve(centre, half, middle, 0.0, bend - height * (1 - round_off), -height * round_off)


def _share(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 1).astype(np.float32)
