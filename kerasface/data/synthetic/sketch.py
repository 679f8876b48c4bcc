"""The style "sketch": pencil on paper, lines and hatching, no colour and no light but the hatch."""

import numpy as np

from kerasface.data.synthetic.anatomy import Face
from kerasface.data.synthetic.canvas import Canvas, column
from kerasface.data.synthetic.landmarks import eye_centres
from kerasface.data.synthetic.parameters import FaceParameters
from kerasface.data.synthetic.parts import Parts

PAPER = 0.95
PENCIL = 0.85  # how much darker than the paper the darkest line is
LINE = 0.013  # half thickness in head units
HATCHES = 9.0  # strokes to a head unit
GRAIN = 0.05


def draw_sketch(face: Face, parameters: FaceParameters, size: int) -> np.ndarray:
    """Pictures of faces, `(n, size, size, 3)` uint8, grey."""
    canvas = Canvas(face.pose, size, 1)
    parts = Parts(canvas, face, parameters)
    canvas.pictures[...] = np.float32(PAPER)
    white = np.full((len(parameters), 1), PAPER, np.float32)

    hair = canvas.ramp(parts.hair_distance())
    hatch = np.clip(2 * parts.stripes(HATCHES, 0.6) - np.float32(0.6), 0, 1)
    darkness = 1 - parameters.hair.max(axis=1).astype(np.float32)
    canvas.darken(parts.whole, hair * hatch, darkness * (1 - np.float32(0.75) * face.grey))
    skin = parts.skin()
    canvas.paint(parts.whole, skin, white)
    canvas.darken(parts.whole, _line(canvas, np.abs(parts.head), LINE), PENCIL)
    light = parameters.light.astype(np.float32)
    shade = parts.whole.x * column(-light[:, 0]) + parts.whole.y * column(-light[:, 1])
    shade = np.clip((shade - np.float32(0.15)) * 2, 0, 1)
    canvas.darken(parts.whole, skin * hatch * shade, 0.35)
    if parameters.beard.any():
        canvas.darken(parts.whole, parts.beard(2.0) * hatch, parameters.beard * 0.7)
    _features(canvas, parts, parameters, white)
    fringe = parts.fringe_distance()
    cover = canvas.ramp(fringe.copy())
    canvas.paint(parts.whole, cover, white)
    canvas.darken(parts.whole, cover * hatch, darkness * (1 - np.float32(0.75) * face.grey))
    canvas.darken(parts.whole, _line(canvas, np.abs(fringe), LINE * 0.7), 0.6)
    canvas.pictures += (canvas.noise(parameters.grain) * np.float32(GRAIN))[:, None]
    return canvas.finish()


def _line(canvas: Canvas, distance: np.ndarray, thick: float) -> np.ndarray:
    distance -= np.float32(thick)
    return canvas.ramp(distance)


def _features(canvas: Canvas, parts: Parts, parameters: FaceParameters, white) -> None:
    """Wrinkles, eyes, brows, nose and mouth as lines."""
    face = parts.face
    for windows, lines, strength in (
        (parts.folds, face.folds, face.fold_strength),
        (parts.frowns, face.frowns, face.frown_strength),
        (parts.lines, face.lines, face.line_strength),
        (parts.eyes, face.bags, face.bag_strength),
    ):
        for window, line in zip(windows, lines, strict=True):
            canvas.darken(window, canvas.stroke(window, line, LINE * 0.8), strength * 0.7)
    lash = (LINE + 0.016 * parameters.make_up).astype(np.float32)
    sides = zip(parts.eyes, face.upper_lids, face.lower_lids, eye_centres(face), strict=True)
    for window, upper, lower, (x, y) in sides:
        inside = canvas.between(window, upper, lower)
        pupil = canvas.disc(window, x, y, face.iris_size * np.float32(0.7))
        canvas.darken(window, inside * pupil, PENCIL)
        canvas.darken(window, canvas.stroke(window, upper, lash), PENCIL)
        canvas.darken(window, canvas.stroke(window, lower, LINE * 0.5), 0.6)
    for window, brow in zip(parts.brows, face.brows, strict=True):
        thick = face.brow_thick * np.float32(0.6)
        canvas.darken(window, canvas.stroke(window, brow, thick, taper=0.5), 0.75)
    side = parts.nose.swapped()
    canvas.darken(parts.nose, canvas.stroke(side, face.bridge, LINE * 0.5), 0.35)
    canvas.darken(parts.nose, canvas.stroke(parts.nose, face.nose_base, LINE), 0.75)
    upper, inner_upper, inner_lower, lower = face.mouth
    window = parts.mouth
    canvas.darken(window, canvas.between(window, upper, lower), 0.12 + 0.4 * parameters.make_up)
    inside = canvas.between(window, inner_upper, inner_lower)
    canvas.paint(window, inside, white)
    for line, strength in ((upper, 0.4), (inner_upper, PENCIL), (inner_lower, 0.6), (lower, 0.5)):
        canvas.darken(window, canvas.stroke(window, line, LINE * 0.8), strength)
