"""The style "photo": shaded skin, soft edges, lighting from one side, sensor noise."""

import numpy as np

from kerasface.data.synthetic.anatomy import Face
from kerasface.data.synthetic.canvas import Canvas, column
from kerasface.data.synthetic.landmarks import eye_centres
from kerasface.data.synthetic.parameters import FaceParameters
from kerasface.data.synthetic.parts import Parts

SOFT = 1.3  # pixels that an edge takes
LIP_RED = np.array([0.72, 0.30, 0.30], np.float32)
MAKE_UP_RED = np.array([0.78, 0.10, 0.16], np.float32)
MOUTH_DARK = np.array([[0.22, 0.05, 0.06]], np.float32)
TEETH = np.array([[0.93, 0.91, 0.86]], np.float32)
SCLERA = np.array([[0.92, 0.91, 0.90]], np.float32)
PUPIL = np.array([[0.03, 0.03, 0.03]], np.float32)
GREY_HAIR = np.array([[0.78, 0.77, 0.76]], np.float32)
TOOTH_HEIGHT = 0.05
STRANDS = 7.0  # strands of hair to a head unit


def draw_photo(face: Face, parameters: FaceParameters, size: int) -> np.ndarray:
    """Pictures of faces, `(n, size, size, 3)` uint8."""
    canvas = Canvas(face.pose, size, 3)
    parts = Parts(canvas, face, parameters)
    skin = parameters.skin.astype(np.float32)
    grey = face.grey[:, None]
    hair = parameters.hair.astype(np.float32) * (1 - grey) + GREY_HAIR * grey

    _backdrop(canvas, parameters)
    canvas.paint(parts.whole, canvas.ramp(parts.hair_distance(), SOFT), hair * np.float32(0.75))
    canvas.paint(parts.whole, parts.neck(SOFT), skin * np.float32(0.75))
    for window, cover in parts.ears(SOFT):
        canvas.paint(window, cover, skin * np.float32(0.85))
    canvas.paint(parts.whole, parts.skin(SOFT), skin)
    if parameters.beard.any():
        cover = parts.beard() * column(parameters.beard.astype(np.float32) * np.float32(0.75))
        canvas.paint(parts.whole, cover, hair * np.float32(0.9))
    _wrinkles(canvas, parts)
    _eyes(canvas, parts, parameters)
    for window, brow in zip(parts.brows, face.brows, strict=True):
        cover = canvas.stroke(window, brow, face.brow_thick, SOFT, taper=0.6)
        canvas.paint(window, cover * np.float32(0.95), hair * np.float32(0.45))
    _nose(canvas, parts, parameters)
    _mouth(canvas, parts, parameters)
    fringe = canvas.ramp(parts.fringe_distance(), SOFT)
    canvas.paint(parts.whole, fringe, hair)
    canvas.darken(parts.whole, fringe * parts.stripes(STRANDS, 0.15), 0.30)
    _light(canvas, parts, parameters)
    return canvas.finish()


def _backdrop(canvas: Canvas, parameters: FaceParameters) -> None:
    """A slope from one colour to another."""
    colours = parameters.backdrop.astype(np.float32)
    size = np.float32(canvas.size)
    slope = (np.arange(canvas.size, dtype=np.float32) / size)[None, None, :, None]
    first, second = colours[:, :3, None, None], colours[:, 3:, None, None]
    canvas.pictures[...] = first + (second - first) * slope


def _wrinkles(canvas: Canvas, parts: Parts) -> None:
    face = parts.face
    for windows, lines, strength, thick in (
        (parts.folds, face.folds, face.fold_strength, 0.016),
        (parts.frowns, face.frowns, face.frown_strength, 0.014),
        (parts.lines, face.lines, face.line_strength, 0.014),
        (parts.eyes, face.bags, face.bag_strength, 0.014),
    ):
        for window, line in zip(windows, lines, strict=True):
            canvas.darken(window, canvas.stroke(window, line, thick, 1.8), strength * 0.42)


def _eyes(canvas: Canvas, parts: Parts, parameters: FaceParameters) -> None:
    face = parts.face
    lash = (0.014 + 0.016 * parameters.make_up).astype(np.float32)
    iris = parameters.iris.astype(np.float32)
    sides = zip(parts.eyes, face.upper_lids, face.lower_lids, eye_centres(face), strict=True)
    for window, upper, lower, (x, y) in sides:
        socket = canvas.disc(window, x, y, upper.half * np.float32(1.15), 0.6, 4.0)
        canvas.darken(window, socket, 0.18)
        cover = canvas.between(window, upper, lower, SOFT)
        canvas.paint(window, cover, SCLERA)
        ring = canvas.disc(window, x, y, face.iris_size, 1.0, SOFT)
        canvas.paint(window, cover * ring, iris)
        pupil = canvas.disc(window, x, y, face.iris_size * np.float32(0.5), 1.0, SOFT)
        canvas.paint(window, cover * pupil, PUPIL)
        canvas.darken(window, canvas.stroke(window, upper, lash, SOFT), 0.85)
        canvas.darken(window, canvas.stroke(window, lower, 0.008, SOFT), 0.4)


def _nose(canvas: Canvas, parts: Parts, parameters: FaceParameters) -> None:
    face, window = parts.face, parts.nose
    shadow = canvas.stroke(window.swapped(), face.bridge, 0.030, 2.5)
    canvas.darken(window, shadow, 0.16)
    canvas.darken(window, canvas.stroke(window, face.nose_base, 0.016, 1.8, taper=0.3), 0.45)


def _mouth(canvas: Canvas, parts: Parts, parameters: FaceParameters) -> None:
    face, window = parts.face, parts.mouth
    upper, inner_upper, inner_lower, lower = face.mouth
    red = parameters.make_up.astype(np.float32)[:, None]
    lips = (LIP_RED + parameters.skin.astype(np.float32)) / 2 * (1 - red) + MAKE_UP_RED * red
    canvas.paint(window, canvas.between(window, upper, lower, SOFT), lips)
    inside = canvas.between(window, inner_upper, inner_lower, SOFT)
    canvas.paint(window, inside, MOUTH_DARK)
    teeth = canvas.between(window, inner_upper, inner_upper.lowered(TOOTH_HEIGHT), SOFT)
    canvas.paint(window, np.minimum(teeth, inside), TEETH)
    canvas.darken(window, canvas.stroke(window, inner_upper, 0.016, SOFT), 0.7)


def _light(canvas: Canvas, parts: Parts, parameters: FaceParameters) -> None:
    """Shades the head like a ball, then exposes the picture and adds noise."""
    light = parameters.light.astype(np.float32) * np.float32(0.30)
    shade = parts.whole.x * column(light[:, 0]) + parts.whole.y * column(light[:, 1])
    edge = np.clip(1 + 3 * parts.head, 0, 1)
    edge *= edge
    shade -= np.float32(0.22) * edge
    shade += 1
    shade *= column(parameters.exposure.astype(np.float32))
    canvas.pictures *= shade[:, None]
    strength = (0.01 + 0.05 * parameters.noise).astype(np.float32)
    canvas.pictures += (canvas.noise(parameters.grain) * column(strength))[:, None]
